// SPDX-License-Identifier: Apache-2.0

/// Which names a reference may have.
package enum ReferenceName {
    package static let longest = 240

    /// Why a full name such as `refs/heads/main` is refused, nil when it is fine.
    ///
    /// What git's own rule takes, and printable ASCII only: a name is shown to people, and stands in paths and
    /// arguments. git-check-ref-format(1)
    package static func flaw(_ name: some BidirectionalCollection<UInt8>) -> String? {
        if name.isEmpty { return "is empty" }
        if name.count > longest { return "is longer than \(longest) bytes" }
        if !name.allSatisfy({ (0x21...0x7E).contains($0) && !forbidden.contains($0) }) {
            return "has a character that a reference may not have"
        }
        let parts = name.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        for part in parts {
            if part.isEmpty { return "has an empty part" }
            if part.first == UInt8(ascii: ".") || part.last == UInt8(ascii: ".") {
                return "has a dot at an end of a part"
            }
            if part.first == UInt8(ascii: "-") { return "has a part that reads as an option" }
            if part.suffix(5).elementsEqual(".lock".utf8) { return "has a part that ends in .lock" }
            if TreeEntryRule.isDotGit(Array(part)) { return "has a part named like a repository" }
        }
        let text = String(decoding: name, as: UTF8.self)
        if text.contains("..") || text.contains("@{") { return "reads as a range or a log entry" }
        guard parts.count >= 3, parts[0].elementsEqual("refs".utf8) else { return "is not below refs/" }
        return nil
    }

    private static let forbidden = Set("~^:?*[\\\"'`$!;&|<>(){}".utf8)

    /// The full name of a branch; nil when it cannot be one.
    package static func branch(_ name: String) -> String? {
        let full = "refs/heads/" + name
        return flaw(Array(full.utf8)) == nil && name != "HEAD" ? full : nil
    }
}
