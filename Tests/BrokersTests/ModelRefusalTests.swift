// SPDX-License-Identifier: Apache-2.0
import Documents
import Testing

@testable import Brokers

@Suite("refusals of a model's broker")
struct ModelRefusalTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let target: String
        let body: String
        let reason: ModelRefusal.Reason
        var testDescription: String { "\(target) \(body.prefix(120))" }

        init(_ target: String, _ reason: ModelRefusal.Reason, _ body: String) {
            (self.target, self.reason, self.body) = (target, reason, body)
        }
    }

    private static let anthropic: [(ModelRefusal.Reason, String)] = [
        (.key, #""colour":1"#), (.vendorTool, #""tools":[{"type":"web_search_20250305","name":"web_search"}]"#),
        (.vendorTool, #""tools":[{"type":"web_fetch_20250910"}]"#),
        (.vendorTool, #""tools":[{"type":"code_execution_20250825"}]"#),
        (.vendorTool, #""tools":[{"type":"mcp_toolset"}]"#), (.vendorTool, #""tools":[{"type":"bash_20250124x"}]"#),
        (.vendorTool, #""tools":[{"type":"advisor_20260301"}]"#),
        (.vendorTool, #""tools":[{"typ\u0065":"web_search_20250305"}]"#),
        (.vendorTool, #""mcp_servers":[{"type":"url","url":"https://x.example"}]"#),
        (.malformed, #""tools":[{"type":7}]"#),
        (.malformed, #""tools":{"type":"web_search_20250305"}"#), (.malformed, #""mcp_servers":{}"#),
        (.storedState, #""container":"c_1""#), (.tier, #""service_tier":"priority""#), (.tier, #""speed":"fast""#),
        (.tier, #""inference_geo":"us""#), (.model, #""fallbacks":[{"model":"big"}]"#),
        (.malformed, #""stream":"true""#),
        (.malformed, #""max_tokens":2"#), (.key, #""context_management":{"x":1}"#),
    ]
    private static let anthropicBlocks: [(ModelRefusal.Reason, String)] = [
        (.address, #"{"type":"image","source":{"type":"url","url":"https://x.example/a"}}"#),
        (.address, #"{"type":"document","source":{"type":"url","url":"http://x.example/a"}}"#),
        (.address, #"{"type":"tool_result","content":[{"type":"image","source":{"type":"url","url":"x"}}]}"#),
        (
            .address,
            #"{"type":"document","source":{"type":"content","content":[{"type":"image","source":{"type":"url"}}]}}"#
        ),
        (.storedState, #"{"type":"document","source":{"type":"file","file_id":"f"}}"#),
        (.storedState, #"{"type":"container_upload","file_id":"f"}"#), (.key, #"{"type":"hologram"}"#),
        (
            .vendorTool,
            #"{"type":"tool_addition","tool":{"type":"tool_definition","definition":{"type":"web_fetch_20260318"}}}"#
        ),
        (
            .vendorTool,
            #"{"type":"mid_conv_system","content":[{"type":"tool_addition","tool":{"type":"mcp_toolset_reference"}}]}"#
        ),
        (.key, #"{"type":"tool_addition","tool":{"type":"other"}}"#),
        (.key, #"{"type":"image","source":{"type":"other"}}"#),
        (.malformed, #"{"text":"x"}"#), (.malformed, #"{"type":"image"}"#), (.malformed, "7"),
    ]
    private static let chat: [(ModelRefusal.Reason, String)] = [
        (.variants, #""n":2"#), (.variants, #""n":1.5"#), (.storedState, #""store":true"#),
        (.tier, #""service_tier":"priority""#),
        (.tier, #""service_tier":"fast""#), (.tier, #""modalities":["text","audio"]"#), (.tier, #""audio":{}"#),
        (.vendorTool, #""web_search_options":{}"#), (.vendorTool, #""tools":[{"type":"web_search"}]"#),
        (.outputBound, #""max_tokens":1001"#), (.outputBound, #""max_completion_tokens":1001"#),
        (.malformed, #""max_tokens":-1"#),
        (.malformed, #""max_tokens":1e2"#), (.malformed, #""max_tokens":"9""#),
        (.malformed, #""max_tokens":1,"max_completion_tokens":1"#),
        (.key, #""moderation":{}"#), (.key, #""background":true"#), (.tier, #""prompt_cache_options":{"ttl":"12h"}"#),
        (.key, #""stream":true,"stream_options":{"x":1}"#), (.malformed, #""stream":true,"stream_options":[]"#),
    ]
    private static let chatParts: [(ModelRefusal.Reason, String)] = [
        (.address, #"{"type":"image_url","image_url":{"url":"https://x.example/a.png"}}"#),
        (.address, #"{"type":"image_url","image_url":"HTTPS://x.example/a.png"}"#), (.tier, #"{"type":"input_audio"}"#),
        (.storedState, #"{"type":"file","file":{"file_id":"f"}}"#), (.key, #"{"type":"video"}"#), (.malformed, "{}"),
        (.malformed, #"{"type":"image_url","image_url":{}}"#),
    ]
    private static let responses: [(ModelRefusal.Reason, String)] = [
        (.variants, #""background":true"#), (.storedState, #""store":true"#),
        (.storedState, #""previous_response_id":"r""#),
        (.storedState, #""conversation":"c""#), (.storedState, #""prompt":{"id":"p"}"#),
        (.outputBound, #""max_output_tokens":1001"#),
        (.vendorTool, #""tools":[{"type":"web_search"}]"#),
        (.vendorTool, #""tools":[{"type":"mcp","server_url":"https://x.example"}]"#),
        (.vendorTool, #""tools":[{"type":"mcp","connector_id":"c"}]"#),
        (.vendorTool, #""tools":[{"type":"file_search"}]"#),
        (.vendorTool, #""tools":[{"type":"code_interpreter"}]"#),
        (.vendorTool, #""tools":[{"type":"image_generation"}]"#),
        (.vendorTool, #""tools":[{"type":"shell"}]"#),
        (.vendorTool, #""tools":[{"type":"shell","environment":{"type":"container_auto"}}]"#),
        (.vendorTool, #""tools":[{"type":"namespace","tools":[{"type":"web_search"}]}]"#), (.key, #""max_tokens":9"#),
        (.malformed, #""instructions":[]"#),
    ]
    private static let responsesItems: [(ModelRefusal.Reason, String)] = [
        (.storedState, #"{"type":"item_reference","id":"i"}"#), (.storedState, #"{"id":"i"}"#),
        (.storedState, #"{"type":null,"id":"i"}"#),
        (.vendorTool, #"{"type":"additional_tools","tools":[{"type":"web_search"}]}"#),
        (.vendorTool, #"{"type":"tool_search_output","tools":[{"type":"mcp"}]}"#),
        (.vendorTool, #"{"type":"mcp_call"}"#),
        (.address, #"{"role":"user","content":[{"type":"input_image","image_url":"https://x.example"}]}"#),
        (.address, #"{"role":"user","content":[{"type":"input_file","file_url":"https://x.example"}]}"#),
        (.storedState, #"{"role":"user","content":[{"type":"input_file","file_id":"f"}]}"#),
        (.address, #"{"type":"function_call_output","output":[{"type":"input_image","image_url":"ftp://x.example"}]}"#),
        (
            .address,
            #"{"type":"computer_call_output","output":{"type":"computer_screenshot","image_url":"https://x.example"}}"#
        ),
        (.key, #"{"type":"hologram"}"#), (.malformed, "7"), (.malformed, #"{"type":7}"#),
    ]
    private static let converse: [(ModelRefusal.Reason, String)] = [
        (.tier, #""performanceConfig":{"latency":"optimized"}"#), (.tier, #""serviceTier":{"type":"priority"}"#),
        (.key, #""guardrailConfig":{}"#), (.key, #""promptVariables":{}"#),
        (.outputBound, #""inferenceConfig":{"maxTokens":1001}"#),
        (.key, #""additionalModelRequestFields":{"tools":[]}"#),
        (.vendorTool, #""toolConfig":{"tools":[{"systemTool":{"name":"nova_grounding"}}]}"#),
        (.key, #""toolConfig":{"tools":[{"other":{}}]}"#),
    ]
    private static let converseBlocks: [(ModelRefusal.Reason, String)] = [
        (.address, #"{"image":{"source":{"s3Location":{"uri":"s3://b/k"}}}}"#), (.key, #"{"video":{}}"#),
        (.address, #"{"toolResult":{"content":[{"document":{"source":{"s3Location":{}}}}]}}"#),
        (.malformed, #"{"image":{}}"#),
    ]
    private static let gemini: [(ModelRefusal.Reason, String)] = [
        (.vendorTool, #""tools":[{"googleSearch":{}}]"#), (.vendorTool, #""tools":[{"google_search":{}}]"#),
        (.vendorTool, #""tools":[{"functionDeclarations":[],"url_context":{}}]"#),
        (.vendorTool, #""tools":[{"codeExecution":{}}]"#),
        (.storedState, #""cachedContent":"c""#), (.storedState, #""cached_content":"c""#),
        (.variants, #""generationConfig":{"candidateCount":2}"#),
        (.tier, #""generationConfig":{"responseModalities":["IMAGE"]}"#),
        (.outputBound, #""generationConfig":{"maxOutputTokens":1001}"#),
        (.malformed, #""generationConfig":{"maxOutputTokens":"9"}"#),
        (.malformed, #""generationConfig":{"maxOutputTokens":9,"max_output_tokens":1000}"#),
        (.key, #""generationConfig":{"speechConfig":{}}"#),
        (.malformed, #""tools":[],"generationConfig":{},"generation_config":{}"#), (.key, #""colour":1"#),
    ]
    private static let geminiParts: [(ModelRefusal.Reason, String)] = [
        (.address, #"{"fileData":{"fileUri":"https://x.example"}}"#),
        (.address, #"{"file_data":{"file_uri":"https://x.example"}}"#),
        (.tier, #"{"inlineData":{"mimeType":"audio/wav","data":""}}"#), (.key, #"{"hologram":1}"#),
        (.address, #"{"functionResponse":{"response":{},"parts":[{"fileData":{}}]}}"#),
    ]

    static let cases: [Case] = {
        var cases: [Case] = []
        func add(_ target: String, _ start: String, _ list: [(ModelRefusal.Reason, String)], _ end: String = "}") {
            cases += list.map { Case(target, $0.0, start + $0.1 + end) }
        }
        // The member that is given twice shows that a name twice is refused.
        add("/v1/messages", #"{"model":"m","max_tokens":1,"messages":[],"#, anthropic)
        add(
            "/v1/messages", #"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":["#, anthropicBlocks,
            "]}]}")
        add("/v1/messages", #"{"model":"m","max_tokens":1,"messages":[],"system":["#, anthropicBlocks, "]}")
        add(
            "/model/us.anthropic.m-v1:0/invoke", #"{"max_tokens":1,"messages":[{"role":"user","content":["#,
            anthropicBlocks, "]}]}")
        add("/v1/chat/completions", #"{"model":"m","messages":[],"#, chat)
        add("/v1/chat/completions", #"{"model":"m","messages":[{"role":"user","content":["#, chatParts, "]}]}")
        add("/v1/responses", #"{"model":"m","input":"x","#, responses)
        add("/v1/responses", #"{"model":"m","input":["#, responsesItems, "]}")
        add("/model/anthropic.m/converse", #"{"messages":[],"#, converse)
        add("/model/anthropic.m/converse-stream", #"{"messages":[{"role":"user","content":["#, converseBlocks, "]}]}")
        add("/v1beta/models/m:generateContent", #"{"contents":[],"#, gemini)
        add("/v1beta/models/m:generateContent", #"{"contents":[{"parts":["#, geminiParts, "]}]}")
        add(
            "/v1beta/models/m:countTokens", #"{"generateContentRequest":{"model":"models/m","contents":[{"parts":["#,
            geminiParts, "]}]}}")
        add(
            "/v1/messages", "",
            [
                (.malformed, ""), (.malformed, "[]"), (.malformed, "{}"), (.malformed, #"{"model":"m","messages":[]}"#),
                (.model, #"{"model":"x","max_tokens":1,"messages":[]}"#),
                (.model, #"{"model":"M","max_tokens":1,"messages":[]}"#),
                (.outputBound, #"{"model":"m","max_tokens":1001,"messages":[]}"#),
                (.malformed, #"{"model":["m"],"max_tokens":1,"messages":[]}"#),
                (.malformed, #"{"model":"m","max_tokens":1,"messages":[],"mod\u0065l":"x"}"#),
                (.malformed, #"{"model":"m","max_tokens":1,"messages":{}}"#),
                (.price, #"{"model":"unpriced","max_tokens":1,"messages":[]}"#),
                (.malformed, #"{"model":"m","max_tokens":1,"messages":[]}x"#),
                (.malformed, "{\"model\":\"m\u{0}\",\"max_tokens\":1,\"messages\":[]}"),
            ], "")
        add("/model/other.x/invoke", "", [(.route, #"{"max_tokens":1,"messages":[]}"#)], "")
        add("/v1beta/models/m:countTokens", "", [(.malformed, #"{"generateContentRequest":{"model":"models/x"}}"#)], "")
        return cases
    }()

    @Test("have the reason that the request gives", arguments: cases)
    func reasons(_ c: Case) throws {
        #expect(ModelScene.verdict(ModelScene.request(c.target, c.body), try ModelScene.policy()) == c.reason)
    }

    @Test(
        "of what a policy may allow are not made when it does",
        arguments: [
            Case(
                "/v1/messages", .vendorTool,
                #"{"model":"m","max_tokens":1,"messages":[],"tools":[{"type":"web_search_20250305"}]}"#),
            Case("/v1/messages", .key, #"{"model":"m","max_tokens":1,"messages":[],"colour":1}"#),
            Case(
                "/v1/messages", .key,
                #"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"hologram"}]}]}"#),
            Case(
                "/v1/messages", .address,
                #"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"image","source":{"type":"url"}}]}]}"#
            ),
            Case("/v1/messages", .storedState, #"{"model":"m","max_tokens":1,"messages":[],"container":"c"}"#),
            Case("/v1/responses", .storedState, #"{"model":"m","input":"x","previous_response_id":"r","store":true}"#),
        ])
    func allowed(_ c: Case) throws {
        let request = ModelScene.request(c.target, c.body)
        #expect(ModelScene.verdict(request, try ModelScene.policy()) == c.reason)
        let policy = try ModelScene.policy(
            tools: ["web_search_*"], grants: [.addresses, .storedState], vetted: ["colour", "hologram"])
        #expect(ModelScene.verdict(request, policy) == nil)
    }

    @Test(
        "are made of every route but those that are served",
        arguments: [
            ("POST", "/v1/files", ModelRefusal.Reason.route), ("POST", "/v1/messages/batches", .route),
            ("GET", "/", .route),
            ("POST", "/v1/messages/", .route), ("POST", "//v1/messages", .route),
            ("POST", "/v1/../v1/messages", .route),
            ("POST", "/v1/messages?beta=false", .route), ("POST", "/v1/messages?beta=true&x=1", .route),
            ("POST", "/v1/responses/r/cancel", .route), ("GET", "/v1/responses/r", .route),
            ("POST", "/v1/embeddings", .route),
            ("POST", "/v1/chat/completions?x", .route), ("GET", "/v1/messages", .method),
            ("PUT", "/v1/messages", .method),
            ("POST", "/v1/models", .method), ("DELETE", "/v1/models/m", .method), ("GET", "/v1/models/x", .model),
            ("GET", "/v1/models/../files", .route), ("GET", "/v1/models/%2e%2e", .route),
            ("GET", "/v1/modelsx", .route),
            ("POST", "/model/x/converse", .model), ("POST", "/model/m%2/converse", .route),
            ("POST", "/model/m/converse/x", .route),
            ("POST", "/model/a/../m/converse", .route), ("POST", "/model/m%0a/converse", .route),
            ("POST", "/model/m/apply", .route),
            ("POST", "/v1beta/models/m:streamGenerateContent", .route),
            ("POST", "/v1beta/models/m:generateContent?key=k", .route),
            ("POST", "/v1beta/models/m:batchGenerateContent", .route), ("POST", "/v1beta/cachedContents", .route),
            ("POST", "/v1beta/models/x:generateContent", .model),
        ])
    func routes(_ method: String, _ target: String, _ reason: ModelRefusal.Reason) throws {
        let policy = try ModelScene.policy()
        do throws(ModelRefusal) {
            let route = try ModelRoute.find(method: method, target: target, fields: [ModelScene.json], policy: policy)
            Issue.record("\(route)")
        } catch { #expect(error.reason == reason) }
    }

    @Test("are made of an API that the policy does not name, and of a body that is not said to be JSON")
    func apisAndTypes() throws {
        let body = #"{"model":"m","max_tokens":1,"messages":[]}"#
        let policy = try ModelScene.policy(apis: [.openAIChat])
        #expect(ModelScene.verdict(ModelScene.request("/v1/messages", body), policy) == .api)
        for fields in [
            [], [ModelField("content-type", "text/plain")], [ModelScene.json, ModelScene.json],
            [ModelScene.json, ModelField("content-encoding", "zstd")],
        ] {
            let request = ModelRequest(method: "POST", target: "/v1/messages", fields: fields, body: Array(body.utf8))
            #expect(ModelScene.verdict(request, try ModelScene.policy()) == .contentType)
        }
        let plain = ModelRequest(
            method: "POST", target: "/v1/messages",
            fields: [
                ModelField("content-TYPE", "Application/JSON; charset=utf-8"), ModelField("content-encoding", "gzip"),
            ],
            body: Array(body.utf8))
        #expect(ModelScene.verdict(plain, try ModelScene.policy()) == nil)
    }

    @Test("a path goes upstream in one spelling")
    func paths() throws {
        let policy = try ModelScene.policy()
        for (target, path) in [
            ("/model/us.anthropic.m-v1:0/invoke", "/model/us.anthropic.m-v1%3A0/invoke"),
            ("/model/us.anthropic.m-v1%3a0/invoke", "/model/us.anthropic.m-v1%3A0/invoke"),
            ("/model/%75s.anthropic.m-v1%3A0/invoke", "/model/us.anthropic.m-v1%3A0/invoke"),
            ("/v1/messages?", "/v1/messages"),
        ] {
            let route = try ModelRoute.find(method: "POST", target: target, fields: [ModelScene.json], policy: policy)
            #expect(route.path == path)
        }
    }

    @Test("are final, in the vendor's own form, and say no value of the request that a terminal would act on")
    func rendered() throws {
        let refusal = ModelRefusal(.budget, "1.2 of 1 USD\u{1b}[31m", remedy: "Stop.")
        let text = String(decoding: refusal.response(for: .anthropic), as: UTF8.self)
        let body =
            #"{"type":"error","error":{"type":"permission_error","message":"sallyport: 1.2 of 1 USD\\u{1b}[31m. Stop."}}"#
        #expect(
            text == """
                HTTP/1.1 403 Forbidden\r
                Content-Type: application/json\r
                Content-Length: \(body.utf8.count)\r
                x-should-retry: false\r
                Cache-Control: no-store\r
                Connection: close\r
                \r
                \(body)
                """, "\(text)")
        let family: [(ModelAPI.Family, String)] = [
            (
                .openAI,
                #"{"error":{"message":"sallyport: d. r","type":"insufficient_quota","param":null,"code":"sallyport_budget"}}"#
            ),
            (.bedrock, #"{"message":"sallyport: d. r"}"#),
            (.gemini, #"{"error":{"code":403,"message":"sallyport: d. r","status":"PERMISSION_DENIED"}}"#),
        ]
        for (family, expected) in family {
            let refusal = ModelRefusal(.budget, "d", remedy: "r")
            #expect(String(decoding: refusal.body(for: family), as: UTF8.self) == expected)
        }
        #expect(
            String(decoding: refusal.response(for: .bedrock), as: UTF8.self).contains("x-amzn-ErrorType: AccessDenied"))
        for reason in ModelRefusal.Reason.allCases {
            let refusal = ModelRefusal(reason, "d", remedy: "r")
            // A client that heeds only the status must not try again what cannot succeed.
            #expect(
                refusal.isFinal == ![408, 409, 424, 429].contains(refusal.status) && refusal.status < 500, "\(reason)")
        }
    }
}
