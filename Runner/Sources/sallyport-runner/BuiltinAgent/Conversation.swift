// SPDX-License-Identifier: Apache-2.0

/// One call of a tool, as the model asked for it.
package struct ToolCall: Sendable, Equatable {
    package let id: String
    package let name: String
    /// Nil where what the model wrote is no JSON object.
    package var arguments: [JSONTree.Member]?

    package init(id: String, name: String, arguments: [JSONTree.Member]?) {
        self.id = id
        self.name = name
        self.arguments = arguments
    }

    package subscript(name: String) -> JSONTree? { JSONTree.object(arguments ?? [])[name] }
}

/// What came of a call.
package struct ToolResult: Sendable, Equatable {
    package var text: String
    /// The tool did not do what was asked: bad arguments, an edit that does not apply. That something is not there is an answer.
    package let isFailure: Bool

    package init(_ text: String, isFailure: Bool = false) {
        self.text = text
        self.isFailure = isFailure
    }

    package static func failed(_ text: String) -> ToolResult { ToolResult(text, isFailure: true) }
}

/// What was said so far, in no vendor's form.
package struct Conversation: Sendable {
    package enum Said: Sendable, Equatable {
        case text(String)
        case call(ToolCall)
        /// A vendor's own block, which is sent back as it came.
        case kept(JSONTree)
    }

    /// One answer of the model, and what it was told then.
    package struct Turn: Sendable {
        package var said: [Said]
        /// One for each call, in their order.
        package var results: [ToolResult] = []
        /// Said to the model after the results.
        package var note: String?

        package init(_ said: [Said]) { self.said = said }

        package var calls: [ToolCall] {
            var calls: [ToolCall] = []
            for said in said { if case .call(let call) = said { calls.append(call) } }
            return calls
        }

        package var text: String {
            var texts: [String] = []
            for said in said { if case .text(let text) = said { texts.append(text) } }
            return texts.joined(separator: "\n")
        }
    }

    package let system: String
    package let prompt: String
    package var turns: [Turn] = []

    package init(system: String, prompt: String) {
        self.system = system
        self.prompt = prompt
    }

    // MARK: Length

    /// Three bytes are a token: more than vendors count for code, so that what fits here fits there.
    package static func tokens(bytes: Int) -> Int { (bytes + 2) / 3 }

    /// Of the whole request, about.
    package func tokens(with tools: Int) -> Int {
        var bytes = system.utf8.count + prompt.utf8.count + tools
        for turn in turns { bytes += Self.bytes(of: turn) }
        return Self.tokens(bytes: bytes)
    }

    /// Names, quotes and brackets around each thing that is said.
    private static let around = 80

    private static func bytes(of turn: Turn) -> Int {
        var bytes = turn.note.map { $0.utf8.count + around } ?? 0
        for said in turn.said {
            switch said {
            case .text(let text): bytes += text.utf8.count
            case .call(let call): bytes += JSONTree.object(call.arguments ?? []).text.count + call.name.utf8.count
            case .kept(let block): bytes += block.text.count
            }
            bytes += around
        }
        for result in turn.results { bytes += result.text.utf8.count + around }
        return bytes
    }

    // MARK: Shortening

    private static let recent = 2
    private static let longestOld = 160
    private static let longestOldText = 1000
    private static let longestRecent = 4000

    /// Makes the request fit a budget of tokens.
    ///
    /// Nothing happens while it fits. Else it is brought to three quarters of the budget, so that the beginning of the
    /// conversation stays the same for a while and a vendor's cache of it is of use. Oldest first, the last two turns excepted:
    /// results of tools are cut; then what the model wrote itself. Where all of that is not enough, the results of the
    /// last two turns are cut, too.
    ///
    /// - Returns: Whether it fits.
    package mutating func shorten(to budget: Int, tools: Int) -> Bool {
        guard tokens(with: tools) > budget else { return true }
        let goal = budget / 4 * 3
        let old = max(0, turns.count - Self.recent)
        for index in 0..<old {
            cutResults(of: index, longest: Self.longestOld)
            if tokens(with: tools) <= goal { return true }
        }
        for index in 0..<old {
            cutWords(of: index)
            if tokens(with: tools) <= goal { return true }
        }
        if tokens(with: tools) <= budget { return true }
        for index in old..<turns.count { cutResults(of: index, longest: Self.longestRecent) }
        return tokens(with: tools) <= budget
    }

    private mutating func cutResults(of index: Int, longest: Int) {
        for result in turns[index].results.indices {
            turns[index].results[result].text = Self.cut(turns[index].results[result].text, longest: longest)
        }
    }

    private mutating func cutWords(of index: Int) {
        var said: [Said] = []
        for one in turns[index].said {
            switch one {
            case .text(let text): said.append(.text(Self.cut(text, longest: Self.longestOldText)))
            case .call(var call):
                guard var arguments = call.arguments else {
                    said.append(one)
                    continue
                }
                for at in arguments.indices {
                    guard case .string(let text) = arguments[at].value else { continue }
                    arguments[at].value = .string(Self.cut(text, longest: Self.longestOld))
                }
                call.arguments = arguments
                said.append(.call(call))
            // What a vendor thinks of an old turn is of no use to the next one.
            case .kept: continue
            }
        }
        if !said.isEmpty { turns[index].said = said }
    }

    private static let mark = "\n[shortened; it had "

    /// Once cut, a text is short enough to stay as it is.
    private static func cut(_ text: String, longest: Int) -> String {
        guard text.utf8.count > longest + 80 else { return text }
        return PlainText.beginning(text, longest: longest) + mark + "\(text.utf8.count) bytes]"
    }
}
