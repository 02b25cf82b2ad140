// SPDX-License-Identifier: Apache-2.0
internal import Documents

extension RequestJudge {
    private static let anthropicKeys: Set<String> = [
        "model", "max_tokens", "messages", "system", "tools", "tool_choice", "stream", "temperature", "top_p", "top_k",
        "stop_sequences", "metadata", "thinking", "output_config", "output_format", "cache_control",
        "context_management", "service_tier", "inference_geo", "speed", "container", "mcp_servers", "fallbacks",
    ]

    /// Anthropic Messages, and the count of their tokens. The body goes on to the byte: caches are found by it.
    mutating func judgeAnthropic(_ body: JSONValue) throws(ModelRefusal) {
        try keys(of: body, "body", known: Self.anthropicKeys)
        try readModel(body["model"])
        isStreaming = try flag(body["stream"], "stream")
        try judgeAnthropicContent(body)
    }

    /// All of it but who answers and how, which Bedrock has elsewhere.
    mutating func judgeAnthropicContent(_ body: JSONValue) throws(ModelRefusal) {
        if route.isMetered {
            guard let bound = try bound(body["max_tokens"], "max_tokens") else { throw malformed("max_tokens") }
            outputBound = bound
        }
        // "auto" is what a request without the key has.
        try word(body["service_tier"], "service_tier", among: ["auto", "standard_only"], .tier)
        try word(body["inference_geo"], "inference_geo", among: ["global"], .tier)
        try word(body["speed"], "speed", among: ["standard"], .tier)
        // Another model than the one asked for would answer.
        if let fallbacks = body["fallbacks"],
            fallbacks.kind != .array || fallbacks.elements.contains(where: { _ in true })
        {
            try absent(fallbacks, "fallbacks", .model)
        }
        try absent(body["container"], "container", .storedState, unless: policy.grants.contains(.storedState))
        if let servers = body["mcp_servers"], !servers.isNull {
            guard servers.kind == .array else { throw malformed("mcp_servers") }
            for _ in servers.elements { try vendorTool("mcp_servers") }
        }
        try contextManagement(body["context_management"])
        try anthropicTools(body["tools"])
        try anthropicBlocks(body["system"], "system")
        guard let messages = body["messages"], messages.kind == .array else { throw malformed("messages") }
        for message in messages.elements {
            try keys(of: message, "message", known: ["role", "content"])
            try anthropicBlocks(message["content"], "message.content")
        }
        // The vendor reads the prompt again after each call of a tool of its own.
        if usesVendorTools { passes *= Self.toolCalls }
    }

    /// A summary is one more reading of the prompt, and one more answer.
    private mutating func contextManagement(_ value: JSONValue?) throws(ModelRefusal) {
        guard let value, !value.isNull else { return }
        try keys(of: value, "context_management", known: ["edits"])
        guard let edits = value["edits"] else { return }
        for edit in edits.elements {
            guard let type = edit["type"]?.string else { throw malformed("context_management.edits") }
            if !type.hasPrefix("clear_") { passes = 2 }
        }
    }

    private mutating func anthropicTools(_ value: JSONValue?) throws(ModelRefusal) {
        guard let value, !value.isNull else { return }
        guard value.kind == .array else { throw malformed("tools") }
        for tool in value.elements { try anthropicTool(tool) }
    }

    private mutating func anthropicTool(_ tool: JSONValue) throws(ModelRefusal) {
        guard tool.kind == .object else { throw malformed("tools") }
        guard let type = tool["type"], !type.isNull else { return }
        guard let name = type.string else { throw malformed("tools.type") }
        if name == "custom" || Self.isClientTool(name) { return }
        try vendorTool(name)
    }

    /// Tools whose schema is the vendor's and which the client runs, each with the date of its version; and the search
    /// in the request's own list of tools, which reaches nothing else.
    private static func isClientTool(_ name: String) -> Bool {
        let stems = [
            "bash_", "text_editor_", "computer_", "memory_", "tool_search_tool_regex_", "tool_search_tool_bm25_",
        ]
        if name == "tool_search_tool_regex" || name == "tool_search_tool_bm25" { return true }
        return stems.contains { stem in
            name.hasPrefix(stem) && name.utf8.count == stem.utf8.count + 8
                && name.utf8.suffix(8).allSatisfy { (0x30...0x39).contains($0) }
        }
    }

    // MARK: Content

    private static let plainBlocks: Set<String> = [
        "text", "thinking", "redacted_thinking", "tool_use", "search_result", "compaction", "tool_reference",
        "tool_removal", "tool_search_tool_result", "server_tool_use", "web_search_tool_result",
    ]

    private mutating func anthropicBlocks(_ value: JSONValue?, _ place: String) throws(ModelRefusal) {
        guard let value, value.kind != .string, !value.isNull else { return }
        guard value.kind == .array else { throw malformed(place) }
        for block in value.elements { try anthropicBlock(block, place) }
    }

    private mutating func anthropicBlock(_ block: JSONValue, _ place: String) throws(ModelRefusal) {
        guard let type = block["type"]?.string else { throw malformed("\(place).type") }
        switch type {
        case "image":
            images += 1
            try source(block["source"])
        case "document":
            documents += 1
            try source(block["source"])
        case "tool_result", "mid_conv_system": try anthropicBlocks(block["content"], "\(type).content")
        // A tool that is defined in the middle of a conversation is a tool as any other.
        case "tool_addition": try addition(block["tool"])
        case "web_fetch_tool_result":
            if let fetched = block["content"]?["content"] { try anthropicBlock(fetched, type) }
        case "mcp_tool_use", "mcp_tool_result": try vendorTool("mcp_servers")
        case "container_upload": try stored("a file in a container")
        case "code_execution_tool_result", "bash_code_execution_tool_result",
            "text_editor_code_execution_tool_result":
            try vendorTool("code_execution")
        default: try known(type, Self.plainBlocks, "\(place) of type \(type.prefix(64))")
        }
    }

    private mutating func addition(_ tool: JSONValue?) throws(ModelRefusal) {
        switch tool?["type"]?.string {
        case "tool_reference"?: return
        case "tool_definition"?:
            guard let definition = tool?["definition"] else { throw malformed("tool_addition.tool") }
            try anthropicTool(definition)
        case "mcp_tool_reference"?, "mcp_toolset_reference"?: try vendorTool("mcp_servers")
        case let type?: try known(type, [], "tool_addition of type \(type.prefix(64))")
        case nil: throw malformed("tool_addition.tool")
        }
    }

    private mutating func source(_ source: JSONValue?) throws(ModelRefusal) {
        switch source?["type"]?.string {
        case "base64"?, "text"?: return
        case "content"?: try anthropicBlocks(source?["content"], "source.content")
        case "url"?: try address("the address of an image or document")
        case "file"?: try stored("a file that a request names")
        case let type?: try known(type, [], "source of type \(type.prefix(64))")
        case nil: throw malformed("source")
        }
    }
}
