// SPDX-License-Identifier: Apache-2.0

/// The form in which a vendor takes requests and gives answers; both without streaming.
package enum ModelShape: Sendable, Equatable {
    case anthropicMessages
    case openAIChat

    /// - Parameter name: As model files and presets spell it.
    package init?(named name: String) {
        switch name {
        case "anthropic-messages": self = .anthropicMessages
        case "openai-chat": self = .openAIChat
        default: return nil
        }
    }

    package var path: String {
        switch self {
        case .anthropicMessages: "/v1/messages"
        case .openAIChat: "/v1/chat/completions"
        }
    }

    /// Fields of the request beside those of every request. The key is none: the real one is added outside.
    package var fields: [(name: String, value: String)] {
        switch self {
        case .anthropicMessages: [("anthropic-version", "2023-06-01"), ("x-api-key", "none")]
        case .openAIChat: [("authorization", "Bearer none")]
        }
    }

    /// The body of a request.
    ///
    /// - Parameter outputTokens: The most that the answer may have.
    package func request(_ conversation: Conversation, model: String, outputTokens: Int) -> [UInt8] {
        switch self {
        case .anthropicMessages: Self.anthropic(conversation, model, outputTokens).text
        case .openAIChat: Self.chat(conversation, model, outputTokens).text
        }
    }

    package func answer(_ body: [UInt8], names: inout CallNames) throws(AnswerFlaw) -> ModelAnswer {
        let tree: JSONTree
        do throws(JSONReader.Flaw) { tree = try JSONReader.read(body) } catch {
            throw AnswerFlaw("is no JSON: \(error.reason), at byte \(error.offset)")
        }
        switch self {
        case .anthropicMessages: return try Self.anthropic(tree, &names)
        case .openAIChat: return try Self.chat(tree, &names)
        }
    }

    /// What an error's body says; nil when it is in no vendor's form.
    package static func message(ofError body: [UInt8]) -> String? {
        let tree: JSONTree?
        do throws(JSONReader.Flaw) { tree = try JSONReader.read(body) } catch { tree = nil }
        return tree?["error"]?["message"]?.string ?? tree?["message"]?.string
    }
}

/// One answer of a model.
package struct ModelAnswer: Sendable, Equatable {
    package enum Stop: Sendable, Equatable {
        /// It said what it wanted to.
        case finished
        /// It ran into the limit of tokens; its last call may be cut.
        case cut
        /// It does not want to.
        case declined
    }

    package let said: [Conversation.Said]
    package let stop: Stop
}

/// Why an answer cannot be used; reads on from "the model's answer".
package struct AnswerFlaw: Error, Equatable {
    package let reason: String

    init(_ reason: String) { self.reason = reason }
}

/// Names for the calls of a conversation: a vendor's own, where it is one and was none before.
package struct CallNames: Sendable {
    private var taken: Set<String> = []
    private static let longest = 200

    package init() {}

    mutating func name(_ given: String?) -> String {
        if let given, !given.isEmpty, given.utf8.count <= Self.longest, taken.insert(given).inserted { return given }
        var name = "call_\(taken.count + 1)"
        while !taken.insert(name).inserted { name += "_" }
        return name
    }
}
