// SPDX-License-Identifier: Apache-2.0

extension ModelRoute {
    /// Finds the route of a request from its head alone, so that a body nobody wants is never read.
    ///
    /// The path upstream is built from what was understood. Each of the few queries that clients send is known here by its
    /// whole text; any other is refused, since a query can choose another version of an API, or carry a key.
    package static func find(
        method: String, target: String, fields: [ModelField], policy: ModelPolicy
    ) throws(ModelRefusal) -> ModelRoute {
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let path = parts[0]
        let query = parts.count == 2 ? parts[1] : nil
        let isAnthropic = fields.contains { $0.name.lowercased() == "anthropic-version" }
        guard
            let route = fixed(path, query: query) ?? list(path, isAnthropic: isAnthropic, policy)
                ?? named(path, query: query)
        else {
            throw ModelRefusal(
                .route, "no such request is served here", remedy: "Only answers of a model, counts and lists are.")
        }
        guard policy.apis.contains(route.api) else {
            throw ModelRefusal(
                .api, "this session has no API \"\(route.api.rawValue)\"",
                remedy: "Use \(policy.apis.map(\.rawValue).sorted().joined(separator: " or ")).")
        }
        guard method == route.method else {
            throw ModelRefusal(.method, "this is asked with \(route.method)", remedy: "Use that method.")
        }
        if let model = route.model { try policy.admit(model: model) }
        if route.operation != .models { try checkBody(fields) }
        return route
    }

    private static func fixed(_ path: String, query: String?) -> ModelRoute? {
        // The beta half of Anthropic's own clients sends this query.
        let beta = query == "beta=true" ? "?beta=true" : ""
        guard query == nil || query == "" || (!beta.isEmpty && path.hasPrefix("/v1/messages")) else { return nil }
        return switch path {
        case "/v1/messages": ModelRoute(.anthropicMessages, .messages, path: "/v1/messages" + beta)
        case "/v1/messages/count_tokens":
            ModelRoute(.anthropicMessages, .countTokens, path: "/v1/messages/count_tokens" + beta)
        case "/v1/chat/completions": ModelRoute(.openAIChat, .chat, path: path)
        case "/v1/responses": ModelRoute(.openAIResponses, .responses, path: path)
        default: nil
        }
    }

    /// The list of models, or one of them. Two vendors have the same path for it. A query is left out: it says how long a
    /// page is.
    private static func list(_ path: String, isAnthropic: Bool, _ policy: ModelPolicy) -> ModelRoute? {
        for (prefix, apis) in [
            ("/v1beta/models", [ModelAPI.gemini]),
            ("/v1/models", [.anthropicMessages, .openAIResponses, .openAIChat, .gemini]),
        ] {
            guard path.hasPrefix(prefix) else { continue }
            let rest = path.dropFirst(prefix.count)
            var model: String?
            if !rest.isEmpty {
                guard rest.first == "/", let name = modelName(rest.dropFirst()) else { return nil }
                model = name
            }
            let wanted = apis.filter { policy.apis.contains($0) && ($0 == .anthropicMessages) == isAnthropic }
            let api = wanted.first ?? apis.first { policy.apis.contains($0) } ?? apis[0]
            return ModelRoute(api, .models, model: model, path: model.map { "\(prefix)/\($0)" } ?? prefix)
        }
        return nil
    }

    /// Routes whose path names the model.
    private static func named(_ path: String, query: String?) -> ModelRoute? {
        if path.hasPrefix("/model/") { return query == nil ? bedrock(path.dropFirst(7)) : nil }
        for prefix in ["/v1beta/models/", "/v1/models/"] where path.hasPrefix(prefix) {
            let rest = path.dropFirst(prefix.count).split(separator: ":", omittingEmptySubsequences: false)
            guard rest.count == 2, let model = modelName(rest[0]) else { return nil }
            let path = "\(prefix)\(model):\(rest[1])"
            switch (rest[1], query) {
            case ("generateContent", nil): return ModelRoute(.gemini, .generate, model: model, path: path)
            case ("countTokens", nil): return ModelRoute(.gemini, .countTokens, model: model, path: path)
            // Without this query the answer is one JSON array that ends with the last piece.
            case ("streamGenerateContent", "alt=sse"):
                return ModelRoute(.gemini, .generateStream, model: model, path: path + "?alt=sse")
            default: return nil
            }
        }
        return nil
    }

    private static func bedrock(_ rest: Substring) -> ModelRoute? {
        let parts = rest.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let model = PercentText.decoded(parts[0]), model.utf8.count <= 2048,
            model.utf8.allSatisfy({ isModelByte($0) || $0 == 0x3A || $0 == 0x2F })
        else { return nil }
        let operations: [Substring: Operation] = [
            "invoke": .invoke, "invoke-with-response-stream": .invokeStream, "converse": .converse,
            "converse-stream": .converseStream,
        ]
        guard let operation = operations[parts[1]] else { return nil }
        return ModelRoute(
            .bedrock, operation, model: model, path: "/model/\(PercentText.encoded(model))/\(parts[1])")
    }

    private static func modelName(_ text: Substring) -> String? {
        guard (1...128).contains(text.utf8.count), text.utf8.allSatisfy(isModelByte), text.first != "." else {
            return nil
        }
        return String(text)
    }

    private static func isModelByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"): true
        default: false
        }
    }

    /// The body is JSON, and of the codings only the one that is taken off before it is read.
    private static func checkBody(_ fields: [ModelField]) throws(ModelRefusal) {
        func values(_ name: String) -> [String] { fields.filter { $0.name.lowercased() == name }.map(\.value) }
        let type = values("content-type").map { $0.lowercased().prefix { $0 != ";" && $0 != " " } }
        let coding = values("content-encoding").map { $0.lowercased() }
        guard type == ["application/json"], coding.isEmpty || coding == ["gzip"] || coding == ["identity"] else {
            throw ModelRefusal(
                .contentType, "the body is not said to be JSON, plain or with gzip",
                remedy: "Send application/json.")
        }
    }

    init(_ api: ModelAPI, _ operation: Operation, model: String? = nil, path: String) {
        self.init(api: api, operation: operation, model: model, path: path)
    }
}

extension ModelPolicy {
    func admit(model: String) throws(ModelRefusal) {
        guard models.contains(where: { $0.matches(model) }) else {
            throw ModelRefusal(
                .model, "this session may not use the model \"\(model.prefix(128))\"",
                remedy: "Use \(models.map(\.description).joined(separator: " or ")).")
        }
    }
}

/// The spelling of a path's part in bytes and `%41`. RFC 3986 2.1
enum PercentText {
    /// Nil for an escape without two digits, and for what is no UTF-8.
    static func decoded(_ text: some StringProtocol) -> String? {
        var output: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                output.append(byte)
                continue
            }
            guard rest.count >= 2, let high = digit(rest.removeFirst()), let low = digit(rest.removeFirst()) else {
                return nil
            }
            output.append(high << 4 | low)
        }
        return String(validating: output, as: UTF8.self)
    }

    /// Everything but letters, digits and `-._~` escaped, in the one spelling that a signature of AWS is made over.
    static func encoded(_ text: String, keepingSlashes: Bool = false) -> String {
        var output = ""
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                output.unicodeScalars.append(UnicodeScalar(byte))
            case UInt8(ascii: "/") where keepingSlashes: output += "/"
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                output += "%" + (digits.utf8.count == 1 ? "0" : "") + digits
            }
        }
        return output
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x37
        case 0x61...0x66: byte - 0x57
        default: nil
        }
    }
}
