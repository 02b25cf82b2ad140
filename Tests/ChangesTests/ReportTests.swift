// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxSystem
import Testing

@testable import Changes

@Suite("change report")
struct ReportTests {
    private func text(_ s: Scratch) throws -> String {
        var text = ""
        let tree = try Directory.open(s.lower)
        try ChangeReport(s.collect(), against: tree).write { text += $0 }
        return text
    }

    @Test("shows what acts on the host first, then each change, then the lines")
    func order() throws {
        let s = try Scratch()
        try s.file("\(s.lower)/a.txt", "one\ntwo\nthree\n")
        try s.file("\(s.upper)/a.txt", "one\n2\nthree\n")
        try s.file("\(s.upper)/.envrc", "echo hi\n")
        try s.file("\(s.upper)/Makefile", "all:\n")
        let text = try text(s)
        let body = text.split(separator: "\n", omittingEmptySubsequences: false).dropFirst().joined(separator: "\n")
        #expect(
            body == """
                Act on this host when opened (not applied unless accepted):
                  A .envrc  [direnv runs it on entering the directory]

                Worth a look:
                  A Makefile  [runs on make]

                Changes:
                  A .envrc  (8 bytes)
                  A Makefile  (5 bytes)
                  M a.txt  (14 -> 12 bytes)

                --- /dev/null
                +++ b/.envrc
                @@ -0,0 +1,1 @@
                +echo hi

                --- /dev/null
                +++ b/Makefile
                @@ -0,0 +1,1 @@
                +all:

                --- a/a.txt
                +++ b/a.txt
                @@ -1,3 +1,3 @@
                 one
                -two
                +2
                 three

                """)
    }

    @Test("prints no byte that acts on a terminal, from names, lines or link targets")
    func escapes() throws {
        let s = try Scratch()
        try s.file("\(s.upper)/\u{1b}]52;c;x\u{7}", "x\u{1b}[2J\u{9b}31m\u{202e}evil\r\n\ttab\n")
        try s.link("\(s.upper)/l", "\u{1b}[31m")
        try s.file("\(s.upper)/a\nM forged", "x")
        let text = try text(s)
        for scalar in text.unicodeScalars where scalar != "\n" && scalar != "\t" {
            #expect(scalar.value >= 0x20 && !(0x7F...0x9F).contains(scalar.value) && scalar.value != 0x202E)
        }
        #expect(text.contains("\\x1b]52;c;x\\x07"))
        #expect(text.contains("A a\\nM forged"))
        #expect(text.contains("+\ttab"))
        #expect(text.contains("l -> \\x1b[31m"))
    }

    @Test(
        "escapes names so that they can be told apart",
        arguments: [
            (Array("plain-ü.txt".utf8), "plain-ü.txt"), (Array("a\\nb".utf8), "a\\\\nb"), (Array("a\nb".utf8), "a\\nb"),
            ([0xFF, 0x41], "\\xffA"), (Array("\u{202e}x".utf8), "\\u{202e}x"), ([0xC2, 0x9B], "\\u{009b}"),
            (Array("\u{200d}".utf8), "\\u{200d}"), ([0xED, 0xA0, 0x80], "\\xed\\xa0\\x80"), ([0x7F], "\\x7f"),
            (Array("\u{a0}".utf8), "\\u{00a0}"), ([0xC0, 0xAF], "\\xc0\\xaf"),
        ])
    func escaping(_ path: [UInt8], _ shown: String) { #expect(escapedPath(path) == shown) }

    @Test("no two names have the same text")
    func distinct() {
        var random = Seeded(state: 7)
        var seen: [String: [UInt8]] = [:]
        let alphabet: [UInt8] = [0x5C, 0x78, 0x6E, 0x66, 0x0A, 0xFF, 0xC2, 0x9B, 0x75, 0x7B]
        for _ in 0..<20000 {
            let path = (0..<Int.random(in: 1...5, using: &random)).map { _ in alphabet.randomElement(using: &random)! }
            let shown = escapedPath(path)
            if let other = seen[shown] { #expect(other == path) }
            seen[shown] = path
        }
        #expect(seen.count > 5000)
    }

    @Test("names that differ in case or in normal form only are pointed out")
    func twins() throws {
        let s = try Scratch()
        try s.file("\(s.lower)/src/Main.c", "0")
        try s.file("\(s.upper)/src/main.c", "0")
        try s.file("\(s.upper)/README", "1")
        try s.file("\(s.upper)/readme", "2")
        try s.file("\(s.upper)/e\u{301}", "3")
        try s.file("\(s.upper)/\u{e9}", "4")
        try s.file("\(s.upper)/other", "5")
        let tree = try Directory.open(s.lower)
        let review = try Review(s.collect(), for: tree.fd.number)
        #expect(review.twins.count == 4)
        let text = try text(s)
        #expect(text.contains("A readme  [like README]"))
        #expect(text.contains("A src/main.c  [like src/Main.c]"))
    }

    @Test("thousands of bare repositories are judged in one pass", .timeLimit(.minutes(25)))
    func manyBareRepositories() throws {
        let s = try Scratch()
        let count = 6000
        for i in 0..<count {
            for name in ["HEAD", "objects/x", "refs/x", "config"] { try s.file("\(s.upper)/r\(i)/\(name)", "") }
        }
        let tree = try Directory.open(s.lower)
        let review = try Review(s.collect(), for: tree.fd.number)
        let flagged = zip(review.entries, review.judgements).filter { Review.rank($0.1) == 2 }.map { $0.0.path }
        #expect(flagged.count == count)
        #expect(flagged.allSatisfy { PathRules.split($0).name == Array("config".utf8) })
    }

    @Test("a bare repository under another name is pointed out by what git would run")
    func bareRepository() throws {
        let s = try Scratch()
        for path in ["r/HEAD", "r/objects/pack/p", "r/refs/heads/x", "r/config", "r/description"] {
            try s.file("\(s.upper)/\(path)", "x")
        }
        try s.file("\(s.upper)/app/config", "x")
        let withheld = try s.apply(s.collect()).withheld.map { escapedPath($0.path) }
        #expect(withheld == ["r/config"])
    }

    /// What is brought, what the tree has, and what of the former git would act on.
    struct Staged: Sendable, CustomTestStringConvertible {
        let testDescription: String
        var tree: [String] = []
        let brought: [String]
        let withheld: [String]
    }

    @Test(
        "a bare repository is known however it comes about",
        arguments: [
            Staged(
                testDescription: "config into a repository that the tree has",
                tree: ["r/HEAD", "r/objects/o", "r/refs/x", "r/config"], brought: ["r/config", "r/HEAD"],
                withheld: ["r/config"]),
            Staged(
                testDescription: "the rest of one that an earlier session began", tree: ["r/objects/o", "r/refs/x"],
                brought: ["r/HEAD", "r/config", "r/hooks/post-checkout"],
                withheld: ["r/config", "r/hooks", "r/hooks/post-checkout"]),
            Staged(
                testDescription: "what makes one of a config that is there already", tree: ["r/config"],
                brought: ["r/HEAD", "r/objects/o", "r/refs/x"],
                withheld: ["r/HEAD", "r/objects", "r/objects/o", "r/refs", "r/refs/x"]),
            Staged(
                testDescription: "a common directory elsewhere",
                brought: ["w/HEAD", "w/commondir", "w/config.worktree", "c/objects/o", "c/refs/x", "c/config"],
                withheld: ["w/commondir"]),
            Staged(
                testDescription: "a work tree's own configuration, and what chooses filters", tree: ["r/objects/o"],
                brought: ["r/HEAD", "r/refs/x", "r/config.worktree", "r/info/attributes"],
                withheld: ["r/config.worktree", "r/info", "r/info/attributes"]),
            Staged(
                testDescription: "a name alone is none", tree: ["a/HEAD"], brought: ["a/config", "b/HEAD"], withheld: []
            ),
        ])
    func stagedRepository(_ staged: Staged) throws {
        let s = try Scratch()
        for path in staged.tree { try s.file("\(s.lower)/\(path)", "0") }
        for path in staged.brought { try s.file("\(s.upper)/\(path)", "1") }
        let withheld = try s.apply(s.collect()).withheld.map { escapedPath($0.path) }
        #expect(withheld == staged.withheld.sorted())
    }

    @Test(
        "a directory with its common directory elsewhere makes git run a command, and is held back",
        arguments: [true, false])
    func commonDirectory(accepted: Bool) throws {
        let s = try Scratch()
        let files = [
            "w/HEAD": "ref: refs/heads/main\n", "w/commondir": "../c\n", "c/refs/x": "", "c/objects/o": "",
            "c/config": "[core]\nrepositoryformatversion = 1\n[extensions]\nworktreeConfig = true\n",
            "w/config.worktree": "[core]\nbare = false\nworktree = ..\nfsmonitor = touch \(s.path)/ran; false\n",
        ]
        for (path, text) in files { try s.file("\(s.upper)/\(path)", text) }
        _ = try s.apply(s.collect(), accept: accepted)
        _ = system("cd '\(s.lower)/w' && git add -f HEAD >/dev/null 2>&1")
        #expect((s.status("\(s.path)/ran") != nil) == accepted)
    }

    @Test("binary and large files are named, not shown")
    func binary() throws {
        let s = try Scratch()
        try s.file("\(s.upper)/bin", "a\0b")
        try s.file("\(s.upper)/big", String(repeating: "x\n", count: 200_000))
        let text = try text(s)
        #expect(text.components(of: "(binary, larger than") == 2)
        #expect(text.utf8.count < 1000)
    }

    @Test("the steps of a diff rebuild both texts, and are the fewest within the bound")
    func lineDiff() {
        var random = Seeded(state: 3)
        for round in 0..<2000 {
            let old = (0..<Int.random(in: 0...12, using: &random)).map { _ in Int.random(in: 0...3, using: &random) }
            let new = (0..<Int.random(in: 0...12, using: &random)).map { _ in Int.random(in: 0...3, using: &random) }
            let steps = LineDiff.steps(old, new, maximumEdits: round % 5 == 0 ? 2 : 1000)
            var olds: [Int] = []
            var news: [Int] = []
            var edits = 0
            for step in steps {
                switch step {
                case .keep(let i, let j):
                    #expect(old[i] == new[j])
                    olds.append(i)
                    news.append(j)
                case .remove(let i):
                    olds.append(i)
                    edits += 1
                case .add(let j):
                    news.append(j)
                    edits += 1
                }
            }
            #expect(olds == Array(old.indices) && news == Array(new.indices))
            if round % 5 != 0 { #expect(edits == Self.distance(old, new)) }
        }
    }

    /// The fewest insertions and removals, by the plain table.
    private static func distance(_ a: [Int], _ b: [Int]) -> Int {
        var row = Array(0...b.count)
        for i in a.indices {
            var next = [i + 1]
            for j in b.indices { next.append(a[i] == b[j] ? row[j] : min(row[j + 1], next[j]) + 1) }
            row = next
        }
        return row[b.count]
    }

    @Test("the diff is one that patch applies")
    func patchApplies() {
        var random = Seeded(state: 9)
        for round in 0..<30 {
            let old = (0..<40).map { _ in "line \(Int.random(in: 0...9, using: &random))\n" }
            var new = old
            for _ in 0..<5 { new[Int.random(in: 0..<40, using: &random)] = "changed \(round)\n" }
            new.remove(at: Int.random(in: 0..<40, using: &random))
            let text = FileDiff.hunks(
                FileDiff.lines(Array(old.joined().utf8)), FileDiff.lines(Array(new.joined().utf8)))
            #expect(Self.patched(old, text) == new)
        }
    }

    /// Applies hunks by their line numbers.
    private static func patched(_ old: [String], _ diff: String) -> [String] {
        var out: [String] = []
        var at = 0
        for line in diff.split(separator: "\n").map({ $0 + "\n" }) {
            if line.hasPrefix("@@") {
                let start = Int(line.split(separator: " ")[1].dropFirst().split(separator: ",")[0])! - 1
                out += old[at..<start]
                at = start
            } else if line.hasPrefix("+") {
                out.append(String(line.dropFirst()))
            } else {
                if line.hasPrefix(" ") { out.append(old[at]) }
                at += 1
            }
        }
        return out + old[at...]
    }
}

extension String {
    /// How often a text occurs.
    fileprivate func components(of text: String) -> Int {
        split(separator: text, omittingEmptySubsequences: false).count - 1
    }
}
