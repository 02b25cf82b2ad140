// SPDX-License-Identifier: Apache-2.0
internal import Documents

/// Why an upstream's answer does not reach the client, or not whole.
struct UpstreamFailure: Error, Equatable {
    enum Reason: String, CaseIterable {
        /// No address that may be dialled.
        case name
        /// No connection, or no TLS with the name that was meant.
        case unreachable
        /// The upstream does not take the operator's credential.
        case credential
        case redirect
        /// No JSON and no events: a page of a proxy, or a compressed body.
        case format
        /// The answer ended before it was whole, or too long passed without a byte of it.
        case cut
        case tooLarge = "too-large"
        /// The answer has the credential in it.
        case leak
        /// A replay has no such exchange.
        case replay
        /// This broker is ending, or has no memory.
        case ending
    }

    let reason: Reason
    /// In words, without anything secret.
    let detail: String

    init(_ reason: Reason, _ detail: String) {
        self.reason = reason
        self.detail = detail.displayed
    }

    var code: String { "upstream-\(reason.rawValue)" }

    /// 5xx is tried again by every client, which is right where another try may end otherwise.
    var isFinal: Bool {
        switch reason {
        case .credential, .redirect, .format, .leak, .tooLarge, .replay: true
        case .name, .unreachable, .cut, .ending: false
        }
    }

    /// A replay's differences are the client's own doing, and no client asks the same again after a 400.
    private var status: (code: Int, words: String) {
        reason == .replay ? (400, "Bad Request") : (502, "Bad Gateway")
    }

    private var message: String {
        let remedy =
            switch reason {
            case .credential: "The operator has to look at the credential of this session."
            case .redirect, .format, .name: "The operator has to look at the upstream of this session."
            case .unreachable, .cut, .ending: "Try again."
            case .tooLarge: "Ask for less."
            case .replay: "Ask what was asked when the record was made."
            case .leak: "The operator has to renew the credential: the upstream repeats it."
            }
        return "sallyport: \(detail). \(remedy)"
    }

    /// The whole answer, in the vendor's own form of an error; the connection is closed behind it.
    func response(for family: ModelAPI.Family) -> [UInt8] {
        let text = JSON.string(message)
        let value: JSON =
            switch family {
            case .anthropic: ["type": "error", "error": ["type": "api_error", "message": text]]
            case .openAI:
                [
                    "error": [
                        "message": text, "type": "server_error", "param": nil,
                        "code": .string("sallyport_\(code)"),
                    ]
                ]
            case .bedrock: ["message": text]
            case .gemini:
                [
                    "error": [
                        "code": .int(status.code), "message": text,
                        "status": .string(status.code == 400 ? "INVALID_ARGUMENT" : "UNAVAILABLE"),
                    ]
                ]
            }
        let body = JSONWriter().write(value)
        return Array(
            ("HTTP/1.1 \(status.code) \(status.words)\r\nContent-Type: application/json\r\nContent-Length: \(body.count)\r\n"
                + "x-should-retry: \(!isFinal)\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n").utf8) + body
    }
}
