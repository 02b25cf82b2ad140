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
    package func verdict(method: String, target: String) -> Verdict {
        if let methods, !methods.contains(method) { return .methodNotAllowed }
        guard let paths else { return .allowed }
        let path = target.utf8.prefix { $0 != UInt8(ascii: "?") }
        guard Self.isPlain(Array(path)) else { return .pathAmbiguous }
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

    /// Whether a path means the same to every server: no dot segments in any encoding, no encoded separators, no
    /// empty segments, no backslash, no controls.
    package static func isPlain(_ path: [UInt8]) -> Bool {
        guard path.first == UInt8(ascii: "/"), path.count <= 4096 else { return false }
        var decoded: [UInt8] = []
        var index = 0
        while index < path.count {
            var byte = path[index]
            if byte == UInt8(ascii: "%") {
                guard index + 2 < path.count, let high = hexadecimal(path[index + 1]),
                    let low = hexadecimal(path[index + 2])
                else { return false }
                byte = high << 4 | low
                // An encoded separator or percent sign is decoded by some servers and kept by others.
                guard byte != UInt8(ascii: "/"), byte != UInt8(ascii: "%") else { return false }
                index += 2
            }
            guard byte > 0x20, byte != 0x7F, byte != UInt8(ascii: "\\"), byte != UInt8(ascii: ";") else { return false }
            decoded.append(byte)
            index += 1
        }
        let segments = decoded.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        return segments.enumerated().allSatisfy { position, segment in
            if segment.isEmpty { return position == segments.count - 1 }
            return !segment.elementsEqual(".".utf8) && !segment.elementsEqual("..".utf8)
        }
    }

    private static func hexadecimal(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x37
        case 0x61...0x66: byte - 0x57
        default: nil
        }
    }
}
