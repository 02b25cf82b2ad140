// SPDX-License-Identifier: Apache-2.0
import Testing
import Workspace

@Suite("ignore rules")
struct IgnoreRulesTests {
    static let files = [
        "*.o\n!keep.o\n", "/build\n", "doc/*.txt\n", "doc/**/*.txt\n", "**/logs\n", "logs/**\n", "a/**/b\n", "foo/\n",
        "foo\n!foo/bar\n", "\\#x\n", "\\!x\n", "# comment\n\n x\n", "trailing   \n", "trailing\\ \n", "[a-c]x\n",
        "[!a-c]x\n", "[[:digit:]]x\n", "?x\n", "*x*\n", "**\n!*/\n!*.c\n", "a[\n", "a[]]b\n", "x\r\n", "\\\n", "!\n",
        "/*\n!/src\n", "src/*\n!src/keep\n", "a**b\n", "a/*/c\n", "/**/z\n", "*\\[x\n", "dir/sub/\n",
    ]

    /// Files of a tree in which each directory of a pattern is one.
    static let paths = [
        "x.o", "keep.o", "build/x", "sub/build", "doc/a.txt", "doc/b/c.txt", "logs/x", "q/logs/y", "a/b", "a/x/b",
        "a/x/y/b", "foo/bar", "foo/baz", "q/foo", "#x", "!x", "trailing", "trailing ", "ax", "dx", "5x", "xxx", "a.c",
        "sub/a.c", "a[", "a]b", "x", "src/keep/it", "src/other", "aQQb", "a/q/c", "a/q/q/c", "z/z", "q/z", "[x",
        "dir/sub/file", "e/dir/sub/file", "\u{E9}x", " x",
    ]

    @Test("takes exactly the files that git would take", arguments: files)
    func differential(_ text: String) throws {
        let scratch = try Scratch()
        try scratch.makeDirectory("source")
        try scratch.git("source", "init", "--quiet")
        for path in Self.paths {
            try scratch.makeDirectory("source/" + path.split(separator: "/").dropLast().joined(separator: "/"))
            try scratch.write("source/\(path)", [])
        }
        try scratch.write("source/.git/info/exclude", Array(text.utf8))
        let listed = try scratch.gitBytes("source", ["ls-files", "--others", "--exclude-standard", "-z"])
        let wanted = listed.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
        let rules = IgnoreRules().adding(Array(text.utf8), depth: 0)
        #expect(Self.paths.filter { !ignored($0, rules) }.sorted() == wanted.sorted())
    }

    /// As the walk asks: a path beneath an ignored directory is not looked at any more.
    private func ignored(_ path: String, _ rules: IgnoreRules) -> Bool {
        let parts = path.split(separator: "/").map { Array($0.utf8) }
        for length in 1..<parts.count where rules.ignore(Array(parts.prefix(length)), isDirectory: true) { return true }
        return rules.ignore(parts, isDirectory: false)
    }

    @Test("a deeper file decides before a higher one")
    func levels() {
        let rules = IgnoreRules().adding(Array("*.log\n".utf8), depth: 0).adding(Array("!keep.log\n".utf8), depth: 1)
        #expect(rules.ignore([Array("d".utf8), Array("x.log".utf8)], isDirectory: false))
        #expect(!rules.ignore([Array("d".utf8), Array("keep.log".utf8)], isDirectory: false))
    }

    @Test("a pattern made to be slow is not", .timeLimit(.minutes(25)))
    func bounded() throws {
        let stars = try #require(IgnorePattern(line: Array(String(repeating: "*a", count: 400).utf8)))
        #expect(!stars.matches([Array(String(repeating: "a", count: 250).utf8) + [0x62]], isDirectory: false))
        let deep = String(repeating: "**/a/", count: 200) + "b"
        let pattern = try #require(IgnorePattern(line: Array(deep.utf8)))
        #expect(!pattern.matches(Array(repeating: Array("a".utf8), count: 1000), isDirectory: false))
        #expect(IgnorePattern(line: Array(repeating: 0x61, count: IgnorePattern.longest + 1)) == nil)
    }
}
