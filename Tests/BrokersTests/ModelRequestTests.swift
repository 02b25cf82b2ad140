// SPDX-License-Identifier: Apache-2.0
import Documents
import Testing

@testable import Brokers

@Suite("requests to a model")
struct ModelRequestTests {
    private func admit(_ request: ModelRequest, _ policy: ModelPolicy? = nil) throws -> AdmittedRequest {
        try request.admitted(by: try policy ?? ModelScene.policy(), prices: ModelScene.prices)
    }

    private func text(_ request: AdmittedRequest) -> String { String(decoding: request.body, as: UTF8.self) }

    @Test("go on as they are, to the byte, where nothing has to be added")
    func untouched() throws {
        let body = """
             { "model" : "m-1","max_tokens":  100, "messages":[ {"role":"user","content":[{"type":"text","text":"\\u00e9\\/ é"},
            {"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA=="}},
            {"type":"tool_result","tool_use_id":"x","content":[{"type":"document","source":{"type":"content","content":"a"}}]}]}],
            "tools":[{"name":"web_search","input_schema":{}},{"type":"bash_20250124","name":"bash"},{"type":"custom","name":"x"}],
            "stream":true,"metadata":{"user_id":"u"},"thinking":{"type":"adaptive"},"fallbacks":[],"service_tier":"auto" }
            """
        let request = try admit(ModelScene.request("/v1/messages?beta=true", body))
        #expect(text(request) == body && request.changes.isEmpty && request.isStreaming)
        #expect(request.model == "m-1" && request.path == "/v1/messages?beta=true" && request.method == "POST")
        for shape in AnswerShape.allCases
        where !shape.rawValue.hasPrefix("chatStream") && !shape.rawValue.hasPrefix("responses") {
            #expect(try admit(shape.request()).changes.isEmpty, "\(shape)")
            #expect(try admit(shape.request()).body == shape.request().body, "\(shape)")
            #expect(try admit(shape.request()).isStreaming == shape.isStream, "\(shape)")
        }
    }

    static let additions: [(target: String, body: String, expected: String)] = [
        (
            "/v1/chat/completions", #"{"model":"m","messages":[]}"#,
            #"{"max_completion_tokens":1000,"model":"m","messages":[]}"#
        ),
        (
            "/v1/chat/completions", #"{"model":"m","max_tokens":9,"messages":[],"stream":true}"#,
            #"{"stream_options":{"include_usage":true},"model":"m","max_tokens":9,"messages":[],"stream":true}"#
        ),
        (
            "/v1/chat/completions", #"{"model":"m","max_tokens":9,"messages":[],"stream":true,"stream_options":null}"#,
            #"{"model":"m","max_tokens":9,"messages":[],"stream":true,"stream_options":{"include_usage":true}}"#
        ),
        (
            "/v1/chat/completions",
            #"{"model":"m","max_tokens":9,"messages":[],"stream":true,"stream_options":{ "include_usage" : false }}"#,
            #"{"model":"m","max_tokens":9,"messages":[],"stream":true,"stream_options":{ "include_usage" : true }}"#
        ),
        (
            "/v1/chat/completions",
            #"{"model":"m","messages":[],"stream":true,"stream_options":{},"max_completion_tokens":null}"#,
            #"{"model":"m","messages":[],"stream":true,"stream_options":{"include_usage":true},"max_completion_tokens":1000}"#
        ),
        (
            "/v1/responses", #"{"model":"m","input":"x"}"#,
            #"{"store":false,"max_output_tokens":1000,"model":"m","input":"x"}"#
        ),
        (
            "/v1/responses", #"{"model":"m","input":[],"store":null,"max_output_tokens":null}"#,
            #"{"model":"m","input":[],"store":false,"max_output_tokens":1000}"#
        ),
        (
            "/model/other.x/converse", #"{"messages":[]}"#, #"{"inferenceConfig":{"maxTokens":1000},"messages":[]}"#
        ),
        (
            "/model/anthropic.m/converse", #"{"messages":[],"inferenceConfig":{"topP":1}}"#,
            #"{"messages":[],"inferenceConfig":{"maxTokens":1000,"topP":1}}"#
        ),
        (
            "/v1beta/models/m:generateContent", #"{"contents":[]}"#,
            #"{"generationConfig":{"maxOutputTokens":1000},"contents":[]}"#
        ),
        (
            "/v1beta/models/m:generateContent", #"{"contents":[],"generation_config":{"max_output_tokens":null}}"#,
            #"{"contents":[],"generation_config":{"max_output_tokens":1000}}"#
        ),
    ]

    @Test("get a bound and a count where they have none, and nothing else", arguments: additions)
    func adds(_ c: (target: String, body: String, expected: String)) throws {
        let target = c.target.replacing("other.x", with: "anthropic.m")
        let request = try admit(ModelScene.request(target, c.body))
        // Two members that go first stand in either order.
        let swapped = c.expected.replacing(
            #""store":false,"max_output_tokens":1000,"#, with: #""max_output_tokens":1000,"store":false,"#)
        #expect(text(request) == c.expected || text(request) == swapped, "\(text(request))")
        #expect(!request.changes.isEmpty)
        _ = try JSONParser.parse(request.body)
        // What was added is enough: it is not added again.
        #expect(try admit(ModelScene.request(target, text(request))).body == request.body)
    }

    @Test("take along the fields that mean something, and no credential")
    func fields() throws {
        let fields = [
            ModelField("Anthropic-Version", "2023-06-01"), ModelField("anthropic-beta", "a,b"),
            ModelField("anthropic-beta", "c"), ModelField("X-Api-Key", "k"), ModelField("Authorization", "Bearer k"),
            ModelField("Cookie", "c"), ModelField("OpenAI-Organization", "o"), ModelField("Accept-Encoding", "gzip"),
            ModelField("User-Agent", "u/1"), ModelField("X-Forwarded-For", "::1"),
            ModelField("anthropic-beta", "\u{7}"),
        ]
        let request = try admit(
            ModelScene.request("/v1/messages", #"{"model":"m","max_tokens":1,"messages":[]}"#, fields: fields))
        #expect(
            request.fields == [
                ModelField("Anthropic-Version", "2023-06-01"), ModelField("anthropic-beta", "a,b"),
                ModelField("anthropic-beta", "c"), ModelField("User-Agent", "u/1"),
                ModelField("accept-encoding", "identity"), ModelField("content-type", "application/json"),
            ])
    }

    @Test("cost at most what a byte to a token and all of the output come to")
    func amounts() throws {
        let request = try AnswerShape.anthropicPlain.admitted(bound: 100)
        let bytes = request.body.count
        let estimate = Double(bytes / 2 + 1) * 3.75 + 1500
        #expect(request.estimate.count == Int(estimate.rounded(.up)))
        #expect(request.ceiling.count == (bytes + 4096) * 6 + 1500)
        let policy = try ModelScene.policy(tools: ["web_search_20250305"])
        let body = #"{"model":"m","max_tokens":1,"messages":[],"tools":[{"type":"web_search_20250305"}]}"#
        let searching = try admit(ModelScene.request("/v1/messages", body), policy)
        #expect(searching.ceiling.count > 16 * 10_000 + 16 * 4096 * 6)
    }

    @Test("that cost nothing have no prices, and are judged all the same")
    func free() throws {
        let body = #"{"model":"unpriced","messages":[{"role":"user","content":"x"}]}"#
        let request = try admit(ModelScene.request("/v1/messages/count_tokens", body))
        #expect(request.prices == nil && request.estimate == .zero && text(request) == body)
        let fetching =
            #"{"model":"m","messages":[{"role":"user","content":[{"type":"image","source":{"type":"url","url":"x"}}]}]}"#
        let policy = try ModelScene.policy()
        #expect(ModelScene.verdict(ModelScene.request("/v1/messages/count_tokens", fetching), policy) == .address)
        let list = ModelRequest(
            method: "GET", target: "/v1/models?limit=1000", fields: [ModelField("anthropic-version", "x")])
        #expect(try admit(list).path == "/v1/models" && admit(list).route.api == .anthropicMessages)
    }

    @Test("with more values, depth or bytes than are read are refused")
    func bounds() throws {
        let policy = try ModelScene.policy(body: 4096)
        let start = #"{"model":"m","max_tokens":1,"messages":[],"metadata":"#
        func verdict(_ text: String) -> ModelRefusal.Reason? {
            ModelScene.verdict(ModelScene.request("/v1/messages", start + text + "}"), policy)
        }
        #expect(verdict("{}") == nil)
        #expect(verdict(String(repeating: "[", count: 127) + String(repeating: "]", count: 127)) == nil)
        #expect(verdict(String(repeating: "[", count: 128) + String(repeating: "]", count: 128)) == .malformed)
        #expect(verdict("\"\(String(repeating: "x", count: 4096))\"") == .tooLarge)
    }
}
