// SPDX-License-Identifier: Apache-2.0

/// Which names and modes a received tree may have.
///
/// A name that some file system takes for `.git` would become a repository's own configuration at checkout:
/// CVE-2014-9390 (case, HFS+), CVE-2019-1352 (NTFS streams), CVE-2021-21300, CVE-2024-32002.
package enum TreeEntryRule {
    /// Whether a tree may name a commit of another repository. A task's own checkout has none; a repository that is
    /// fetched and pushed by git itself may have had some for years, and each of its trees names them again.
    package enum Submodules: Sendable { case refused, allowed }

    /// Why an entry is refused, nil when it is fine.
    package static func flaw(name: [UInt8], mode: UInt32, submodules: Submodules = .refused) -> String? {
        switch mode {
        case 0o040000, 0o100644, 0o100755, 0o100664, 0o120000: break
        case 0o160000: if submodules == .refused { return "is a submodule" }
        default: return "has the mode \(String(mode, radix: 8))"
        }
        if name.isEmpty { return "has no name" }
        if name.contains(0x2F) || name.contains(0) { return "has a separator in its name" }
        if name == [0x2E] || name == [0x2E, 0x2E] { return "is named like a directory's own link" }
        if name.count > 255 { return "has a name of more than 255 bytes" }
        if isDotGit(name) { return "is named like a repository's own directory" }
        // git follows a symlinked .gitmodules out of the tree. CVE-2018-11235
        if mode == 0o120000, isSpelling(of: ".gitmodules", name) { return "is a symlink named .gitmodules" }
        return nil
    }

    /// Any spelling of `.git` on ext4, NTFS or HFS+.
    package static func isDotGit(_ name: [UInt8]) -> Bool {
        isSpelling(of: ".git", name) || isSpelling(of: "git~1", name)
    }

    /// Whether NTFS or HFS+ could take a name for another: case, trailing dots and spaces, a stream's name, what
    /// follows a backslash, and code points that HFS+ ignores.
    private static func isSpelling(of plain: String, _ name: [UInt8]) -> Bool {
        // A backslash ends a component on Windows, so each part counts.
        name.split(separator: UInt8(ascii: "\\"), omittingEmptySubsequences: true).contains { part in
            var folded = Array(withoutIgnored(Array(part)).prefix { $0 != UInt8(ascii: ":") })
            while let last = folded.last, last == 0x2E || last == 0x20 { folded.removeLast() }
            return folded.map { (0x41...0x5A).contains($0) ? $0 + 32 : $0 } == Array(plain.utf8)
        }
    }

    /// Takes out U+200C-200F, U+202A-202E, U+206A-206F and U+FEFF, which HFS+ ignores in a comparison.
    private static func withoutIgnored(_ name: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var index = 0
        while index < name.count {
            if index + 2 < name.count {
                switch (name[index], name[index + 1], name[index + 2]) {
                case (0xE2, 0x80, 0x8C...0x8F), (0xE2, 0x80, 0xAA...0xAE), (0xE2, 0x81, 0xAA...0xAF),
                    (0xEF, 0xBB, 0xBF):
                    index += 3
                    continue
                default: break
                }
            }
            result.append(name[index])
            index += 1
        }
        return result
    }
}
