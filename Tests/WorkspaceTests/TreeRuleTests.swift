// SPDX-License-Identifier: Apache-2.0
import Testing
import Workspace

@Suite("tree rules")
struct TreeRuleTests {
    @Test(
        "find every spelling of .git",
        arguments: [
            ".git", ".GIT", ".Git", "git~1", "GIT~1", ".git ", ".git.", ".git. .", ".git::$INDEX_ALLOCATION", ".git:x",
            ".g\u{200C}it", "\u{FEFF}.git", ".gi\u{202E}t", ".git\\config", "a\\.git",
        ])
    func spellings(_ name: String) {
        #expect(TreeEntryRule.isDotGit(Array(name.utf8)))
        #expect(
            TreeEntryRule.flaw(name: Array(name.utf8), mode: 0o100644) == "is named like a repository's own directory")
    }

    @Test(
        "leave other names alone",
        arguments: [".gitignore", ".gitattributes", ".github", "git", "x.git", ".git2", "git~2", "a\nb", "\u{1B}[31m"])
    func otherNames(_ name: String) {
        #expect(TreeEntryRule.flaw(name: Array(name.utf8), mode: 0o100644) == nil)
    }

    @Test("take names that are no UTF-8")
    func invalidUTF8() { #expect(TreeEntryRule.flaw(name: [0x61, 0xFF, 0xFE], mode: 0o100755) == nil) }

    @Test(
        "refuse other names and modes",
        arguments: [
            ("", 0o100644, "has no name"), (".", 0o040000, "is named like a directory's own link"),
            ("..", 0o040000, "is named like a directory's own link"), ("a/b", 0o100644, "has a separator in its name"),
            ("x", 0o160000, "is a submodule"), ("x", 0o104755, "has the mode 104755"),
            ("x", 0o020000, "has the mode 20000"), (".gitmodules", 0o120000, "is a symlink named .gitmodules"),
            (".GitModules", 0o120000, "is a symlink named .gitmodules"),
            (String(repeating: "n", count: 256), 0o100644, "has a name of more than 255 bytes"),
        ] as [(String, UInt32, String)])
    func refusals(_ name: String, _ mode: UInt32, _ flaw: String) {
        #expect(TreeEntryRule.flaw(name: Array(name.utf8), mode: mode) == flaw)
    }

    private static func entry(_ mode: String, _ name: String) -> [UInt8] {
        Array("\(mode) \(name)".utf8) + [0] + [UInt8](repeating: 7, count: 20)
    }

    @Test("read a tree's bytes to the end")
    func content() {
        let fine = Self.entry("100644", "a") + Self.entry("40000", "b")
        #expect(TreeContent(fine).flaw() == nil)
        #expect(TreeContent([]).flaw() == nil)
        #expect(TreeContent(fine + Self.entry("40000", ".GIT")).flaw()?.contains("\".GIT\"") == true)
        #expect(TreeContent(fine + Self.entry("100644", "a")).flaw() == "has two entries named \"a\"")
        #expect(TreeContent(Array(fine.dropLast())).flaw() == "has an entry that is cut short")
        #expect(TreeContent(Self.entry("10a644", "x")).flaw() == "has an entry without a mode")
        #expect(TreeContent(Self.entry("000000000644", "x")).flaw() == "has an entry without a mode")
    }
}
