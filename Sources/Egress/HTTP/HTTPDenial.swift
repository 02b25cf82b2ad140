// SPDX-License-Identifier: Apache-2.0
internal import Documents

/// The answer to a request that is not sent onwards, in a form that a program and a person can read.
package struct HTTPDenial: Equatable, Sendable {
    package enum Status: Int, Sendable {
        case badRequest = 400
        case forbidden = 403
        case badGateway = 502

        fileprivate var phrase: String {
            switch self {
            case .badRequest: "Bad Request"
            case .forbidden: "Forbidden"
            case .badGateway: "Bad Gateway"
            }
        }
    }

    package var status: Status
    /// Why, in a sentence or a stable name.
    package var reason: String
    /// What the reader can do.
    package var remedy: String
    /// The event of the audit record that says more; nil where none was written.
    package var event: String?

    package init(_ status: Status, reason: String, remedy: String, event: String? = nil) {
        self.status = status
        self.reason = reason
        self.remedy = remedy
        self.event = event
    }

    /// The whole response; the connection is closed after it.
    ///
    /// - Parameter method: The request's method, where it is known: an answer to HEAD has no body.
    package func response(to method: String? = nil) -> [UInt8] {
        let body =
            JSONWriter().write([
                "error": "denied_by_sallyport", "reason": .string(reason), "remedy": .string(remedy),
                "event": .optional(event),
            ]) + [UInt8(ascii: "\n")]
        let head = """
            HTTP/1.1 \(status.rawValue) \(status.phrase)\r
            Content-Type: application/json\r
            Content-Length: \(body.count)\r
            Cache-Control: no-store\r
            Connection: close\r
            \r

            """
        return Array(head.utf8) + (method == "HEAD" ? [] : body)
    }
}
