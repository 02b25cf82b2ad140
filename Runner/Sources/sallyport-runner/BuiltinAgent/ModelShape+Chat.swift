// SPDX-License-Identifier: Apache-2.0

/// OpenAI Chat Completions, which many servers of local models speak, too.
extension ModelShape {
    static func chat(_ conversation: Conversation, _ model: String, _ outputTokens: Int) -> JSONTree {
        var messages = [
            message("system", conversation.system), message("user", conversation.prompt),
        ]
        for turn in conversation.turns {
            let calls = turn.calls
            var members: [JSONTree.Member] = [
                .init("role", .string("assistant")),
                .init("content", turn.text.isEmpty ? .null : .string(turn.text)),
            ]
            if !calls.isEmpty { members.append(.init("tool_calls", .array(calls.map(chatCall)))) }
            messages.append(.object(members))
            for (call, result) in zip(calls, turn.results) {
                messages.append(
                    .object([
                        .init("role", .string("tool")), .init("tool_call_id", .string(call.id)),
                        .init("content", .string(result.text)),
                    ]))
            }
            if let note = turn.note { messages.append(message("user", note)) }
        }
        return .object([
            .init("model", .string(model)), .init("max_completion_tokens", .int(outputTokens)),
            .init("messages", .array(messages)),
            .init(
                "tools",
                .array(
                    ToolList.all.map { tool in
                        .object([
                            .init("type", .string("function")),
                            .init(
                                "function",
                                .object([
                                    .init("name", .string(tool.name)),
                                    .init("description", .string(tool.description)), .init("parameters", tool.schema),
                                ])),
                        ])
                    })),
        ])
    }

    private static func message(_ role: String, _ text: String) -> JSONTree {
        .object([.init("role", .string(role)), .init("content", .string(text))])
    }

    private static func chatCall(_ call: ToolCall) -> JSONTree {
        let arguments = String(decoding: JSONTree.object(call.arguments ?? []).text, as: UTF8.self)
        return .object([
            .init("id", .string(call.id)), .init("type", .string("function")),
            .init(
                "function",
                .object([.init("name", .string(call.name)), .init("arguments", .string(arguments))])),
        ])
    }

    // MARK: Answer

    static func chat(_ tree: JSONTree, _ names: inout CallNames) throws(AnswerFlaw) -> ModelAnswer {
        guard let choice = tree["choices"]?.array?.first, let message = choice["message"], message.members != nil else {
            throw AnswerFlaw("has no choice with a message")
        }
        var said: [Conversation.Said] = []
        let text = try chatText(message["content"])
        if !PlainText.isBlank(text) { said.append(.text(text)) }
        if let calls = message["tool_calls"], !calls.isNull {
            guard let calls = calls.array else { throw AnswerFlaw("has tool_calls that are no list") }
            for call in calls {
                guard let name = call["function"]?["name"]?.string, let arguments = call["function"]?["arguments"]
                else { throw AnswerFlaw("calls a tool without name or arguments") }
                said.append(
                    .call(
                        ToolCall(
                            id: names.name(call["id"]?.string), name: name, arguments: Self.arguments(arguments))))
            }
        }
        if let refusal = message["refusal"]?.string, !refusal.isEmpty {
            return ModelAnswer(said: said + [.text(refusal)], stop: .declined)
        }
        switch choice["finish_reason"]?.string {
        case "length": return ModelAnswer(said: said, stop: .cut)
        case "content_filter": return ModelAnswer(said: said, stop: .declined)
        case nil: throw AnswerFlaw("does not say why it stopped")
        default: return ModelAnswer(said: said, stop: .finished)
        }
    }

    private static func chatText(_ content: JSONTree?) throws(AnswerFlaw) -> String {
        guard let content, !content.isNull else { return "" }
        if let text = content.string { return text }
        guard let parts = content.array else { throw AnswerFlaw("has content that is no text") }
        var text = ""
        for part in parts {
            guard let piece = part["text"]?.string else { throw AnswerFlaw("has content that is no text") }
            text += piece
        }
        return text
    }

    /// JSON in a string, which the model wrote itself and may have written badly.
    private static func arguments(_ value: JSONTree) -> [JSONTree.Member]? {
        guard let text = value.string else { return value.members }
        if PlainText.isBlank(text) { return [] }
        do throws(JSONReader.Flaw) { return try JSONReader.read(Array(text.utf8)).members } catch { return nil }
    }
}
