// SPDX-License-Identifier: Apache-2.0
internal import Documents

extension RequestJudge {
    private static let invokeKeys: Set<String> = [
        "anthropic_version", "anthropic_beta", "max_tokens", "messages", "system", "tools", "tool_choice",
        "temperature", "top_p", "top_k", "stop_sequences", "metadata", "thinking", "output_config", "output_format",
        "cache_control", "context_management",
    ]

    /// A body of Anthropic's under AWS's envelope. Other families have bodies of their own, and Converse speaks to them all.
    mutating func judgeInvoke(_ body: JSONValue) throws(ModelRefusal) {
        guard let model, model.split(separator: ".").prefix(2).contains("anthropic") else {
            throw refuse(.route, "only models of Anthropic are served by invoke", "Use converse.")
        }
        try keys(of: body, "body", known: Self.invokeKeys)
        isStreaming = route.operation == .invokeStream
        try judgeAnthropicContent(body)
    }

    private static let converseKeys: Set<String> = [
        "messages", "system", "inferenceConfig", "toolConfig", "additionalModelRequestFields",
        "additionalModelResponseFieldPaths", "requestMetadata", "performanceConfig", "serviceTier", "outputConfig",
    ]

    mutating func judgeConverse(_ body: JSONValue) throws(ModelRefusal) {
        try keys(of: body, "body", known: Self.converseKeys)
        isStreaming = route.operation == .converseStream
        if let performance = body["performanceConfig"], !performance.isNull {
            try keys(of: performance, "performanceConfig", known: ["latency"])
            try word(performance["latency"], "performanceConfig.latency", among: ["standard"], .tier)
        }
        if let tier = body["serviceTier"], !tier.isNull {
            try keys(of: tier, "serviceTier", known: ["type"])
            try word(tier["type"], "serviceTier.type", among: ["default", "flex"], .tier)
        }
        // Whatever stands here goes to the model's own API, tools of the vendor's included.
        if let more = body["additionalModelRequestFields"], !more.isNull {
            try keys(
                of: more, "additionalModelRequestFields",
                known: ["thinking", "anthropic_beta", "top_k", "reasoning_effort", "reasoning_config", "output_config"])
        }
        try converseBound(body)
        try converseTools(body["toolConfig"])
        try converseBlocks(body["system"], "system")
        guard let messages = body["messages"], messages.kind == .array else { throw malformed("messages") }
        for message in messages.elements {
            try keys(of: message, "message", known: ["role", "content"])
            try converseBlocks(message["content"], "message.content")
        }
        if usesVendorTools { passes *= Self.toolCalls }
    }

    private mutating func converseBound(_ body: JSONValue) throws(ModelRefusal) {
        let number = String(policy.maximumOutputTokens)
        outputBound = policy.maximumOutputTokens
        guard let configuration = body["inferenceConfig"], !configuration.isNull else {
            return edit(.set("inferenceConfig", #"{"maxTokens":\#(number)}"#, in: body))
        }
        try keys(of: configuration, "inferenceConfig", known: ["maxTokens", "temperature", "topP", "stopSequences"])
        if let bound = try bound(configuration["maxTokens"], "inferenceConfig.maxTokens") {
            outputBound = bound
        } else {
            edit(.set("maxTokens", number, in: configuration))
        }
    }

    private mutating func converseTools(_ value: JSONValue?) throws(ModelRefusal) {
        guard let value, !value.isNull else { return }
        try keys(of: value, "toolConfig", known: ["tools", "toolChoice"])
        guard let tools = value["tools"] else { return }
        guard tools.kind == .array else { throw malformed("toolConfig.tools") }
        for tool in tools.elements {
            for (name, value) in tool.members {
                switch name {
                case "toolSpec", "cachePoint": continue
                case "systemTool": try vendorTool(value["name"]?.string ?? name)
                default: try known(name, [], "toolConfig.tools.\(name.prefix(64))")
                }
            }
        }
    }

    private static let plainBlocks: Set<String> = [
        "text", "toolUse", "cachePoint", "reasoningContent", "citationsContent", "searchResult", "guardContent",
    ]

    private mutating func converseBlocks(_ value: JSONValue?, _ place: String) throws(ModelRefusal) {
        guard let value, !value.isNull else { return }
        guard value.kind == .array else { throw malformed(place) }
        for block in value.elements {
            guard block.kind == .object else { throw malformed(place) }
            for (name, value) in block.members {
                switch name {
                case "image":
                    images += 1
                    try converseSource(value["source"])
                case "document":
                    documents += 1
                    try converseSource(value["source"])
                case "toolResult": try toolResult(value)
                default: try known(name, Self.plainBlocks, "\(place).\(name.prefix(64))")
                }
            }
        }
    }

    private mutating func toolResult(_ value: JSONValue) throws(ModelRefusal) {
        guard let content = value["content"] else { return }
        guard content.kind == .array else { throw malformed("toolResult.content") }
        for block in content.elements {
            for (name, value) in block.members {
                switch name {
                // The client's own data, whatever it looks like.
                case "json", "text": continue
                case "image":
                    images += 1
                    try converseSource(value["source"])
                case "document":
                    documents += 1
                    try converseSource(value["source"])
                default: try known(name, Self.plainBlocks, "toolResult.content.\(name.prefix(64))")
                }
            }
        }
    }

    private func converseSource(_ source: JSONValue?) throws(ModelRefusal) {
        guard let source, source.kind == .object else { throw malformed("source") }
        for (name, _) in source.members {
            if name == "s3Location" {
                try address("an object in a store")
            } else {
                try known(name, ["bytes", "text", "content"], "source.\(name.prefix(64))")
            }
        }
    }
}
