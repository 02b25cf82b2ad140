// SPDX-License-Identifier: Apache-2.0
package import Policy

/// A host and a path on it, with its query: what an index's page or a redirect leads to.
package struct PackageLocation: Hashable, Sendable {
    /// Without a path.
    package let origin: ModelOrigin
    /// Begins with "/".
    package let path: String

    package static let longest = 4096

    /// The page of a project at an index.
    package init(_ name: PackageName, at upstream: ModelOrigin) {
        origin = upstream.root
        path = "\(upstream.path)/\(name)/"
    }

    /// The same with more behind its path: what lies beside a file by its name.
    package func appending(_ suffix: String) -> PackageLocation {
        let query = path.firstIndex(of: "?") ?? path.endIndex
        return PackageLocation(origin, path[..<query] + suffix + path[query...])
    }

    private init(_ origin: ModelOrigin, _ path: String) {
        self.origin = origin
        self.path = path
    }

    /// What a reference on this page stands for; nil for what is none that can be followed. RFC 3986 5.2
    ///
    /// A fragment is dropped. Nothing is decoded: what is asked for is what was written.
    package func resolving(_ reference: String) -> PackageLocation? {
        guard reference.utf8.count <= Self.longest, reference.utf8.allSatisfy(Self.isPlain) else { return nil }
        let text = reference.prefix { $0 != "#" }
        var target = origin
        var rest = text
        if let colon = text.firstIndex(of: ":"), text[..<colon].utf8.allSatisfy(Self.isSchemeByte) {
            guard let (authority, path) = Self.split(text[text.index(after: colon)...]),
                let found = try? ModelOrigin("\(text[..<colon].lowercased())://\(authority)")
            else { return nil }
            (target, rest) = (found, path.isEmpty ? "/" : path)
        } else if text.hasPrefix("//") {
            guard let (authority, path) = Self.split(text),
                let found = try? ModelOrigin("\(origin.isTLS ? "https" : "http")://\(authority)")
            else { return nil }
            (target, rest) = (found, path.isEmpty ? "/" : path)
        }
        let query = rest.firstIndex(of: "?").map { rest[$0...] } ?? ""
        var way = String(rest.prefix { $0 != "?" })
        if way.isEmpty {
            way = String(path.prefix { $0 != "?" })
        } else if !way.hasPrefix("/") {
            let own = path.prefix { $0 != "?" }
            way = String(own[...(own.lastIndex(of: "/") ?? own.startIndex)]) + way
        }
        return PackageLocation(target, Self.withoutDots(way) + query)
    }

    /// The host and what follows of `//host/path`.
    private static func split(_ text: Substring) -> (Substring, Substring)? {
        guard text.hasPrefix("//") else { return nil }
        let rest = text.dropFirst(2)
        let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
        guard rest[end...].first != "?" else { return nil }
        return (rest[..<end], rest[end...])
    }

    private static func withoutDots(_ path: String) -> String {
        var parts: [Substring] = []
        let given = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        for (index, part) in given.enumerated() {
            let isLast = index == given.count - 1
            switch part {
            case ".": if isLast { parts.append("") }
            case "..":
                _ = parts.popLast()
                if isLast { parts.append("") }
            default: parts.append(part)
            }
        }
        return "/" + parts.joined(separator: "/")
    }

    /// Printable, and nothing that RFC 3986 has no place for.
    private static func isPlain(_ byte: UInt8) -> Bool {
        (0x21...0x7E).contains(byte) && !"\"<>\\^`{|}".utf8.contains(byte)
    }

    private static func isSchemeByte(_ byte: UInt8) -> Bool {
        switch byte | 0x20 {
        case UInt8(ascii: "a")...UInt8(ascii: "z"): true
        default: false
        }
    }
}
