// SPDX-License-Identifier: Apache-2.0
internal import Documents

/// An object whose names may be written in either of two ways, as Google's servers read them: `maxOutputTokens` and
/// `max_output_tokens` are one.
private struct EitherSpelling {
    let members: [String: JSONValue]

    init(_ object: JSONValue, _ place: String, _ judge: RequestJudge) throws(ModelRefusal) {
        guard object.kind == .object else { throw judge.malformed(place) }
        var members: [String: JSONValue] = [:]
        for (name, value) in object.members {
            guard members.updateValue(value, forKey: Self.camel(name)) == nil else {
                throw judge.malformed("\(place).\(name.prefix(64)) in two spellings")
            }
        }
        self.members = members
    }

    subscript(name: String) -> JSONValue? { members[name].flatMap { $0.isNull ? nil : $0 } }

    static func camel(_ name: String) -> String {
        let parts = name.split(separator: "_", omittingEmptySubsequences: true)
        guard parts.count > 1 else { return name }
        return String(parts[0]) + parts.dropFirst().map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
    }
}

extension RequestJudge {
    private static let geminiKeys: Set<String> = [
        "contents", "systemInstruction", "tools", "toolConfig", "safetySettings", "generationConfig", "cachedContent",
    ]
    private static let configurationKeys: Set<String> = [
        "maxOutputTokens", "candidateCount", "responseModalities", "stopSequences", "temperature", "topP", "topK",
        "seed", "presencePenalty", "frequencyPenalty", "responseMimeType", "responseSchema", "responseJsonSchema",
        "_responseJsonSchema", "thinkingConfig", "responseLogprobs", "logprobs", "mediaResolution",
    ]

    mutating func judgeGemini(_ body: JSONValue) throws(ModelRefusal) {
        isStreaming = route.operation == .generateStream
        try judgeGemini(body, known: Self.geminiKeys)
    }

    /// A count takes contents, or a whole request that names its model again.
    mutating func judgeGeminiCount(_ body: JSONValue) throws(ModelRefusal) {
        let fields = try EitherSpelling(body, "body", self)
        for name in fields.members.keys { try known(name, ["contents", "generateContentRequest"], "body.\(name)") }
        if let request = fields["generateContentRequest"] {
            if let name = request["model"]?.string, name != route.model, name != route.model.map({ "models/\($0)" }) {
                throw malformed("generateContentRequest.model")
            }
            try judgeGemini(request, known: Self.geminiKeys.union(["model"]))
        }
        try contents(fields["contents"])
    }

    private mutating func judgeGemini(_ body: JSONValue, known names: Set<String>) throws(ModelRefusal) {
        let fields = try EitherSpelling(body, "body", self)
        for name in fields.members.keys { try known(name, names, "body.\(name.prefix(64))") }
        if fields["cachedContent"] != nil { try stored("content in a cache that a request names") }
        try configuration(fields["generationConfig"], in: body)
        try geminiTools(fields["tools"])
        if let system = fields["systemInstruction"] { try content(system) }
        try contents(fields["contents"])
        if usesVendorTools { passes *= Self.toolCalls }
    }

    private mutating func configuration(_ value: JSONValue?, in body: JSONValue) throws(ModelRefusal) {
        let number = String(policy.maximumOutputTokens)
        outputBound = policy.maximumOutputTokens
        guard let value else {
            guard route.isMetered else { return }
            let old = body.members.first { EitherSpelling.camel($0.name) == "generationConfig" }
            let text = #"{"maxOutputTokens":\#(number)}"#
            return edit(
                old.map { .replace($0.value, "generationConfig", text) }
                    ?? .insert("generationConfig", text, into: body))
        }
        let fields = try EitherSpelling(value, "generationConfig", self)
        for name in fields.members.keys {
            try known(name, Self.configurationKeys, "generationConfig.\(name.prefix(64))")
        }
        if let count = fields["candidateCount"], count.int != 1 {
            throw refuse(.variants, "\"candidateCount\" asks for more than one answer", "Ask for one.")
        }
        if let modalities = fields["responseModalities"] {
            guard modalities.kind == .array else { throw malformed("responseModalities") }
            for modality in modalities.elements { try word(modality, "responseModalities", among: ["TEXT"], .tier) }
        }
        if let bound = try bound(fields["maxOutputTokens"], "generationConfig.maxOutputTokens") {
            outputBound = bound
        } else if route.isMetered {
            edit(
                fields.members["maxOutputTokens"].map { .replace($0, "maxOutputTokens", number) }
                    ?? .insert("maxOutputTokens", number, into: value))
        }
    }

    /// Each tool is a key; the client runs only the functions that it declares.
    private mutating func geminiTools(_ value: JSONValue?) throws(ModelRefusal) {
        guard let value else { return }
        guard value.kind == .array else { throw malformed("tools") }
        for tool in value.elements {
            let fields = try EitherSpelling(tool, "tools", self)
            for name in fields.members.keys where name != "functionDeclarations" { try vendorTool(name) }
        }
    }

    private mutating func contents(_ value: JSONValue?) throws(ModelRefusal) {
        guard let value else { return }
        // A single content may stand without its list.
        if value.kind == .object { return try content(value) }
        guard value.kind == .array else { throw malformed("contents") }
        for value in value.elements { try content(value) }
    }

    private mutating func content(_ value: JSONValue) throws(ModelRefusal) {
        let fields = try EitherSpelling(value, "content", self)
        for name in fields.members.keys { try known(name, ["role", "parts"], "content.\(name.prefix(64))") }
        try parts(fields["parts"])
    }

    private static let partKeys: Set<String> = [
        "text", "thought", "thoughtSignature", "inlineData", "fileData", "functionCall", "functionResponse",
        "executableCode", "codeExecutionResult", "videoMetadata", "partMetadata", "mediaResolution",
    ]

    private mutating func parts(_ value: JSONValue?) throws(ModelRefusal) {
        guard let value else { return }
        guard value.kind == .array || value.kind == .object else { throw malformed("parts") }
        for part in value.kind == .object ? [value] : Array(value.elements) {
            let fields = try EitherSpelling(part, "parts", self)
            for name in fields.members.keys { try known(name, Self.partKeys, "parts.\(name.prefix(64))") }
            if let data = fields["inlineData"] { try inlineData(data) }
            if fields["fileData"] != nil { try address("a file by its address") }
            if let response = fields["functionResponse"] {
                try parts(try EitherSpelling(response, "functionResponse", self)["parts"])
            }
        }
    }

    private mutating func inlineData(_ data: JSONValue) throws(ModelRefusal) {
        guard let type = try EitherSpelling(data, "inlineData", self)["mimeType"]?.string else {
            throw malformed("inlineData.mimeType")
        }
        if type.hasPrefix("image/") {
            images += 1
        } else if type.hasPrefix("text/") || type == "application/pdf" || type == "application/json" {
            documents += 1
        } else {
            throw refuse(.tier, "data of type \(type.prefix(64)) has prices of its own", "Send text or images.")
        }
    }
}
