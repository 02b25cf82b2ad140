// SPDX-License-Identifier: Apache-2.0
internal import Brokers
internal import Documents

private let prices: PriceTable = {
    let text = """
        version: 1
        date: "2020-01-01"
        source: a fuzzer
        models:
          - {models: [m*, anthropic.m*], input: 3, output: 15, cache_read: 0.3, cache_write: 3.75, cache_write_long: 6}
        """
    guard let node = try? Node.read(Array(text.utf8), file: "fuzz.yaml"), let table = try? PriceTable(node) else {
        stop("does not hold: a table of prices")
    }
    return table
}()

private func policy() -> ModelPolicy {
    let names = ["m*", "anthropic.m*"].compactMap(NamePattern.init)
    guard
        let policy = ModelPolicy(
            apis: Set(ModelAPI.allCases), models: names, maximumOutputTokens: 1000, budget: MicroDollars(1_000_000))
    else { stop("does not hold: a policy") }
    return policy
}

private let targets = [
    "/v1/messages", "/v1/chat/completions", "/v1/responses", "/model/anthropic.m/invoke", "/model/anthropic.m/converse",
    "/v1beta/models/m:generateContent", "/v1/messages/count_tokens", "/v1beta/models/m:countTokens",
]

private func admit(_ target: String, _ body: [UInt8]) -> AdmittedRequest? {
    let request = ModelRequest(
        method: "POST", target: target, fields: [ModelField("content-type", "application/json")], body: body)
    do throws(ModelRefusal) {
        return try request.admitted(by: policy(), prices: prices)
    } catch {
        hold(!error.detail.isEmpty && !error.remedy.isEmpty, "a refusal says why")
        for family in [ModelAPI.Family.anthropic, .openAI, .bedrock, .gemini] {
            let text = error.body(for: family)
            hold(text.allSatisfy { $0 >= 0x20 && $0 != 0x7F }, "a refusal is one line")
            hold((try? JSONParser.parse(text)) != nil, "a refusal is JSON")
        }
        return nil
    }
}

/// A body; the first byte of the input chooses the API, and 255 that the rest is a target.
func fuzzModelRequest(_ input: [UInt8]) {
    let (choice, body) = headAndRest(input)
    if choice == 255 { return fuzzTarget(String(decoding: body, as: UTF8.self)) }
    let target = targets[Int(choice) % targets.count]
    guard let request = admit(target, body) else { return }
    hold(request.path == target && request.method == "POST", "the path is the route's")
    hold(request.model.map { $0.hasPrefix("m") || $0.hasPrefix("anthropic.m") } == true, "a model of the policy")
    hold(request.changes.isEmpty == (request.body == body), "what was changed is told")
    hold(!request.route.isMetered || request.prices != nil, "what costs something has a price")
    hold(request.estimate <= request.ceiling, "an estimate is below the ceiling")
    hold(admit(target, request.body)?.body == request.body, "what goes on would be admitted as it is")
    guard let json = try? JSONText(request.body, limits: .init(depth: 200)) else { stop("does not hold: JSON goes on") }
    // Where nothing is the client's own data, no word of these tools can stand.
    if request.route.operation == .messages {
        for tool in json.root["tools"]?.elements.map({ $0["type"]?.string ?? "custom" }) ?? [] {
            hold(
                !tool.hasPrefix("web_") && !tool.hasPrefix("code_") && !tool.hasPrefix("mcp"), "no tool of the vendor's"
            )
        }
    }
}

private func fuzzTarget(_ target: String) {
    for method in ["GET", "POST"] {
        let fields = [ModelField("content-type", "application/json")]
        guard let route = try? ModelRoute.find(method: method, target: target, fields: fields, policy: policy()) else {
            continue
        }
        let bytes = Array(route.path.utf8)
        hold(bytes.allSatisfy { (0x21...0x7E).contains($0) } && bytes.first == 0x2F, "a plain path: \(route.path)")
        hold(route.path.split(separator: "/").allSatisfy { $0 != ".." && $0 != "." }, "no way up: \(route.path)")
        hold(!route.path.contains("//") && !route.path.contains("#"), "one path: \(route.path)")
        guard let again = try? ModelRoute.find(method: method, target: route.path, fields: fields, policy: policy())
        else {
            stop("does not hold: \(route.path) is found again")
        }
        hold(again == route, "one spelling: \(route.path)")
    }
}

/// An answer; the first byte of the input chooses who answers and how.
func fuzzModelStream(_ input: [UInt8]) {
    let (choice, bytes) = headAndRest(input)
    let bodies = [
        ("/v1/messages", #"{"model":"m","max_tokens":9,"messages":[]}"#),
        ("/v1/chat/completions", #"{"model":"m","max_tokens":9,"messages":[]}"#),
        ("/v1/responses", #"{"model":"m","max_output_tokens":9,"input":"x"}"#),
        ("/model/anthropic.m/invoke-with-response-stream", #"{"max_tokens":9,"messages":[]}"#),
        ("/model/anthropic.m/converse-stream", #"{"messages":[]}"#), ("/v1beta/models/m:generateContent", "{}"),
    ]
    let (target, body) = bodies[Int(choice % 6)]
    guard let request = admit(target, Array(body.utf8)) else { stop("does not hold: \(target) is admitted") }
    let types = ["application/json", "text/event-stream", "application/vnd.amazon.eventstream"]
    let head = ModelAnswerHead(
        status: 200, fields: [ModelField("Content-Type", types[Int(choice / 6) % 3])])
    let readings = arrivals(bytes).map { pieces in
        var meter = UsageMeter(request, head)
        for piece in pieces { meter.feed(piece) }
        return meter.end(cut: choice >= 128)
    }
    for reading in readings { hold(reading == readings[0], "a count does not depend on how an answer comes") }
    let reading = readings[0]
    let use = reading.usage
    for count in [use.input, use.output, use.cacheRead, use.cacheWrite, use.cacheWriteLong, use.toolCalls] {
        hold((0...4_000_000_000).contains(count), "a count is one")
    }
    guard case .charged(let cost) = request.outcome(of: reading) else { stop("does not hold: an answer is charged") }
    hold(reading.isBelieved ? use.prompt + use.output > 0 : cost >= request.estimate, "nothing is free")
}
