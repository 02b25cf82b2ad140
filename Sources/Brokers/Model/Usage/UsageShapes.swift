// SPDX-License-Identifier: Apache-2.0
internal import Documents

/// Where each API says what it used.
enum UsageShape: Sendable {
    case anthropic, chat, responses, converse, gemini

    init(_ route: ModelRoute) {
        self =
            switch route.api {
            case .anthropicMessages: .anthropic
            case .openAIChat: .chat
            case .openAIResponses: .responses
            case .gemini: .gemini
            case .bedrock:
                route.operation == .invoke || route.operation == .invokeStream ? .anthropic : .converse
            }
    }

    /// Whether the count of the input has in it what a cache had. It has for OpenAI and Google, and not for Anthropic and AWS.
    var includesCache: Bool { self == .chat || self == .responses || self == .gemini }

    /// What one event says of the end of the answer.
    enum Progress { case goesOn, counted, final }

    /// Reads an event of a stream, or a whole answer.
    func read(_ value: JSONValue, isWhole: Bool, into count: inout UsageCount) -> Progress {
        switch self {
        case .anthropic: anthropic(value, into: &count)
        case .chat: chat(value, isWhole: isWhole, into: &count)
        case .responses: responses(value, isWhole: isWhole, into: &count)
        case .converse: converse(value, into: &count)
        case .gemini: gemini(value, isWhole: isWhole, into: &count)
        }
    }

    // MARK: Anthropic

    private func anthropic(_ value: JSONValue, into count: inout UsageCount) -> Progress {
        if let metrics = value["amazon-bedrock-invocationMetrics"] {
            count.note(.input, metrics["inputTokenCount"])
            count.note(.output, metrics["outputTokenCount"])
            count.note(.cacheRead, metrics["cacheReadInputTokenCount"])
            count.note(.cacheWrite, metrics["cacheWriteInputTokenCount"])
            return .final
        }
        switch value["type"]?.string {
        case "message_start":
            count.model = value["message"]?["model"]?.string ?? count.model
            return anthropicUsage(value["message"]?["usage"], into: &count) ? .counted : .goesOn
        case "message_delta": return anthropicUsage(value["usage"], into: &count) ? .counted : .goesOn
        case "message_stop": return .final
        case "message":
            count.model = value["model"]?.string ?? count.model
            return anthropicUsage(value["usage"], into: &count) ? .final : .goesOn
        default: return .goesOn
        }
    }

    private func anthropicUsage(_ usage: JSONValue?, into count: inout UsageCount) -> Bool {
        guard let usage, usage.kind == .object else { return false }
        for (counter, value) in Self.anthropicCounts(usage) { count.note(counter, value) }
        count.note(.reasoning, usage["output_tokens_details"]?["thinking_tokens"])
        count.note(.searches, usage["server_tool_use"]?["web_search_requests"])
        count.note(.fetches, usage["server_tool_use"]?["web_fetch_requests"])
        // The counts beside the steps leave out those that summarised the conversation.
        if let steps = usage["iterations"], steps.kind == .array {
            count.startSteps()
            for step in steps.elements { count.noteSteps(Self.anthropicCounts(step)) }
        }
        tier(usage["service_tier"], ["standard", "batch"], &count)
        tier(usage["speed"], ["standard"], &count)
        tier(usage["inference_geo"], ["global", "not_available"], &count)
        return true
    }

    private static func anthropicCounts(_ usage: JSONValue) -> [(UsageCount.Counter, JSONValue?)] {
        let written = usage["cache_creation"]
        return [
            (.input, usage["input_tokens"]), (.output, usage["output_tokens"]),
            (.cacheRead, usage["cache_read_input_tokens"]), (.cacheWrite, usage["cache_creation_input_tokens"]),
            (.cacheWriteShort, written?["ephemeral_5m_input_tokens"]),
            (.cacheWriteLong, written?["ephemeral_1h_input_tokens"]),
        ]
    }

    /// A tier whose prices are not those of the table.
    private func tier(_ value: JSONValue?, _ plain: Set<String>, _ count: inout UsageCount) {
        if let name = value?.string, !plain.contains(name) { count.flaw(.tier) }
    }

    // MARK: OpenAI

    private func chat(_ value: JSONValue, isWhole: Bool, into count: inout UsageCount) -> Progress {
        count.model = value["model"]?.string ?? count.model
        tier(value["service_tier"], ["auto", "default", "flex"], &count)
        guard let usage = value["usage"], usage.kind == .object else { return .goesOn }
        count.note(.input, usage["prompt_tokens"])
        count.note(.output, usage["completion_tokens"])
        count.note(.cacheRead, usage["prompt_tokens_details"]?["cached_tokens"])
        count.note(.cacheWrite, usage["prompt_tokens_details"]?["cache_write_tokens"])
        count.note(.reasoning, usage["completion_tokens_details"]?["reasoning_tokens"])
        // The count comes in a piece of its own, behind the last choice; some servers send a running one with each piece.
        let hasChoice = value["choices"]?.elements.first { _ in true } != nil
        return isWhole || !hasChoice ? .final : .counted
    }

    private func responses(_ value: JSONValue, isWhole: Bool, into count: inout UsageCount) -> Progress {
        let response: JSONValue
        if isWhole {
            response = value
        } else {
            let ends: Set<String> = ["response.completed", "response.incomplete", "response.failed"]
            guard let type = value["type"]?.string, ends.contains(type), let inner = value["response"] else {
                return .goesOn
            }
            response = inner
        }
        count.model = response["model"]?.string ?? count.model
        tier(response["service_tier"], ["auto", "default", "flex"], &count)
        guard let usage = response["usage"], usage.kind == .object else { return .goesOn }
        count.note(.input, usage["input_tokens"])
        count.note(.output, usage["output_tokens"])
        count.note(.cacheRead, usage["input_tokens_details"]?["cached_tokens"])
        count.note(.cacheWrite, usage["input_tokens_details"]?["cache_write_tokens"])
        count.note(.reasoning, usage["output_tokens_details"]?["reasoning_tokens"])
        return .final
    }

    // MARK: AWS and Google

    private func converse(_ value: JSONValue, into count: inout UsageCount) -> Progress {
        guard let usage = value["usage"], usage.kind == .object else { return .goesOn }
        count.note(.input, usage["inputTokens"])
        count.note(.output, usage["outputTokens"])
        count.note(.cacheRead, usage["cacheReadInputTokens"])
        count.note(.cacheWrite, usage["cacheWriteInputTokens"])
        return .final
    }

    private func gemini(_ value: JSONValue, isWhole: Bool, into count: inout UsageCount) -> Progress {
        count.model = value["modelVersion"]?.string ?? count.model
        guard let usage = value["usageMetadata"], usage.kind == .object else { return .goesOn }
        count.note(.input, usage["promptTokenCount"])
        count.note(.cacheRead, usage["cachedContentTokenCount"])
        count.note(.toolPrompt, usage["toolUsePromptTokenCount"])
        // Thoughts are output that stands beside the candidates, and not in them.
        count.note(.thoughts, usage["thoughtsTokenCount"])
        count.note(.output, usage["candidatesTokenCount"])
        let isLast = value["candidates"]?.elements.contains { $0["finishReason"]?.string != nil } ?? false
        return isWhole || isLast ? .final : .counted
    }
}
