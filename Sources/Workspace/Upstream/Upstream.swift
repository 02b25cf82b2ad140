// SPDX-License-Identifier: Apache-2.0
internal import LinuxSystem

/// Where a repository really lives: a URL without any credential in it, or a directory of this host.
package enum Upstream: Equatable, Sendable {
    case remote(RemoteURL)
    /// An absolute path.
    case local(String)

    /// Reads "https://host/path", "http://host/path" or an absolute path.
    package init(_ text: String) throws(UpstreamFlaw) {
        if text.hasPrefix("/") {
            self = .local(text)
        } else {
            self = .remote(try RemoteURL(text))
        }
    }

    /// As it is shown and recorded; nothing in it is secret.
    package var text: String {
        switch self {
        case .remote(let url): url.text
        case .local(let path): path
        }
    }

    /// A text that was to be an upstream, as a message may show it: without what could be a password.
    package static func shown(_ text: String) -> String {
        let start = text.firstRange(of: "://")?.upperBound ?? text.startIndex
        guard !text.hasPrefix("/"), !text.hasPrefix("."), let at = text.lastIndex(of: "@"), start < at else {
            return PrintableText.escaped(text.utf8, longest: 200)
        }
        return PrintableText.escaped("\(text[..<start])[...]\(text[at...])".utf8, longest: 200)
    }

    /// Names the host's copy of it: the same upstream has the same copy, whoever asks.
    package var key: String { String(Digest.sha256(Array(text.utf8)).prefix(40)) }
}

/// Why a text names no upstream.
package enum UpstreamFlaw: Error, Equatable, Sendable {
    case scheme
    case host
    case port
    case path
    case password

    package var reason: String {
        switch self {
        case .scheme: "only https, http and paths that begin with \"/\" are supported"
        case .host: "its host is no plain name or address"
        case .port: "its port is no number from 1 to 65535"
        case .path: "its path has a query, a fragment, \"..\" or a character that no repository needs"
        case .password: "it carries a password, which every record of it would show"
        }
    }
}

/// The parts of a URL that git is given.
package struct RemoteURL: Equatable, Sendable {
    package let isSecure: Bool
    /// As it stands in the URL: a name, an IPv4 address, or an IPv6 address in brackets.
    package let host: String
    package let port: UInt16?
    /// Begins with "/".
    package let path: String
    /// Whom to say that we are; nil leaves it to whoever has the credential.
    package let user: String?

    init(_ text: String) throws(UpstreamFlaw) {
        guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { throw .path }
        let lower = text.prefix(8).lowercased()
        let start: Int
        if lower.hasPrefix("https://") {
            start = 8
        } else if lower.hasPrefix("http://") {
            start = 7
        } else {
            throw .scheme
        }
        isSecure = start == 8
        let rest = text.dropFirst(start)
        let end = rest.firstIndex(of: "/") ?? rest.endIndex
        var authority = rest[..<end]
        if let at = authority.lastIndex(of: "@") {
            let name = authority[..<at]
            guard !name.contains(":") else { throw .password }
            guard !name.isEmpty, name.utf8.allSatisfy(Self.isPlain) else { throw .host }
            user = String(name)
            authority = authority[authority.index(after: at)...]
        } else {
            user = nil
        }
        let name: Substring
        (name, port) = try Self.split(authority)
        guard Self.isHost(name) else { throw .host }
        host = name.lowercased()
        path = try Self.path(rest[end...])
    }

    /// Whether nobody else's network lies between.
    package var isLoopback: Bool { ["localhost", "127.0.0.1", "[::1]"].contains(host) }

    /// What connections are made to, as git's configuration names it.
    package var origin: String { "\(isSecure ? "https" : "http")://\(host)\(port.map { ":\($0)" } ?? "")" }

    /// Without the user's name: who asks makes no difference to what is there.
    package var text: String { origin + path }

    private static func split(_ authority: Substring) throws(UpstreamFlaw) -> (Substring, UInt16?) {
        let afterAddress = authority.lastIndex(of: "]") ?? authority.startIndex
        guard let colon = authority[afterAddress...].lastIndex(of: ":") else { return (authority, nil) }
        let digits = authority[authority.index(after: colon)...]
        guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = UInt16(digits), port > 0 else {
            throw .port
        }
        return (authority[..<colon], port)
    }

    private static func isHost(_ text: Substring) -> Bool {
        if text.hasPrefix("[") {
            return text.hasSuffix("]") && text.count > 4
                && text.dropFirst().dropLast().utf8.allSatisfy { byte in
                    byte == UInt8(ascii: ":") || byte == UInt8(ascii: ".") || isHexadecimal(byte)
                }
        }
        let isName = text.utf8.allSatisfy { isPlain($0) && $0 != UInt8(ascii: "_") }
        return isName && !text.isEmpty && !text.hasPrefix(".") && !text.hasPrefix("-") && !text.contains("..")
    }

    private static func path(_ text: Substring) throws(UpstreamFlaw) -> String {
        var path = text
        while path.hasSuffix("/") { path = path.dropLast() }
        guard !path.isEmpty, path.utf8.count <= 1024,
            path.utf8.allSatisfy({ isPlain($0) || "/~+%".utf8.contains($0) }),
            !path.split(separator: "/", omittingEmptySubsequences: false).contains("..")
        else { throw .path }
        return String(path)
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
            UInt8(ascii: "A")...UInt8(ascii: "F"):
            true
        default: false
        }
    }
}
