// SPDX-License-Identifier: Apache-2.0
internal import Documents

extension ModelRefusal {
    /// The status of the answer.
    ///
    /// What another try cannot change is never 429: the clients of Anthropic and OpenAI try 408, 409, 429 and 5xx again
    /// unless `x-should-retry: false` stops them, others heed only the status. Both are sent.
    package var status: Int {
        switch reason {
        case .malformed, .contentType, .key: 400
        case .route: 404
        case .method: 405
        case .tooLarge: 413
        case .budgetHeld: 429
        case .api, .model, .price, .outputBound, .vendorTool, .address, .storedState, .variants, .tier, .turns, .budget,
            .calls, .ledger:
            403
        }
    }

    /// True when the same request will be refused again.
    package var isFinal: Bool { reason != .budgetHeld }

    /// Fields of the answer beside its type and length.
    package var fields: [ModelField] {
        isFinal
            ? [ModelField("x-should-retry", "false")]
            : [ModelField("x-should-retry", "true"), ModelField("retry-after", "2")]
    }

    private var message: String { "sallyport: \(detail). \(remedy)" }

    /// The body of the answer, in the vendor's own form of an error.
    package func body(for family: ModelAPI.Family) -> [UInt8] {
        let value: JSON =
            switch family {
            case .anthropic:
                ["type": "error", "error": ["type": .string(anthropicType), "message": .string(message)]]
            case .openAI:
                [
                    "error": [
                        "message": .string(message), "type": .string(openAIType), "param": nil,
                        "code": .string("sallyport_\(reason.rawValue)"),
                    ]
                ]
            case .bedrock: ["message": .string(message)]
            case .gemini:
                [
                    "error": [
                        "code": .int(status), "message": .string(message), "status": .string(geminiStatus),
                    ]
                ]
            }
        return JSONWriter().write(value)
    }

    /// The whole answer; the connection is closed behind it.
    package func response(for family: ModelAPI.Family) -> [UInt8] {
        let body = body(for: family)
        var text = "HTTP/1.1 \(status) \(phrase)\r\nContent-Type: application/json\r\nContent-Length: \(body.count)\r\n"
        for field in fields { text += "\(field.name): \(field.value)\r\n" }
        // AWS clients take the kind of an error from here.
        if family == .bedrock { text += "x-amzn-ErrorType: \(bedrockType)\r\n" }
        return Array((text + "Cache-Control: no-store\r\nConnection: close\r\n\r\n").utf8) + body
    }

    private var phrase: String {
        switch status {
        case 400: "Bad Request"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 413: "Content Too Large"
        case 429: "Too Many Requests"
        default: "Forbidden"
        }
    }

    private var anthropicType: String {
        switch status {
        case 404: "not_found_error"
        case 413: "request_too_large"
        case 429: "rate_limit_error"
        case 403: "permission_error"
        default: "invalid_request_error"
        }
    }

    private var openAIType: String {
        switch reason {
        case .budget, .turns, .calls: "insufficient_quota"
        case .budgetHeld: "rate_limit_error"
        default: "invalid_request_error"
        }
    }

    private var bedrockType: String {
        switch status {
        case 403: "AccessDeniedException"
        case 404: "ResourceNotFoundException"
        case 429: "ThrottlingException"
        default: "ValidationException"
        }
    }

    private var geminiStatus: String {
        switch status {
        case 403: "PERMISSION_DENIED"
        case 404: "NOT_FOUND"
        case 429: "RESOURCE_EXHAUSTED"
        default: "INVALID_ARGUMENT"
        }
    }
}
