// SPDX-License-Identifier: Apache-2.0

/// The statuses that a broker answers with.
package enum HTTPStatus: Int, Sendable {
    case ok = 200
    case accepted = 202
    case badRequest = 400
    case forbidden = 403
    case notFound = 404
    case methodNotAllowed = 405
    case requestTimeout = 408
    case contentTooLarge = 413
    case unsupportedMediaType = 415
    case misdirected = 421
    case unprocessable = 422
    case internalError = 500
    case badGateway = 502
    case unavailable = 503

    fileprivate var phrase: String {
        switch self {
        case .ok: "OK"
        case .accepted: "Accepted"
        case .badRequest: "Bad Request"
        case .forbidden: "Forbidden"
        case .notFound: "Not Found"
        case .methodNotAllowed: "Method Not Allowed"
        case .requestTimeout: "Request Timeout"
        case .contentTooLarge: "Content Too Large"
        case .unsupportedMediaType: "Unsupported Media Type"
        case .misdirected: "Misdirected Request"
        case .unprocessable: "Unprocessable Content"
        case .internalError: "Internal Server Error"
        case .badGateway: "Bad Gateway"
        case .unavailable: "Service Unavailable"
        }
    }
}

/// One response; the connection is closed behind it, so that nothing of one request is ever read as part of another.
package struct HTTPResponse: Equatable, Sendable {
    package enum Length: Equatable, Sendable {
        case known(Int)
        case chunked
        /// The end of the connection ends the body: for a client of HTTP/1.0, which knows no chunks.
        case untilClose
    }

    /// The bytes before the body.
    ///
    /// - Parameter fields: More of them, of our own making.
    package static func head(
        _ status: HTTPStatus, type: String, length: Length, fields: [(name: String, value: String)] = []
    ) -> [UInt8] {
        var text = "HTTP/1.1 \(status.rawValue) \(status.phrase)\r\nContent-Type: \(type)\r\n"
        switch length {
        case .known(let count): text += "Content-Length: \(count)\r\n"
        case .chunked: text += "Transfer-Encoding: chunked\r\n"
        case .untilClose: break
        }
        for field in fields { text += "\(field.name): \(field.value)\r\n" }
        return Array((text + "Cache-Control: no-cache, no-store\r\nConnection: close\r\n\r\n").utf8)
    }

    package static func whole(_ status: HTTPStatus, type: String, body: [UInt8]) -> [UInt8] {
        head(status, type: type, length: .known(body.count)) + body
    }

    /// A refusal in words: git shows a text as "remote: ...".
    package static func refusal(_ status: HTTPStatus, _ reason: String) -> [UInt8] {
        whole(status, type: "text/plain; charset=utf-8", body: Array("sallyport: \(reason)\n".utf8))
    }

    package static let goOn = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)

    package static func chunk(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        Array("\(String(bytes.count, radix: 16))\r\n".utf8) + bytes + Array("\r\n".utf8)
    }

    package static let lastChunk = Array("0\r\n\r\n".utf8)
}
