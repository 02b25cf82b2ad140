// SPDX-License-Identifier: Apache-2.0
import Documents
import LinuxSystem
import Testing

@testable import Brokers

/// A policy, prices and requests for tests of the model broker.
enum ModelScene {
    static let prices: PriceTable = {
        let text = """
            version: 1
            date: "2020-01-01"
            source: a test
            models:
              - models: [m*, us.anthropic.m-v1:0, anthropic.m*]
                input: 3
                output: 15
                cache_read: 0.30
                cache_write: 3.75
                cache_write_long: 6
                tool_call: 0.01
              - models: [long*]
                input: 1
                output: 2
                cache_read: 0.5
                cache_write: 1
                cache_write_long: 1
                long: {above: 1000, input: 2, output: 4, cache_read: 1, cache_write: 2, cache_write_long: 2}
            """
        do { return try PriceTable(try Node.read(Array(text.utf8), file: "test.yaml")) } catch {
            fatalError("\(error)")
        }
    }()

    static func policy(
        tools: [String] = [], grants: ModelPolicy.Grants = [], vetted: Set<String> = [], output: Int = 1000,
        budget: Int = 1_000_000, turns: Int = 100, apis: Set<ModelAPI> = Set(ModelAPI.allCases), body: Int = 1 << 20
    ) throws -> ModelPolicy {
        let patterns = ["m*", "long*", "unpriced", "us.anthropic.*", "anthropic.*", "other.*"]
        return try #require(
            ModelPolicy(
                apis: apis, models: patterns.compactMap(NamePattern.init), maximumOutputTokens: output,
                vendorTools: tools.compactMap(NamePattern.init), grants: grants, vettedKeys: vetted,
                budget: MicroDollars(budget), turns: turns, maximumBody: body))
    }

    static let json = ModelField("Content-Type", "application/json")

    static func request(_ target: String, _ body: String, fields: [ModelField] = []) -> ModelRequest {
        ModelRequest(method: "POST", target: target, fields: [json] + fields, body: Array(body.utf8))
    }

    /// The reason of a refusal; nil when the request is admitted.
    static func verdict(_ request: ModelRequest, _ policy: ModelPolicy) -> ModelRefusal.Reason? {
        do throws(ModelRefusal) {
            _ = try request.admitted(by: policy, prices: prices)
            return nil
        } catch {
            return error.reason
        }
    }
}

/// The ways in which an answer can come, with a vendor that counts for itself.
enum AnswerShape: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case anthropicPlain, anthropicStream, chatPlain, chatStream, responsesPlain, responsesStream
    case invokePlain, invokeStream, conversePlain, converseStream, geminiPlain, geminiStream

    var testDescription: String { rawValue }
    var isStream: Bool { rawValue.hasSuffix("Stream") }

    /// What the model calls itself; AWS has that inside of a longer name.
    private var name: String { rawValue.hasPrefix("invoke") ? "m-v1" : "m-1" }

    /// A request that is answered so.
    func request(text: String = "hello", bound: Int = 100) -> ModelRequest {
        let stream = isStream ? #","stream":true"# : ""
        switch self {
        case .anthropicPlain, .anthropicStream:
            return ModelScene.request(
                "/v1/messages",
                #"{"model":"m-1","max_tokens":\#(bound),"messages":[{"role":"user","content":"\#(text)"}]\#(stream)}"#)
        case .chatPlain, .chatStream:
            return ModelScene.request(
                "/v1/chat/completions",
                #"{"model":"m-1","max_tokens":\#(bound),"messages":[{"role":"user","content":"\#(text)"}]\#(stream)}"#)
        case .responsesPlain, .responsesStream:
            return ModelScene.request(
                "/v1/responses", #"{"model":"m-1","max_output_tokens":\#(bound),"input":"\#(text)"\#(stream)}"#)
        case .invokePlain, .invokeStream:
            return ModelScene.request(
                "/model/us.anthropic.m-v1%3A0/\(isStream ? "invoke-with-response-stream" : "invoke")",
                #"{"anthropic_version":"b","max_tokens":\#(bound),"messages":[{"role":"user","content":"\#(text)"}]}"#)
        case .conversePlain, .converseStream:
            return ModelScene.request(
                "/model/us.anthropic.m-v1%3A0/\(isStream ? "converse-stream" : "converse")",
                #"{"inferenceConfig":{"maxTokens":\#(bound)},"messages":[{"role":"user","content":[{"text":"\#(text)"}]}]}"#
            )
        case .geminiPlain, .geminiStream:
            return ModelScene.request(
                "/v1beta/models/m-1:\(isStream ? "streamGenerateContent?alt=sse" : "generateContent")",
                #"{"generationConfig":{"maxOutputTokens":\#(bound)},"contents":[{"parts":[{"text":"\#(text)"}]}]}"#)
        }
    }

    func admitted(text: String = "hello", bound: Int = 100) throws -> AdmittedRequest {
        try request(text: text, bound: bound).admitted(by: try ModelScene.policy(), prices: ModelScene.prices)
    }

    /// What this API can tell of a use: not all have each count.
    func told(_ use: TokenUsage) -> TokenUsage {
        var use = use
        switch self {
        case .anthropicPlain, .anthropicStream: break
        case .chatPlain, .chatStream, .responsesPlain, .responsesStream:
            (use.cacheWrite, use.cacheWriteLong) = (use.cacheWrite + use.cacheWriteLong, 0)
        case .invokePlain, .invokeStream: break
        case .conversePlain, .converseStream:
            (use.cacheWrite, use.cacheWriteLong) = (use.cacheWrite + use.cacheWriteLong, 0)
            use.reasoning = 0
        case .geminiPlain, .geminiStream:
            use.input += use.cacheWrite + use.cacheWriteLong
            (use.cacheWrite, use.cacheWriteLong) = (0, 0)
        }
        if !rawValue.hasPrefix("anthropic"), !rawValue.hasPrefix("invoke") { use.toolCalls = 0 }
        return use
    }

    var head: ModelAnswerHead {
        let type =
            switch self {
            case .invokeStream, .converseStream: "application/vnd.amazon.eventstream"
            case _ where isStream: "text/event-stream; charset=utf-8"
            default: "application/json"
            }
        return ModelAnswerHead(status: 200, fields: [ModelField("Content-Type", type)])
    }

    /// The bytes of an answer that used so much.
    func body(_ use: TokenUsage, text: String = "some words") -> [UInt8] {
        switch self {
        case .anthropicPlain, .invokePlain:
            Array(
                #"{"type":"message","model":"\#(name)","content":[{"type":"text","text":"\#(text)"}],"usage":\#(anthropic(use))}"#
                    .utf8)
        case .anthropicStream: Self.events(anthropicEvents(use, text))
        case .invokeStream:
            anthropicEvents(use, text).flatMap { event in
                let wrapped = String(decoding: Base64.encode(Array(event.utf8)), as: UTF8.self)
                return Self.frame("chunk", #"{"bytes":"\#(wrapped)","p":"abc"}"#)
            }
        case .chatPlain:
            Array(
                #"{"object":"chat.completion","model":"m-1","choices":[{"message":{"content":"\#(text)"}}],"usage":\#(chat(use))}"#
                    .utf8)
        case .chatStream:
            Self.events([
                #"{"model":"m-1","choices":[{"delta":{"content":"\#(text)"}}],"usage":null}"#,
                #"{"model":"m-1","choices":[],"usage":\#(chat(use))}"#, "[DONE]",
            ])
        case .responsesPlain: Array(response(use, text).utf8)
        case .responsesStream:
            Self.events([
                #"{"type":"response.created","response":{"model":"m-1","usage":null}}"#,
                #"{"type":"response.output_text.delta","delta":"\#(text)"}"#,
                #"{"type":"response.completed","response":\#(response(use, text))}"#,
            ])
        case .conversePlain:
            Array(#"{"output":{"message":{"content":[{"text":"\#(text)"}]}},"usage":\#(converse(use))}"#.utf8)
        case .converseStream:
            Self.frame("messageStart", #"{"role":"assistant"}"#)
                + Self.frame("contentBlockDelta", #"{"delta":{"text":"\#(text)"}}"#)
                + Self.frame("metadata", #"{"usage":\#(converse(use)),"metrics":{"latencyMs":1}}"#)
        case .geminiPlain: Array(gemini(use, text, end: true).utf8)
        case .geminiStream:
            Self.events([
                gemini(
                    TokenUsage(input: use.input, cacheRead: use.cacheRead, cacheWrite: use.cacheWrite), text, end: false
                ),
                gemini(use, text, end: true),
            ])
        }
    }

    // MARK: Counts as vendors write them

    private func anthropic(_ use: TokenUsage, output: Int? = nil) -> String {
        let written = use.cacheWrite + use.cacheWriteLong
        return """
            {"input_tokens":\(use.input),"output_tokens":\(output ?? use.output),"cache_read_input_tokens":\(use.cacheRead),\
            "cache_creation_input_tokens":\(written),"cache_creation":{"ephemeral_5m_input_tokens":\(use.cacheWrite),\
            "ephemeral_1h_input_tokens":\(use.cacheWriteLong)},"service_tier":"standard",\
            "output_tokens_details":{"thinking_tokens":\(output == nil ? use.reasoning : 0)},\
            "server_tool_use":{"web_search_requests":\(output == nil ? use.toolCalls : 0)}}
            """
    }

    private func anthropicEvents(_ use: TokenUsage, _ text: String) -> [String] {
        var last = #"{"type":"message_stop"}"#
        if self == .invokeStream {
            last = """
                {"type":"message_stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":\(use.input),\
                "outputTokenCount":\(use.output),"cacheReadInputTokenCount":\(use.cacheRead),\
                "cacheWriteInputTokenCount":\(use.cacheWrite + use.cacheWriteLong)}}
                """
        }
        return [
            #"{"type":"message_start","message":{"model":"\#(name)","usage":\#(anthropic(use, output: min(1, use.output)))}}"#,
            #"{"type":"content_block_delta","delta":{"type":"text_delta","text":"\#(text)"}}"#,
            // Running totals: two of them are no sum.
            #"{"type":"message_delta","delta":{},"usage":{"output_tokens":\#(max(min(1, use.output), use.output / 2))}}"#,
            #"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":\#(anthropic(use))}"#, last,
        ]
    }

    private func chat(_ use: TokenUsage) -> String {
        """
        {"prompt_tokens":\(use.prompt),"completion_tokens":\(use.output),"total_tokens":\(use.prompt + use.output),\
        "prompt_tokens_details":{"cached_tokens":\(use.cacheRead),"cache_write_tokens":\(use.cacheWrite + use.cacheWriteLong)},\
        "completion_tokens_details":{"reasoning_tokens":\(use.reasoning)}}
        """
    }

    private func response(_ use: TokenUsage, _ text: String) -> String {
        """
        {"object":"response","model":"m-1","output":[{"text":"\(text)"}],"usage":{"input_tokens":\(use.prompt),\
        "input_tokens_details":{"cached_tokens":\(use.cacheRead),"cache_write_tokens":\(use.cacheWrite + use.cacheWriteLong)},\
        "output_tokens":\(use.output),"output_tokens_details":{"reasoning_tokens":\(use.reasoning)}}}
        """
    }

    private func converse(_ use: TokenUsage) -> String {
        """
        {"inputTokens":\(use.input),"outputTokens":\(use.output),"totalTokens":\(use.prompt + use.output),\
        "cacheReadInputTokens":\(use.cacheRead),"cacheWriteInputTokens":\(use.cacheWrite + use.cacheWriteLong)}
        """
    }

    private func gemini(_ use: TokenUsage, _ text: String, end: Bool) -> String {
        """
        {"modelVersion":"m-1","candidates":[{"content":{"parts":[{"text":"\(text)"}]}\(end ? #","finishReason":"STOP""# : "")}],\
        "usageMetadata":{"promptTokenCount":\(use.prompt),"cachedContentTokenCount":\(use.cacheRead),\
        "candidatesTokenCount":\(use.output - use.reasoning),"thoughtsTokenCount":\(use.reasoning)}}
        """
    }

    // MARK: Framing

    static func events(_ data: [String], lineEnd: String = "\n") -> [UInt8] {
        data.flatMap { Array("event: x\(lineEnd)data: \($0)\(lineEnd)\(lineEnd)".utf8) }
    }

    static func frame(_ type: String, _ payload: String, message: String = "event") -> [UInt8] {
        var headers: [UInt8] = []
        for (name, value) in [(":message-type", message), (":event-type", type)] {
            headers += [UInt8(name.utf8.count)] + name.utf8 + [7, 0, UInt8(value.utf8.count)] + value.utf8
        }
        let payload = Array(payload.utf8)
        func number(_ value: Int) -> [UInt8] { [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) } }
        var frame = number(16 + headers.count + payload.count) + number(headers.count)
        frame += number(Int(CRC32.of(frame)))
        frame += headers + payload
        return frame + number(Int(CRC32.of(frame)))
    }
}

/// Numbers that are the same every time.
struct Drawn {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next(_ bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(state >> 33) % bound
    }
}
