// SPDX-License-Identifier: Apache-2.0

/// A canonical absolute path inside the sandbox: components without `.`, `..` or empty ones.
///
/// Components are bytes, because the kernel compares bytes. Swift's own string equality calls two spellings of "é"
/// equal that are two different files, and a rule for one must not decide about the other.
package struct RulePath: Sendable, Hashable, Comparable, CustomStringConvertible {
    package let components: [[UInt8]]

    /// Why a text is no path that can be decided about.
    package enum Flaw: Error, Sendable, Hashable {
        case notAbsolute, parentComponent, control, tooLong, glob
    }

    /// The path of a text; `/a//b/`, `/a/./b` and `/a/b` are one path. `..` is refused, not resolved: what it names
    /// depends on symbolic links. Globs are plain characters here.
    package init(_ text: String) throws(Flaw) {
        let bytes = Array(text.utf8)
        guard bytes.first == UInt8(ascii: "/") else { throw .notAbsolute }
        guard bytes.count < 4096 else { throw .tooLong }  // PATH_MAX
        guard !bytes.contains(where: { $0 < 0x20 || $0 == 0x7F }) else { throw .control }
        let parts = bytes.split(separator: UInt8(ascii: "/")).map { Array($0) }.filter { $0 != Array(".".utf8) }
        guard !parts.contains(Array("..".utf8)) else { throw .parentComponent }
        guard parts.allSatisfy({ $0.count <= 255 }) else { throw .tooLong }  // NAME_MAX
        components = parts
    }

    /// A path for a rule: the same, and without characters that a reader could take for a pattern.
    package static func rule(_ text: String) throws(Flaw) -> RulePath {
        let path = try RulePath(text)
        guard !text.utf8.contains(where: { "*?[".utf8.contains($0) }) else { throw .glob }
        return path
    }

    /// The path of a text that is spelled as ``text`` spells it; nil for any other.
    package init?(canonical spelled: String) {
        do throws(Flaw) { self = try Self.rule(spelled) } catch { return nil }
        guard spelled.utf8.elementsEqual(text.utf8) else { return nil }
    }

    init(components: [[UInt8]]) { self.components = components }

    static let root = RulePath(components: [])
    static let workspace = RulePath(components: [Array("workspace".utf8)])

    /// Whether `other` is this path or lies below it, by whole components.
    package func contains(_ other: RulePath) -> Bool { other.components.starts(with: components) }

    package var text: String {
        if components.isEmpty { return "/" }
        var bytes: [UInt8] = []
        for component in components { bytes += [UInt8(ascii: "/")] + component }
        return String(decoding: bytes, as: UTF8.self)
    }

    package var description: String { text }

    package static func < (first: RulePath, second: RulePath) -> Bool {
        first.components.lexicographicallyPrecedes(second.components) { $0.lexicographicallyPrecedes($1) }
    }
}

extension RulePath.Flaw {
    /// The flaw in the words of an error message, and what to write instead.
    var explanation: (reason: String, remedy: String) {
        switch self {
        case .notAbsolute: ("is not an absolute path", "Begin it with \"/\", as seen inside the sandbox.")
        case .parentComponent: ("has a \"..\" component", "Write the path it leads to.")
        case .control: ("holds a control character", "Remove it.")
        case .tooLong: ("is longer than a path can be", "Shorten it.")
        case .glob: ("holds \"*\", \"?\" or \"[\", and there are no patterns", "Name the directory itself.")
        }
    }
}
