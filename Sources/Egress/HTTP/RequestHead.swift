// SPDX-License-Identifier: Apache-2.0

/// One request as it is decided on and sent onwards.
package struct RequestHead: Equatable, Sendable {
    /// How the length of the body is known.
    package enum Framing: Equatable, Sendable {
        case none
        case length(UInt64)
        case chunked
    }

    package let method: String
    /// Path and query in origin-form, as sent.
    package let target: String
    /// 0 or 1. Stays as it was: a server answers HTTP/1.0 without chunks, which such a client could not read.
    package let minorVersion: Int
    package let host: HTTPHost
    package let framing: Framing
    /// The client holds its body back until it hears 100; the upstream's own answer reaches it.
    package let expectsContinue: Bool
    /// The fields that are sent onwards: neither framing nor Host nor what belongs to one connection.
    package let fields: [HTTPField]

    /// True when the request is for this name and port and for nothing else.
    package func isFor(_ name: String, port: UInt16) -> Bool { host.name == name && host.port == port }
}

extension RequestHead {
    /// Fields of one connection (RFC 9110 7.6.1) and of a proxy, which the upstream never sees.
    private static let hopByHop: Set<String> = [
        "connection", "keep-alive", "te", "trailer", "upgrade", "http2-settings",
    ]
    /// Fields that are read here and written anew.
    private static let restated: Set<String> = ["host", "content-length", "transfer-encoding", "expect"]

    init(_ line: RequestLine, fields all: [HTTPField]) throws(HTTPRefusal) {
        for field in all { try Self.refuseAlias(field.key) }
        method = line.method
        target = line.target
        minorVersion = line.minorVersion
        host = try Self.host(all, authority: line.authority)
        let nominated = try Self.nominated(all)
        try Self.refuseUpgrade(all)
        framing = try Self.framing(all, minorVersion: line.minorVersion)
        let hasBody = framing != .none && framing != .length(0)
        if hasBody, ["GET", "HEAD", "TRACE"].contains(line.method.uppercased()) { throw .body }
        // HTTP/1.0 has no interim answers, and without a body there is nothing to hold back (RFC 9110 10.1.1).
        expectsContinue = try Self.expectsContinue(all) && hasBody && line.minorVersion == 1
        fields = all.filter { field in
            let key = field.key
            return !Self.hopByHop.contains(key) && !Self.restated.contains(key) && !key.hasPrefix("proxy-")
                && !nominated.contains(key)
        }
    }

    /// Gateways in the style of CGI know no difference between "-" and "_" in a name.
    private static func refuseAlias(_ key: String) throws(HTTPRefusal) {
        guard key.contains("_") else { return }
        let plain = String(key.map { $0 == "_" ? "-" : $0 })
        if hopByHop.contains(plain) || restated.contains(plain) || overriding.contains(plain) { throw .alias }
    }

    private static func values(_ key: String, _ fields: [HTTPField]) -> [String] {
        fields.filter { $0.key == key }.map(\.value)
    }

    private static func host(_ fields: [HTTPField], authority: HTTPHost?) throws(HTTPRefusal) -> HTTPHost {
        let values = values("host", fields)
        guard let value = values.first else { throw .noHost }
        guard values.count == 1 else { throw .duplicateHost }
        guard let host = HTTPHost(value) else { throw .badHost }
        if let authority, authority != host { throw .targetAuthority }
        return host
    }

    /// The fields that Connection names; they end here like Connection itself.
    private static func nominated(_ fields: [HTTPField]) throws(HTTPRefusal) -> Set<String> {
        var nominated: Set<String> = []
        for value in values("connection", fields) {
            guard let tokens = HTTPField.tokens(value) else { throw .connection }
            nominated.formUnion(tokens)
        }
        guard nominated.isDisjoint(with: restated) else { throw .connection }
        return nominated
    }

    /// java.net.http offers HTTP/2 with each plain request; without the offer it goes on with HTTP/1.1.
    private static func refuseUpgrade(_ fields: [HTTPField]) throws(HTTPRefusal) {
        for value in values("upgrade", fields) where value.lowercased() != "h2c" { throw .upgrade }
    }

    private static func framing(_ fields: [HTTPField], minorVersion: Int) throws(HTTPRefusal) -> Framing {
        let lengths = values("content-length", fields)
        let codings = values("transfer-encoding", fields)
        guard lengths.isEmpty || codings.isEmpty else { throw .twoLengths }
        if let coding = codings.first {
            guard codings.count == 1, coding.lowercased() == "chunked", minorVersion == 1 else {
                throw .transferEncoding
            }
            return .chunked
        }
        guard let length = lengths.first else { return .none }
        guard lengths.count == 1, (1...18).contains(length.utf8.count), length.utf8.allSatisfy(\.isASCIIDigit),
            let number = UInt64(length)
        else { throw .contentLength }
        return .length(number)
    }

    private static func expectsContinue(_ fields: [HTTPField]) throws(HTTPRefusal) -> Bool {
        let values = values("expect", fields)
        guard let value = values.first else { return false }
        guard values.count == 1, value.lowercased() == "100-continue" else { throw .expect }
        return true
    }
}

extension RequestHead {
    /// The head that is sent upstream: one Host, one statement of the length, one request to the connection.
    package func rebuilt() -> [UInt8] {
        var text = "\(method) \(target) HTTP/1.\(minorVersion)\r\nHost: \(host.field)\r\n"
        for field in fields { text += "\(field.name): \(field.value)\r\n" }
        switch framing {
        case .none: break
        case .length(let count): text += "Content-Length: \(count)\r\n"
        case .chunked: text += "Transfer-Encoding: chunked\r\n"
        }
        if expectsContinue { text += "Expect: 100-continue\r\n" }
        return Array((text + "Connection: close\r\n\r\n").utf8)
    }
}
