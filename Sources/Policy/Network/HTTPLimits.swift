// SPDX-License-Identifier: Apache-2.0

/// Which requests a rule lets through, where requests can be seen at all.
package struct HTTPLimits: Sendable, Hashable {
    /// Methods in capitals, sorted; nil is any.
    package var methods: [String]?
    /// A path that ends in `/` stands for all below it, any other for itself; nil is any.
    package var paths: [String]?

    package init(methods: [String]?, paths: [String]?) {
        self.methods = methods.map { Set($0).sorted() }
        self.paths = paths.map { Set($0).sorted() }
    }

    package enum Verdict: String, Sendable, Hashable {
        case allowed
        case methodNotAllowed = "method_not_allowed"
        case pathNotAllowed = "path_not_allowed"
        /// Servers disagree about which path this is, so no rule can be held against it.
        case pathAmbiguous = "path_ambiguous"
    }

    /// The verdict on a request by its method and its target in origin form, query included.
    ///
    /// A path that servers read in several ways is refused where only methods are limited, too: an encoded line end has
    /// made two requests of one.
    package func verdict(method: String, target: String) -> Verdict {
        if let methods, !methods.contains(method) { return .methodNotAllowed }
        let path = target.utf8.prefix { $0 != UInt8(ascii: "?") }
        guard Self.isPlain(Array(path)) else { return .pathAmbiguous }
        guard let paths else { return .allowed }
        let text = String(Substring(path))
        return paths.contains { Self.path($0, covers: text) } ? .allowed : .pathNotAllowed
    }

    /// Whether everything that `other` lets through is let through here too.
    package func covers(_ other: HTTPLimits?) -> Bool {
        if let methods {
            guard let theirs = other?.methods, Set(theirs).isSubset(of: methods) else { return false }
        }
        if let paths {
            guard let theirs = other?.paths else { return false }
            return theirs.allSatisfy { path in paths.contains { Self.path($0, covers: path) } }
        }
        return true
    }

    private static func path(_ rule: String, covers path: String) -> Bool {
        rule.hasSuffix("/") ? path.utf8.starts(with: rule.utf8) : rule.utf8.elementsEqual(path.utf8)
    }

    /// Whether a path means the same to every server; what is known to be brought to another form by one is refused
    /// instead of guessed at.
    ///
    /// No dot segment and no empty one, but for the last. No blank, control character, backslash or ";" (Tomcat cuts a
    /// segment there), encoded or not. No encoded dot, slash or percent sign, which some servers decode and others
    /// keep. Decoded it is UTF-8: overlong forms were the way past many filters (CVE-2000-0884).
    package static func isPlain(_ path: [UInt8]) -> Bool {
        guard path.first == UInt8(ascii: "/"), path.count <= 4096, let decoded = decoded(path),
            String(validating: decoded, as: UTF8.self) != nil
        else { return false }
        let segments = decoded.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        return segments.enumerated().allSatisfy { position, segment in
            if segment.isEmpty { return position == segments.count - 1 }
            return !segment.elementsEqual(".".utf8) && !segment.elementsEqual("..".utf8)
        }
    }

    /// The bytes that a path stands for; nil where it holds one that no plain path does.
    private static func decoded(_ path: [UInt8]) -> [UInt8]? {
        var decoded: [UInt8] = []
        var index = 0
        while index < path.count {
            var byte = path[index]
            if byte == UInt8(ascii: "%") {
                guard index + 2 < path.count, let high = path[index + 1].hexadecimalValue,
                    let low = path[index + 2].hexadecimalValue
                else { return nil }
                byte = high << 4 | low
                guard !"./%".utf8.contains(byte) else { return nil }
                index += 2
            }
            guard byte > 0x20, byte != 0x7F, byte != UInt8(ascii: "\\"), byte != UInt8(ascii: ";") else { return nil }
            decoded.append(byte)
            index += 1
        }
        return decoded
    }
}
