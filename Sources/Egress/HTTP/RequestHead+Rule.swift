// SPDX-License-Identifier: Apache-2.0

extension RequestHead {
    /// Fields by which frameworks let a client replace the method or the path after the server has routed it.
    static let overriding: Set<String> = [
        "x-http-method", "x-http-method-override", "x-method-override", "x-original-url", "x-rewrite-url",
        "x-original-uri", "x-forwarded-prefix", "x-forwarded-uri",
    ]

    /// The decoded path that a rule with methods or paths compares, without the query.
    ///
    /// A path that servers are known to bring to another form is refused instead of guessed at: dot segments (also
    /// before ";", which Tomcat cuts off), empty segments, backslashes, and percent-encoding of a dot, a slash, a
    /// backslash, a percent sign, a control character or invalid UTF-8 (overlong forms were the way past many
    /// filters, CVE-2000-0884).
    ///
    /// - Throws: ``HTTPRefusal/path`` or ``HTTPRefusal/override``.
    package func rulePath() throws(HTTPRefusal) -> String {
        if fields.contains(where: { Self.overriding.contains($0.key) }) { throw .override }
        let raw = Array(target.utf8.prefix { $0 != UInt8(ascii: "?") })
        let decoded = try Self.decoded(raw)
        guard let path = String(validating: decoded, as: UTF8.self) else { throw .path }
        let segments = decoded.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        // The first is empty, since a path begins with "/"; the last is empty when it ends with one.
        for (index, segment) in segments.enumerated().dropFirst() {
            if segment.isEmpty, index != segments.count - 1 { throw .path }
            let name = segment.prefix { $0 != UInt8(ascii: ";") }
            if name.allSatisfy({ $0 == UInt8(ascii: ".") }), (1...2).contains(name.count) { throw .path }
        }
        return path
    }

    private static func decoded(_ raw: [UInt8]) throws(HTTPRefusal) -> [UInt8] {
        var decoded: [UInt8] = []
        var index = 0
        while index < raw.count {
            var byte = raw[index]
            index += 1
            if byte == UInt8(ascii: "\\") { throw .path }
            if byte == UInt8(ascii: "%") {
                guard index + 1 < raw.count, let high = raw[index].hexadecimalValue,
                    let low = raw[index + 1].hexadecimalValue
                else { throw .path }
                byte = high << 4 | low
                index += 2
                switch byte {
                case 0..<0x20, 0x7f, UInt8(ascii: "."), UInt8(ascii: "/"), UInt8(ascii: "\\"), UInt8(ascii: "%"),
                    UInt8(ascii: ";"):
                    throw .path
                default: break
                }
            }
            decoded.append(byte)
        }
        return decoded
    }
}
