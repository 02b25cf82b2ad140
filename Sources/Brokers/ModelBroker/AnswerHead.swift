// SPDX-License-Identifier: Apache-2.0

/// What of an upstream's head reaches a client: its status, the type of its body, and a few fields.
enum AnswerHead {
    /// Fields of one meaning each, that clients read. No cookie, no server's name, no address, no account's.
    private static let passed: Set<String> = [
        "content-type", "retry-after", "retry-after-ms", "x-should-retry", "request-id", "x-request-id",
        "openai-processing-ms", "x-amzn-requestid", "x-amzn-errortype", "x-amzn-bedrock-input-token-count",
        "x-amzn-bedrock-output-token-count",
    ]
    private static let passedPrefixes = ["anthropic-ratelimit-", "x-ratelimit-"]
    private static let types: Set<String> = [
        "application/json", "text/event-stream", "application/vnd.amazon.eventstream",
    ]
    private static let longestValue = 1024

    /// The fields that pass, or why the whole answer does not.
    static func passed(_ head: ModelAnswerHead, _ sieve: SecretSieve) throws(UpstreamFailure) -> [ModelField] {
        switch head.status {
        case 300..<400:
            throw UpstreamFailure(
                .redirect, "the upstream answered with a redirect (\(head.status)), which nobody follows")
        case 401, 403: throw UpstreamFailure(.credential, "the upstream does not take the credential (\(head.status))")
        case 200..<300, 400..<600: break
        default: throw UpstreamFailure(.format, "the upstream answered with status \(head.status)")
        }
        let types = head.fields.filter { $0.name == "content-type" }
        let type = types.first?.value.split(separator: ";").first.map { $0.lowercased() } ?? ""
        guard types.count == 1, Self.types.contains(String(type.filter { $0 != " " })) else {
            throw UpstreamFailure(
                .format, "the upstream answered \(head.status) with \"\(type.prefix(100))\", which is no model's answer"
            )
        }
        for field in head.fields where field.name == "content-encoding" && field.value.lowercased() != "identity" {
            throw UpstreamFailure(.format, "the upstream's answer is compressed, though that was not asked for")
        }
        let passed = head.fields.filter { field in
            Self.passed.contains(field.name) || passedPrefixes.contains { field.name.hasPrefix($0) }
        }
        for field in passed {
            if sieve.isIn(field.value) {
                throw UpstreamFailure(.leak, "a field of the upstream's answer has the credential in it")
            }
        }
        return passed.filter { $0.value.utf8.count <= longestValue }
    }

    /// The head as it is sent.
    static func bytes(_ status: Int, _ fields: [ModelField], isChunked: Bool) -> [UInt8] {
        var text = "HTTP/1.1 \(status) \(phrase(status))\r\n"
        for field in fields { text += "\(field.name): \(field.value)\r\n" }
        if isChunked { text += "Transfer-Encoding: chunked\r\n" }
        return Array((text + "Cache-Control: no-store\r\nConnection: close\r\n\r\n").utf8)
    }

    private static func phrase(_ status: Int) -> String {
        switch status {
        case 200: "OK"
        case 400: "Bad Request"
        case 404: "Not Found"
        case 413: "Content Too Large"
        case 429: "Too Many Requests"
        case 500: "Internal Server Error"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        case 529: "Overloaded"
        case ..<300: "Success"
        case ..<500: "Client Error"
        default: "Server Error"
        }
    }
}
