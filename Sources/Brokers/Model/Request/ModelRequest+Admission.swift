// SPDX-License-Identifier: Apache-2.0
internal import Documents

extension ModelRequest {
    /// Nesting of a body; schemas of tools are the deepest that clients send.
    static let deepest = 128

    /// Judges a request whole, and builds the one that goes to the vendor.
    ///
    /// The budget is asked afterwards, with ``AdmittedRequest/estimate`` and ``AdmittedRequest/ceiling``.
    package func admitted(by policy: ModelPolicy, prices: PriceTable) throws(ModelRefusal) -> AdmittedRequest {
        let route = try ModelRoute.find(method: method, target: target, fields: fields, policy: policy)
        guard body.count <= policy.maximumBody else {
            throw ModelRefusal(
                .tooLarge, "the body has \(body.count) bytes, more than the \(policy.maximumBody) of this session",
                remedy: "Send less.")
        }
        guard route.operation != .models else {
            guard body.isEmpty else {
                throw ModelRefusal(.malformed, "a list is asked for without a body", remedy: "Send none.")
            }
            return free(route, model: nil, body: [])
        }
        var judge = RequestJudge(policy: policy, route: route)
        try judge.judge(try parsed().root)
        guard let model = judge.model else { throw judge.malformed("model") }
        guard route.isMetered else { return free(route, model: model, body: body) }
        let price = try judge.prices(in: prices, of: model)
        let body = BodyEdit.apply(judge.edits, to: body)
        return AdmittedRequest(
            route: route, model: model, isStreaming: judge.isStreaming, fields: sentFields(route), body: body,
            mayCacheLong: Needle("\"1h\"").isIn(body), changes: judge.edits.map(\.what), prices: price,
            estimate: judge.estimate(bytes: body.count, price), ceiling: judge.ceiling(bytes: body.count, price))
    }

    private func free(_ route: ModelRoute, model: String?, body: [UInt8]) -> AdmittedRequest {
        AdmittedRequest(
            route: route, model: model, isStreaming: false, fields: sentFields(route), body: body, mayCacheLong: false,
            changes: [], prices: nil, estimate: .zero, ceiling: .zero)
    }

    private func parsed() throws(ModelRefusal) -> JSONText {
        do throws(JSONText.Flaw) {
            return try JSONText(body, limits: .init(depth: Self.deepest))
        } catch {
            throw ModelRefusal(
                .malformed, "the body is not JSON of one meaning: \(error.reason) at byte \(error.offset)",
                remedy: "Correct the request.")
        }
    }

    /// The client's fields that mean something to the vendor, and those that this broker needs itself.
    private func sentFields(_ route: ModelRoute) -> [ModelField] {
        let passed: Set<String> =
            switch route.api.family {
            case .anthropic: ["anthropic-version", "anthropic-beta"]
            case .openAI: ["openai-beta"]
            case .bedrock, .gemini: []
            }
        var sent = fields.filter { field in
            let name = field.name.lowercased()
            return (passed.contains(name) || name == "accept" || name == "user-agent")
                && field.value.utf8.count <= 4096 && field.value.utf8.allSatisfy { (0x20...0x7E).contains($0) }
        }
        // What was used is read from the answer as it passes.
        sent.append(ModelField("accept-encoding", "identity"))
        if route.operation != .models { sent.append(ModelField("content-type", "application/json")) }
        return sent
    }
}

extension RequestJudge {
    mutating func judge(_ body: JSONValue) throws(ModelRefusal) {
        guard body.kind == .object else { throw malformed("the body") }
        switch route.operation {
        case .messages: try judgeAnthropic(body)
        case .chat: try judgeChat(body)
        case .responses: try judgeResponses(body)
        case .invoke, .invokeStream: try judgeInvoke(body)
        case .converse, .converseStream: try judgeConverse(body)
        case .generate, .generateStream: try judgeGemini(body)
        case .countTokens where route.api == .gemini: try judgeGeminiCount(body)
        case .countTokens: try judgeAnthropic(body)
        case .models: throw malformed("a body")
        }
    }

    // MARK: What it may cost

    func prices(in table: PriceTable, of model: String) throws(ModelRefusal) -> ModelPrices {
        guard let prices = table.prices(of: model) else {
            throw refuse(
                .price,
                "no price is known for the model \"\(model.prefix(128))\" in the table of \(table.date), so no budget can "
                    + "hold it",
                "Use another model, or have the operator name a table with it as prices in the model file.")
        }
        guard !usesVendorTools || prices.toolCall != nil else {
            throw refuse(
                .price, "no price is known for the vendor's own tools with the model \"\(model.prefix(128))\"",
                "Leave the tools out, or have the operator add tool_call to its prices.")
        }
        return prices
    }

    /// Two bytes to a token, which no language and no code reaches on the whole of a request.
    func estimate(bytes: Int, _ prices: ModelPrices) -> MicroDollars {
        let tokens = bytes / 2 + 1
        let rates = prices.rates(forPrompt: tokens)
        return MicroDollars.cost([(tokens, max(rates.input, rates.cacheWrite)), (outputBound, rates.output)])
    }

    /// A token is a byte at least; what is not text, and what the vendor adds for tools, comes on top.
    func ceiling(bytes: Int, _ prices: ModelPrices) -> MicroDollars {
        let tokens = (bytes + 4096 + images * Self.imageTokens + documents * Self.documentTokens) * passes
        let cost = { (rates: ModelPrices.Rates) in
            MicroDollars.cost([(tokens, rates.dearestInput), (outputBound * passes, rates.output)])
        }
        let tokensCost = max(cost(prices.rates), cost(prices.rates(forPrompt: tokens)))
        return tokensCost + MicroDollars.product(usesVendorTools ? Self.toolCalls : 0, prices.toolCall ?? 0)
    }

    private static let imageTokens = 8192
    private static let documentTokens = 400_000
    /// Calls of vendors' tools in one answer, and as often the prompt may be read again.
    static let toolCalls = 16
}
