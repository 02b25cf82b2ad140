// SPDX-License-Identifier: Apache-2.0
import Delivery
import Documents
import TestSupport
import Testing
import Workspace

@Suite("push gate", .timeLimit(.minutes(25)))
struct PushGateTests {
    @Test("a plain commit passes without a word")
    func plain() throws {
        let scene = try GateScene()
        try scene.file("file", "two\n")
        try scene.commit()
        #expect(try scene.judge().isEmpty)
    }

    @Test("only the one branch that the rules allow arrives")
    func references() throws {
        let scene = try GateScene()
        try scene.commit()
        for name in [
            "refs/heads/main", "refs/tags/v1", "refs/notes/commits", "refs/heads/sallyportx",
            "refs/heads/sallyport/\u{1B}[2J",
            "refs/heads/sallyport/a.lock",
        ] {
            #expect(try scene.judge(reference: name).of(.references).isRefused, "\(name)")
        }
        #expect(try scene.judge(more: ["refs/heads/sallyport/t1/other"]).of(.references).isRefused)
        #expect(try scene.judge(rules: GateScene.rules("branches: [main]"), reference: "refs/heads/main").isEmpty)
        #expect(try scene.judge(rules: GateScene.rules("branches: []")).of(.references).isRefused)
    }

    @Test("a branch that drops commits of the base or of its receiver is refused")
    func fastForward() throws {
        let scene = try GateScene()
        let second = try scene.commit()
        try scene.git("reset", "--quiet", "--hard", scene.base)
        try scene.commit("other")
        #expect(try scene.judge().isEmpty)
        #expect(try scene.judge(onto: second).of(.fastForward).isRefused)
        #expect(try scene.judge(onto: String(repeating: "1", count: 40)).of(.fastForward).isRefused)
        #expect(try scene.judge(onto: scene.base).isEmpty)
        try scene.git("checkout", "--quiet", "--orphan", "other")
        try scene.commit("root")
        try scene.git("branch", "--quiet", "--force", "sallyport/t1/fix")
        #expect(try scene.judge().of(.fastForward).isRefused)
    }

    @Test("the tree that was tested is the tree that arrives")
    func verifiedTree() throws {
        let scene = try GateScene()
        try scene.file("file", "two\n")
        try scene.commit()
        let tree = try scene.git("rev-parse", "HEAD^{tree}")
        #expect(try scene.judge(verified: tree).isEmpty)
        let other = try scene.git("rev-parse", "HEAD^^{tree}")
        #expect(try scene.judge(verified: other).brief.first?.hasPrefix("refuse verified_tree") == true)
    }

    @Test("pack, commits, files and bytes have limits")
    func size() throws {
        let scene = try GateScene()
        for number in 0..<4 {
            try scene.file("f\(number)", String(repeating: "x", count: 1000))
            try scene.commit()
        }
        #expect(try scene.judge().isEmpty)
        for (rules, word) in [
            ("limits: {commits: 3}", "commits"), ("limits: {files: 3}", "changed files"),
            ("limits: {bytes: 3KiB}", "bytes in its changed files"), ("limits: {pack: 999}", "bytes in its pack"),
        ] {
            let findings = try scene.judge(rules: GateScene.rules(rules)).of(.size)
            #expect(findings.isRefused && findings.contains { $0.reason.contains(word) }, "\(rules)")
        }
        #expect(
            try scene.judge(rules: GateScene.rules("limits: {commits: 4, files: 4, bytes: 4000, pack: 1000}")).isEmpty)
    }

    @Test("a file outside of the task's paths is refused")
    func scope() throws {
        let scene = try GateScene()
        for name in ["src/a/b.c", "docs/x.md", "docs/x.html", "other"] { try scene.file(name) }
        try scene.commit()
        let findings = try scene.judge(rules: GateScene.rules("paths: [src/, /docs/*.md]"))
        #expect(findings.brief == ["refuse scope docs/x.html", "refuse scope other"])
        #expect(try scene.judge(rules: GateScene.rules("paths: []")).of(.scope).count == 4)
        for text in ["outside: flag\npaths: [src/]", "paths: [src/]\noutside: flag"] {
            let flagged = try scene.judge(rules: GateScene.rules(text)).of(.scope)
            #expect(flagged.count == 3 && !flagged.isRefused, "\(text)")
        }
        // Rules of one's own are not softened by what was built in.
        var builtIn = GateRules()
        (builtIn.paths, builtIn.outside) = (["docs/"], .flag)
        #expect(try scene.judge(rules: builtIn).brief == ["flag scope other", "flag scope src/a/b.c"])
        let own = try GateRules(try .read(Array("version: 1\npaths: [src/]\n".utf8), file: "x"), over: builtIn)
        #expect(own.outside == .refuse)
    }

    @Test("what runs on the host when opened is flagged before all else, refused if the rules say so")
    func opened() throws {
        let scene = try GateScene()
        for name in ["Makefile", ".vscode/tasks.json", "a/.envrc", ".github/workflows/ci.yml", "zz"] {
            try scene.file(name)
        }
        try scene.commit()
        // In the index alone: the next commit of what lies in the tree would take it away.
        try scene.git("update-index", "--add", "--cacheinfo", "120000,\(try link(scene, "/etc/passwd")),out")
        try scene.git("commit", "--quiet", "-m", "link")
        let findings = try scene.judge()
        #expect(findings.prefix(3).map(\.place).sorted() == [".vscode/tasks.json", "a/.envrc", "out"])
        #expect(findings.prefix(3).allSatisfy { $0.check == .opened } && findings.count == 5)
        #expect(findings.of(.workflows).brief == ["flag workflows .github/workflows/ci.yml"])
        #expect(findings.of(.built).brief == ["flag built_paths Makefile"])
        #expect(!findings.isRefused)
        #expect(
            try scene.judge(rules: GateScene.rules("opened: refuse")).of(.opened).allSatisfy { $0.severity == .refuse })
        #expect(try scene.judge(rules: GateScene.rules("workflows: refuse")).of(.workflows).isRefused)
        #expect(try scene.judge(rules: GateScene.rules("workflows: allow")).of(.workflows).isEmpty)
    }

    private func link(_ scene: GateScene, _ target: String) throws -> String {
        try scene.git("hash-object", "-w", "--stdin", input: Array(target.utf8))
    }

    @Test(
        "a symlink that leads out of the tree or into a repository's own data is flagged",
        arguments: ["/etc/passwd", "../../x", "a/../../x", ".git/hooks", "sub/.GIT/config"])
    func links(_ target: String) throws {
        let scene = try GateScene()
        try scene.git("update-index", "--add", "--cacheinfo", "120000,\(try link(scene, target)),d/l")
        try scene.git("commit", "--quiet", "-m", "link")
        #expect(try scene.judge().brief == ["flag opened_paths d/l"])
        // One that stays is nothing to tell.
        let plain = try GateScene()
        try plain.git("update-index", "--add", "--cacheinfo", "120000,\(try link(plain, "../file")),d/l")
        try plain.git("commit", "--quiet", "-m", "link")
        #expect(try plain.judge().isEmpty)
    }

    @Test("a directory that git takes for a repository, and names that fold together, are flagged")
    func shapes() throws {
        let scene = try GateScene()
        for name in ["n/HEAD", "n/objects/x", "n/refs/x", "n/config", "n/hooks/pre-commit", "File"] {
            try scene.file(name)
        }
        try scene.commit()
        let places = try scene.judge().of(.opened).map(\.place)
        #expect(places.contains("n/config") && places.contains("n/hooks/pre-commit") && places.count == 3)
    }

    /// git asks of HEAD, objects and refs whether they are there and not what they are; elsewhere "head" is "HEAD".
    static let repositories: [(before: [String], after: [String], opened: [String])] = [
        ([], ["n/HEAD", "n/objects", "n/refs", "n/config"], ["n/config"]),
        ([], ["n/head", "n/Objects/x", "n/refs/x", "n/Config.worktree"], ["n/Config.worktree"]),
        ([], ["n/HEAD", "n/objects/x", "n/refs/x", "n/info/attributes"], ["n/info/attributes"]),
        (["n/config"], ["n/HEAD", "n/objects", "n/refs"], ["n/HEAD", "n/objects", "n/refs"]),
        (["n/hooks/pre-commit", "n/HEAD", "n/refs/x"], ["n/objects/x"], ["n/objects/x"]),
        (["n/HEAD", "n/objects", "n/refs"], ["n/hooks/pre-commit"], ["n/hooks/pre-commit"]),
        // One that says nothing runs nothing, and one that was there before acted before.
        ([], ["n/HEAD", "n/objects/x", "n/refs/x"], []),
        (["n/HEAD", "n/objects", "n/refs", "n/config"], ["n/HEAD2"], []),
        ([], ["n/HEAD", "n/objects", "no/refs", "n/config"], []),
    ]

    @Test("whatever git would take for a repository, in one push or after another, is flagged", arguments: repositories)
    func repository(_ c: (before: [String], after: [String], opened: [String])) throws {
        let scene = try GateScene()
        for name in c.before { try scene.file(name) }
        let base = try scene.commit("before")
        for name in c.after { try scene.file(name) }
        try scene.commit("after")
        #expect(try scene.judge(since: base).of(.opened).map(\.place) == c.opened)
    }

    @Test("nobody's name is borrowed")
    func authorship() throws {
        let scene = try GateScene()
        try scene.file("file", "two\n")
        try scene.commit()
        let others = try GateScene.rules("authors: {allow: [agent@sallyport.invalid]}")
        #expect(try scene.judge(rules: others).of(.authorship).count == 2)
        #expect(try scene.judge(rules: others).isRefused)
        for allow in [
            "\"*@TEST.invalid\"", "a@test.invalid, C@test.invalid", "\"a <a@test.invalid>\", \"c <c@test.invalid>\"",
        ] {
            #expect(try scene.judge(rules: GateScene.rules("authors: {allow: [\(allow)]}")).isEmpty, "\(allow)")
        }
        let named = try GateScene.rules("authors: {allow: [\"b <a@test.invalid>\", c@test.invalid], others: flag}")
        #expect(try scene.judge(rules: named).brief.map { $0.prefix(15) } == ["flag authorship"])
        // Not collect's own name either.
        try scene.git("commit", "--quiet", "--amend", "--author", LeftWork.identity, "-m", "x")
        #expect(try scene.judge(rules: others).of(.authorship).count == 2)
        try scene.commit("title\n\n\u{1B}[2Jgone")
        #expect(try scene.judge().of(.authorship).count == 1)
    }

    @Test("a commit that readers could read in two ways, or not at all, is refused")
    func malformed() throws {
        let scene = try GateScene()
        let tree = try scene.git("rev-parse", "HEAD^{tree}")
        let head = "tree \(tree)\nparent \(scene.base)\nauthor A <a@b> 1 +0000\ncommitter C <c@d> 1 +0000\n"
        func put(_ text: String) throws -> String {
            try scene.git("hash-object", "-t", "commit", "-w", "--stdin", "--literally", input: Array(text.utf8))
        }
        func deliver(_ parent: String) throws {
            let tip = "tree \(tree)\nparent \(parent)\nauthor A <a@b> 1 +0000\ncommitter C <c@d> 1 +0000\n\ntip\n"
            try scene.git("update-ref", "refs/heads/sallyport/t1/fix", try put(tip))
        }
        try deliver(try put(head + "\nplain\n"))
        #expect(try scene.judge().isEmpty)
        try deliver(try put(head + "author X <x@y> 1 +0000\n\ntwice\n"))
        #expect(try scene.judge().of(.authorship).isRefused)
        // In the middle of the history: the walk must not take it for its end.
        try deliver(try put(head.replacing("<a@b>", with: "a@b") + "\nnobody\n"))
        #expect { try scene.judge() } throws: { ($0 as? GitError)?.code == .refused }
    }

    @Test("many findings of one kind are cut and counted, and none hides a refusal")
    func cut() throws {
        let scene = try GateScene()
        for number in 0..<80 { try scene.file("d\(number)/.envrc") }
        try scene.file("other")
        try scene.commit()
        let findings = try scene.judge(rules: GateScene.rules("paths: [\"d*/\"]"))
        #expect(findings.of(.opened).count == PushGate.mostOfOne + 1)
        #expect(findings[PushGate.mostOfOne].place == "and 30 more")
        #expect(findings.of(.scope).isRefused)
    }

    @Test("a finding travels as one line, whatever its place is named")
    func lines() throws {
        let scene = try GateScene()
        try scene.file("a | b\u{1B}[2J\n/.envrc")
        try scene.commit()
        let findings = try scene.judge()
        #expect(findings.count == 1)
        for finding in findings {
            let read = try #require(Finding(line: finding.line))
            #expect(
                read.place == "a \\x7c b\\x1b[2J\\x0a/.envrc" && read.check == .opened && read.reason == finding.reason)
        }
        for line in [
            "", "flag", "flag | opened_paths | x | y", "maybe | opened_paths | x | y | z", "flag | no | x | y | z",
        ] {
            #expect(Finding(line: line) == nil)
        }
    }

    @Test(
        "rules that mean nothing are errors with their line",
        arguments: [
            ("branch: [x]", "unknown key \"branch\""), ("branches: x", "is no list"),
            ("branches: [a..b]", "no name of a branch"),
            ("limits: {files: many}", "\"many\" is no number"), ("limits: {file: 1}", "unknown key"),
            ("limits: {bytes: 99999999999GiB}", "is no number"), ("opened: allow", "means nothing here"),
            ("outside: allow", "means nothing here"),
            ("workflows: never", "means nothing here"), ("secrets: {action: allow}", "means nothing here"),
            ("secrets: {accept: [abc]}", "is no fingerprint"), ("secrets: {accept: [0123abcd]}", "without a salt"),
            ("secrets: {salt: abc}", "is no salt"), ("authors: {allow: [me]}", "is no address"),
            ("paths: [\"!x\"]", "means nothing"),
            ("paths: [\"\"]", "is no text"), ("version: 1", "version"),
        ])
    func badRules(_ text: String, _ reason: String) {
        #expect { try GateScene.rules(text) } throws: { "\($0)".contains(reason) && "\($0)".contains("rules.yaml:2") }
    }

    @Test("rules are read back as they were written")
    func roundTrip() throws {
        let salt = String(repeating: "a1", count: 16)
        let rules = try GateScene.rules(
            """
            branches: [main, agents/]
            paths: [src/, "*.md"]
            limits: {pack: 1MiB, commits: 2, files: 3, bytes: 4}
            opened: refuse
            workflows: allow
            secrets: {action: flag, salt: "\(salt)", accept: ["0123abcd"]}
            authors: {allow: ["a <b@c>", "*@d"], others: flag}
            outside: flag
            """)
        #expect(rules.limits.pack == 1 << 20 && rules.authors?.allow.count == 2 && rules.secrets.accept == ["0123abcd"])
        let text = rules.json.compactText
        #expect(try GateRules(try .read(Array(text.utf8), file: "x")) == rules)
        #expect(try GateRules(try .read(Array(GateRules().json.compactText.utf8), file: "x")) == GateRules())
    }
}
