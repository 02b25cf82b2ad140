// SPDX-License-Identifier: Apache-2.0

/// Anthropic Messages.
extension ModelShape {
    static func anthropic(_ conversation: Conversation, _ model: String, _ outputTokens: Int) -> JSONTree {
        var messages: [JSONTree] = []
        var user = [block("text", [.init("text", .string(conversation.prompt))])]
        for turn in conversation.turns {
            messages.append(message("user", user))
            messages.append(message("assistant", turn.said.map(anthropicBlock)))
            user = zip(turn.calls, turn.results).map { call, result in
                var members = [
                    JSONTree.Member("tool_use_id", .string(call.id)), .init("content", .string(result.text)),
                ]
                if result.isFailure { members.append(.init("is_error", .bool(true))) }
                return block("tool_result", members)
            }
            if let note = turn.note { user.append(block("text", [.init("text", .string(note))])) }
        }
        messages.append(message("user", marked(user)))
        return .object([
            .init("model", .string(model)), .init("max_tokens", .int(outputTokens)),
            .init("system", .array(marked([block("text", [.init("text", .string(conversation.system))])]))),
            .init(
                "tools",
                .array(
                    ToolList.all.map { tool in
                        .object([
                            .init("name", .string(tool.name)), .init("description", .string(tool.description)),
                            .init("input_schema", tool.schema),
                        ])
                    })),
            .init("messages", .array(messages)),
        ])
    }

    private static func block(_ type: String, _ members: [JSONTree.Member]) -> JSONTree {
        .object([.init("type", .string(type))] + members)
    }

    private static func message(_ role: String, _ content: [JSONTree]) -> JSONTree {
        .object([.init("role", .string(role)), .init("content", .array(content))])
    }

    /// The vendor keeps what comes up to here for the next request, which then costs a tenth.
    private static func marked(_ blocks: [JSONTree]) -> [JSONTree] {
        guard let last = blocks.last, let members = last.members else { return blocks }
        let mark = JSONTree.Member("cache_control", .object([.init("type", .string("ephemeral"))]))
        return blocks.dropLast() + [.object(members + [mark])]
    }

    private static func anthropicBlock(_ said: Conversation.Said) -> JSONTree {
        switch said {
        case .text(let text): block("text", [.init("text", .string(text))])
        case .call(let call):
            block(
                "tool_use",
                [
                    .init("id", .string(call.id)), .init("name", .string(call.name)),
                    .init("input", .object(call.arguments ?? [])),
                ])
        case .kept(let block): block
        }
    }

    // MARK: Answer

    static func anthropic(_ tree: JSONTree, _ names: inout CallNames) throws(AnswerFlaw) -> ModelAnswer {
        guard let content = tree["content"]?.array else { throw AnswerFlaw("has no list of content") }
        var said: [Conversation.Said] = []
        for block in content {
            guard let type = block["type"]?.string else { throw AnswerFlaw("has content without a type") }
            switch type {
            case "text":
                guard let text = block["text"]?.string else { throw AnswerFlaw("has a text that is none") }
                if !PlainText.isBlank(text) { said.append(.text(text)) }
            case "tool_use":
                guard let name = block["name"]?.string, let input = block["input"] else {
                    throw AnswerFlaw("calls a tool without name or input")
                }
                said.append(
                    .call(ToolCall(id: names.name(block["id"]?.string), name: name, arguments: input.members)))
            case "thinking", "redacted_thinking": said.append(.kept(block))
            default: throw AnswerFlaw("has content of an unknown type, \"\(PlainText.line(type, longest: 60))\"")
            }
        }
        switch tree["stop_reason"]?.string {
        case "max_tokens", "model_context_window_exceeded": return ModelAnswer(said: said, stop: .cut)
        case "refusal": return ModelAnswer(said: said, stop: .declined)
        case nil: throw AnswerFlaw("does not say why it stopped")
        default: return ModelAnswer(said: said, stop: .finished)
        }
    }
}
