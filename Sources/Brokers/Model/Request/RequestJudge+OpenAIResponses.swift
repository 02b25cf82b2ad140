// SPDX-License-Identifier: Apache-2.0
internal import Documents

extension RequestJudge {
    private static let responsesKeys: Set<String> = [
        "background", "client_metadata", "context_management", "conversation", "include", "input", "instructions",
        "max_output_tokens", "max_tool_calls", "metadata", "model", "parallel_tool_calls", "previous_response_id",
        "prompt", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "reasoning",
        "safety_identifier", "service_tier", "store", "stream", "stream_options", "temperature", "text", "tool_choice",
        "tools", "top_logprobs", "top_p", "truncation", "user",
    ]

    /// OpenAI Responses. An answer is kept at the vendor unless a request says no, so it says no.
    mutating func judgeResponses(_ body: JSONValue) throws(ModelRefusal) {
        try keys(of: body, "body", known: Self.responsesKeys)
        try readModel(body["model"])
        isStreaming = try flag(body["stream"], "stream")
        if try flag(body["background"], "background") {
            throw refuse(.variants, "\"background\" asks for an answer that comes later", "Wait for the answer.")
        }
        let keeps = policy.grants.contains(.storedState)
        // Their content is not in this request, so nobody can say what it is or costs.
        for name in ["previous_response_id", "conversation", "prompt"] {
            try absent(body[name], name, .storedState, unless: keeps)
        }
        try openAICommon(body)
        if !keeps, try !isFalse(body["store"]) { edit(.set("store", "false", in: body)) }
        outputBound = try bound(body["max_output_tokens"], "max_output_tokens") ?? policy.maximumOutputTokens
        if body["max_output_tokens"].map(\.isNull) ?? true {
            edit(.set("max_output_tokens", String(policy.maximumOutputTokens), in: body))
        }
        if let options = body["stream_options"], !options.isNull {
            try keys(of: options, "stream_options", known: ["include_obfuscation"])
        }
        // A summary is one more reading of the prompt, and one more answer.
        if let management = body["context_management"], !management.isNull { passes = 2 }
        // Items would be content that is looked at nowhere.
        if let text = body["instructions"], !text.isNull, text.kind != .string { throw malformed("instructions") }
        try openAITools(body["tools"])
        guard let input = body["input"] else { throw malformed("input") }
        if input.kind != .string {
            guard input.kind == .array else { throw malformed("input") }
            for item in input.elements { try responsesItem(item) }
        }
        if usesVendorTools { passes *= Self.toolCalls }
    }

    private func isFalse(_ value: JSONValue?) throws(ModelRefusal) -> Bool {
        guard let value, !value.isNull else { return false }
        return try !flag(value, "store")
    }

    /// Items that hold nothing but text and calls of the client's own tools.
    private static let plainItems: Set<String> = [
        "function_call", "custom_tool_call", "local_shell_call", "local_shell_call_output", "shell_call",
        "shell_call_output", "apply_patch_call", "apply_patch_call_output", "computer_call", "compaction",
        "compaction_summary", "tool_search_call", "web_search_call",
    ]
    private static let vendorItems = [
        "file_search_call": "file_search", "code_interpreter_call": "code_interpreter",
        "image_generation_call": "image_generation", "mcp_list_tools": "mcp", "mcp_approval_request": "mcp",
        "mcp_approval_response": "mcp", "mcp_call": "mcp", "program": "programmatic_tool_calling",
        "program_output": "programmatic_tool_calling",
    ]

    private mutating func responsesItem(_ item: JSONValue) throws(ModelRefusal) {
        guard item.kind == .object else { throw malformed("input") }
        // Without type and role it is a reference, which may go without its type.
        let implied = item["role"] == nil ? "item_reference" : "message"
        let type = item["type"].flatMap { $0.isNull ? nil : $0 }
        guard let name = type.map(\.string) ?? implied else { throw malformed("input.type") }
        switch name {
        case "message": try openAIParts(item["content"], "message.content")
        case "reasoning":
            try openAIParts(item["content"], "reasoning.content")
            try openAIParts(item["summary"], "reasoning.summary")
        case "function_call_output", "custom_tool_call_output": try openAIParts(item["output"], "\(name).output")
        case "computer_call_output":
            guard let output = item["output"] else { throw malformed("\(name).output") }
            try openAIPart(output, "\(name).output")
        // Tools that come in the middle of a conversation are tools as any other.
        case "additional_tools", "tool_search_output": try openAITools(item["tools"])
        case "compaction_trigger": passes = 2
        case "item_reference": try stored("an item that a request names")
        default:
            if let tool = Self.vendorItems[name] {
                try vendorTool(tool)
            } else {
                try known(name, Self.plainItems, "input of type \(name.prefix(64))")
            }
        }
    }
}
