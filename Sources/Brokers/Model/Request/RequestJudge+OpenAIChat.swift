// SPDX-License-Identifier: Apache-2.0
internal import Documents

extension RequestJudge {
    private static let chatKeys: Set<String> = [
        "messages", "model", "audio", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs",
        "max_completion_tokens", "max_tokens", "metadata", "modalities", "n", "parallel_tool_calls", "prediction",
        "presence_penalty", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "reasoning_effort",
        "response_format", "safety_identifier", "seed", "service_tier", "stop", "store", "stream", "stream_options",
        "temperature", "tool_choice", "tools", "top_logprobs", "top_p", "user", "verbosity", "web_search_options",
    ]
    // "provider_specific_fields" is a library's own note on an answer, which agents send back with it.
    private static let messageKeys: Set<String> = [
        "role", "content", "name", "tool_calls", "tool_call_id", "function_call", "refusal", "audio", "annotations",
        "reasoning", "reasoning_content", "provider_specific_fields",
    ]

    /// OpenAI Chat Completions. A stream tells what it used only when it is asked to, so it is asked to.
    mutating func judgeChat(_ body: JSONValue) throws(ModelRefusal) {
        try keys(of: body, "body", known: Self.chatKeys)
        try readModel(body["model"])
        isStreaming = try flag(body["stream"], "stream")
        if let count = body["n"], !count.isNull, count.int != 1 {
            throw refuse(.variants, "\"n\" asks for more than one answer", "Ask for one.")
        }
        try openAICommon(body)
        try absent(body["audio"], "audio", .tier)
        if let modalities = body["modalities"], !modalities.isNull {
            guard modalities.kind == .array else { throw malformed("modalities") }
            for modality in modalities.elements { try word(modality, "modalities", among: ["text"], .tier) }
        }
        if let options = body["web_search_options"], !options.isNull { try vendorTool("web_search") }
        try chatBound(body)
        if isStreaming { try forceUsage(body) }
        try openAITools(body["tools"])
        guard let messages = body["messages"], messages.kind == .array else { throw malformed("messages") }
        for message in messages.elements {
            try keys(of: message, "message", known: Self.messageKeys)
            if let audio = message["audio"], !audio.isNull { try stored("an answer in audio that a request names") }
            try openAIParts(message["content"], "message.content")
        }
        if usesVendorTools { passes *= Self.toolCalls }
    }

    /// What both APIs of OpenAI have.
    mutating func openAICommon(_ body: JSONValue) throws(ModelRefusal) {
        // "auto" is what a request without the key has; "flex" is cheaper, and charged as if it were not.
        try word(body["service_tier"], "service_tier", among: ["auto", "default", "flex"], .tier)
        if let options = body["prompt_cache_options"], !options.isNull {
            try keys(of: options, "prompt_cache_options", known: ["mode", "ttl"])
            try word(options["ttl"], "prompt_cache_options.ttl", among: ["30m"], .tier)
        }
        if try flag(body["store"], "store") { try stored("an answer that is kept") }
    }

    private mutating func chatBound(_ body: JSONValue) throws(ModelRefusal) {
        let old = try bound(body["max_tokens"], "max_tokens")
        let new = try bound(body["max_completion_tokens"], "max_completion_tokens")
        guard old == nil || new == nil else { throw malformed("max_tokens beside max_completion_tokens") }
        outputBound = old ?? new ?? policy.maximumOutputTokens
        if old == nil, new == nil {
            edit(.set("max_completion_tokens", String(policy.maximumOutputTokens), in: body))
        }
    }

    private mutating func forceUsage(_ body: JSONValue) throws(ModelRefusal) {
        guard let options = body["stream_options"], !options.isNull else {
            edit(.set("stream_options", #"{"include_usage":true}"#, in: body))
            return
        }
        try keys(of: options, "stream_options", known: ["include_usage", "include_obfuscation"])
        if try flag(options["include_usage"], "include_usage") { return }
        edit(.set("include_usage", "true", in: options))
    }

    /// Tools of either API.
    mutating func openAITools(_ value: JSONValue?) throws(ModelRefusal) {
        guard let value, !value.isNull else { return }
        guard value.kind == .array else { throw malformed("tools") }
        for tool in value.elements {
            guard let type = tool["type"]?.string else { throw malformed("tools.type") }
            switch type {
            // What the client runs, and the search in the request's own list of tools.
            case "function", "custom", "local_shell", "apply_patch", "computer", "computer_use_preview", "tool_search":
                continue
            case "namespace": try openAITools(tool["tools"])
            case "shell" where tool["environment"]?["type"]?.string == "local": continue
            default: try vendorTool(type)
            }
        }
    }

    private static let plainParts: Set<String> = [
        "text", "refusal", "input_text", "output_text", "summary_text", "reasoning_text",
    ]

    /// A text, or parts of either API.
    mutating func openAIParts(_ value: JSONValue?, _ place: String) throws(ModelRefusal) {
        guard let value, value.kind != .string, !value.isNull else { return }
        guard value.kind == .array else { throw malformed(place) }
        for part in value.elements { try openAIPart(part, place) }
    }

    mutating func openAIPart(_ part: JSONValue, _ place: String) throws(ModelRefusal) {
        guard let type = part["type"]?.string else { throw malformed("\(place).type") }
        switch type {
        case "image_url", "input_image", "computer_screenshot":
            images += 1
            try openAIReference(part)
        case "file", "input_file":
            documents += 1
            try openAIReference(part["file"] ?? part)
        case "input_audio": throw refuse(.tier, "audio has prices of its own", "Send text.")
        default: try known(type, Self.plainParts, "\(place) of type \(type.prefix(64))")
        }
    }

    private func openAIReference(_ object: JSONValue) throws(ModelRefusal) {
        guard object.kind == .object else { throw malformed("a part of content") }
        if let image = object["image_url"], !image.isNull {
            guard let text = image.string ?? image["url"]?.string else { throw malformed("image_url") }
            try address(text, "the address of an image")
        }
        if let file = object["file_url"], !file.isNull { try address("the address of a file") }
        if let file = object["file_id"], !file.isNull { try stored("a file that a request names") }
    }
}
