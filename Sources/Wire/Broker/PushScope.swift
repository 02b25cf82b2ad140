// SPDX-License-Identifier: Apache-2.0

/// Which references a session may push.
package enum PushScope: Equatable, Sendable {
    case nothing
    /// Everything below a prefix that ends in "/".
    case below(String)
    case exactly(String)

    /// Reads "refs/heads/agent/*" or "refs/heads/one-branch"; nil for anything else, so that no scope is ever wider than
    /// one branch or the branches of one directory.
    package init?(_ text: String) {
        let isPrefix = text.hasSuffix("/*")
        let name = isPrefix ? String(text.dropLast(2)) : text
        guard name.hasPrefix(Self.branches), Self.flaw(ofName: name.dropFirst(Self.branches.count)) == nil else {
            return nil
        }
        self = isPrefix ? .below(name + "/") : .exactly(name)
    }

    /// Where branches live.
    private static let branches = "refs/heads/"

    /// As ``init(_:)`` reads it; empty for nothing.
    package var text: String {
        switch self {
        case .nothing: ""
        case .below(let prefix): prefix + "*"
        case .exactly(let name): name
        }
    }

    /// Why a reference may not be pushed, nil when it may.
    package func flaw(of reference: String) -> String? {
        switch self {
        case .nothing: return "this session may not push"
        case .exactly(let name): return reference == name ? nil : "only \(text) may be pushed"
        case .below(let prefix):
            guard reference.hasPrefix(prefix) else { return "only \(text) may be pushed" }
            return Self.flaw(ofName: reference.dropFirst(prefix.count))
        }
    }

    private static let longestName = 400
    private static let longestPart = 200

    /// What git itself refuses in a name, and a little more: what a file system, a shell or an option parser on the way
    /// could take for something else. git-check-ref-format(1)
    static func flaw(ofName name: Substring) -> String? {
        guard name.utf8.count <= longestName, name.utf8.allSatisfy(isPlain) else { return badName }
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        for part in parts {
            guard let first = part.first, part.utf8.count <= longestPart, first != ".", first != "-",
                !part.hasSuffix("."), !part.contains(".."), !part.lowercased().hasSuffix(".lock")
            else { return badName }
        }
        return nil
    }

    private static let badName = "the name after the prefix is no plain branch name"

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"),
            UInt8(ascii: "/"), UInt8(ascii: "+"), UInt8(ascii: "#"), UInt8(ascii: "="), UInt8(ascii: ","):
            true
        default: false
        }
    }
}
