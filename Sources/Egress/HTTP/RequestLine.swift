// SPDX-License-Identifier: Apache-2.0

/// The first line of a request; RFC 9112 3.
struct RequestLine: Equatable, Sendable {
    let method: String
    /// Path and query, whatever form the client used.
    let target: String
    /// The authority of an absolute-form target.
    let authority: HTTPHost?
    /// 0 or 1.
    let minorVersion: Int

    private static let longestMethod = 32

    /// Reads a line that has no CR, LF, control character or byte outside ASCII.
    init(_ line: [UInt8]) throws(HTTPRefusal) {
        let parts = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        guard parts.count == 3, (1...Self.longestMethod).contains(parts[0].count),
            parts[0].allSatisfy(HTTPField.isTokenByte)
        else { throw .requestLine }
        method = String(decoding: parts[0], as: UTF8.self)
        // Compared without case: a server that upper-cases the method must not see another request than this one.
        switch method.uppercased() {
        case "CONNECT": throw .connect
        case "PRI": throw .http2
        default: break
        }
        switch String(decoding: parts[2], as: UTF8.self) {
        case "HTTP/1.1": minorVersion = 1
        case "HTTP/1.0": minorVersion = 0
        default: throw .version
        }
        guard !parts[1].isEmpty, !parts[1].contains(UInt8(ascii: "#")) else { throw .target }
        (authority, target) = try Self.split(String(decoding: parts[1], as: UTF8.self))
    }

    /// The authority of an absolute-form target and the target in origin-form.
    private static func split(_ text: String) throws(HTTPRefusal) -> (HTTPHost?, String) {
        if text.hasPrefix("/") { return (nil, text) }
        let scheme = "http://"
        guard text.prefix(scheme.count).lowercased() == scheme else { throw .target }
        let rest = text.dropFirst(scheme.count)
        let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
        guard let host = HTTPHost(rest[..<end]) else { throw .target }
        let target = rest[end...]
        return (host, target.hasPrefix("/") ? String(target) : "/" + target)
    }
}
