// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

/// Repositories made to break, hold or mislead whoever reads them: each ends soon, in little memory, with a typed outcome.
@Suite("attacks on the reader", .timeLimit(.minutes(25)))
struct CollectAttackTests {
    /// One of Tests/Fixtures/left/craft.py, and a part of the refusal; nil when the branch is taken.
    struct Craft: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let reason: String?

        init(_ name: String, _ reason: String?) {
            testDescription = name
            self.reason = reason
        }
    }

    static let crafts = [
        Craft("loose-more", "it unpacks to more than it says"), Craft("loose-less", "it unpacks to less than it says"),
        Craft("loose-zero-in-front", "it does not begin with a kind and a size"),
        Craft("loose-negative", "it does not begin with a kind and a size"), Craft("loose-cut", "it is cut short"),
        Craft("chain-4000", nil), Craft("chain-5000", "its chain of differences has no end"),
        Craft("circle", "its chain of differences has no end"), Craft("of-itself", "its base is not in the pack"),
        Craft("before-the-start", "its base is not in the pack"),
        Craft("base-elsewhere", "its base is not in the pack"),
        Craft("flood", "it is larger than"), Craft("packed-more", "it unpacks to more than it says"),
        Craft("packed-claim", "it is larger than"), Craft("packed-kind", "it is of no known kind"),
        Craft("packed-name", "object hash mismatch"), Craft("index-place", "its place is not in the pack"),
        Craft("index-large-place", "object not found"),
        Craft("index-counts", "it is no index of version 2, or damaged"),
        Craft("index-short", "it is no index of version 2, or damaged"),
        Craft("packs", "there are more than 200 packs"),
        Craft("tree-many", "more than 10000 changed files"), Craft("tree-fan", "more than 10000 changed files"),
        Craft("tree-fan-empty", "more than 500000 directories"), Craft("tree-deep", "it lies too deep"),
        Craft("tree-twice", "has two entries named \"x\""), Craft("tree-nul", "it is malformed"),
        Craft("tree-cut", "it is malformed"), Craft("tree-is-blob", "it is not what its user says"),
        Craft("parents", "more than 2^16 parents"),
    ]

    /// KiB of address space that every process of a collect may have: a program of the toolchain alone has some hundred thousand.
    private static let room = 2_000_000

    @Test(
        "G12: objects, packs and trees made to break their reader end in one refusal", .requires(.root),
        .requires(.git), .requires(.python), arguments: crafts)
    func crafted(_ craft: Craft) throws {
        let scene = try CollectScene()
        let script = "\(Executables.sources)/Tests/Fixtures/left/craft.py"
        let made = try Command("/usr/bin/python3", ["-B", script, craft.testDescription]).in(scene.left).run()
        try #require(made.code == 0, "\(made.errorText)")
        let before = try scene.fingerprint()
        var command = Command(
            "/bin/sh",
            [
                "-c", "ulimit -v \(Self.room); exec \"$@\"", "sh", Executables.sallyport, "collect", scene.left,
                "--out",
                scene.home.at("out"), "--base", scene.base, "--timeout", "120",
            ])
        command.environment = ["PATH": "/usr/bin:/bin"]
        let done = try Collected(try command.run(), directory: scene.home.at("out"))
        #expect(try scene.fingerprint() == before)
        guard let reason = craft.reason else {
            #expect(done.code == 0, "\(done.refusal)\(done.finished.errorText)")
            return
        }
        #expect(done.code == 1 && done.outcome == "refused", "\(done.finished.errorText)\(done.finished.text)")
        let refusals = done.record?["refusals"]?.arrayValue?.compactMap { $0["reason"]?.stringValue } ?? []
        #expect(([done.refusal] + refusals).contains { $0.contains(reason) }, "\(done.refusal) \(refusals)")
        #expect(names(done.directory) == ["collect.json"])
    }

    /// Something of a directory that git would follow, and what collect makes of it.
    struct Lure: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let plant: String
        /// A part of the refusal; nil when the branch is taken as it is without the lure.
        let reason: String?
        /// Has stock git run `$1`, which the lure got as a command; nil where it runs nothing.
        let springs: String?

        init(_ name: String, _ plant: String, _ reason: String? = nil, springs: String? = nil) {
            testDescription = name
            self.plant = plant
            self.reason = reason
            self.springs = springs
        }
    }

    static let lures = [
        Lure("alternates that lead to the host", "printf '/etc\\n/proc/self/root\\n' > .git/objects/info/alternates"),
        Lure("alternates over http", "echo http://evil.invalid/objects > .git/objects/info/http-alternates"),
        Lure("grafts", "git rev-parse HEAD > .git/info/grafts"), Lure("replaced commit", "git replace HEAD HEAD^"),
        Lure("linked working trees", "git worktree add -q ../linked -b other"),
        Lure(
            "commit graph of its own",
            "git commit-graph write --reachable && chmod u+w .git/objects/info/commit-graph && echo x >> .git/objects/info/commit-graph"
        ),
        Lure("exclusions that wait", "rm -f .git/info/exclude; mkfifo .git/info/exclude"),
        Lure("a reference that waits", "mkfifo .git/refs/heads/other"),
        Lure("a reference to a file of the host", "ln -s /etc/passwd .git/refs/heads/other"),
        Lure("references without end", "mkdir .git/refs/loop; ln -s . .git/refs/loop/again"),
        Lure(
            "an index with hostile paths",
            "printf 'DIRC\\0\\0\\0\\4\\377\\377\\377\\377../../../etc/passwd' > .git/index"),
        Lure(
            "hooks, filters and modules as directories",
            "mkdir -p .git/modules/x/hooks; ln -s /etc .git/hooks/pre-commit.d"),
        Lure("packed references that wait", "rm -f .git/packed-refs; mkfifo .git/packed-refs", "packed-refs: "),
        Lure(
            "references that nest", "d=.git/refs/heads; for i in $(seq 40); do d=$d/d; mkdir $d; done",
            "it lies too deep"),
        Lure(
            "a partial clone",
            """
            git config uploadpack.allowFilter true; b=$(git rev-parse HEAD:file)
            rm -f .git/objects/$(echo $b | cut -c1-2)/$(echo $b | cut -c3-); git config remote.origin.promisor true
            git config remote.origin.url "ext::sh -c $(echo "$1" | sed 's/ /% /g')"; git config protocol.ext.allow always
            git config extensions.partialClone origin; git config core.repositoryFormatVersion 1
            """, "object not found", springs: "git show HEAD:file || true"),
        Lure(
            "a tag in the place of a commit", "git tag -am t t && git rev-parse t > .git/refs/heads/main",
            "it is not what its user says"),
        Lure(
            "a linked working tree itself",
            "git worktree add -q ../w -b w && mv ../w/.git . 2>/dev/null || { rm -rf .git && mv ../w/.git .git; }",
            ".git: it is a file"),
    ]

    @Test(
        "G09: what leads git elsewhere, or holds it, is not followed", .requires(.root), .requires(.git),
        arguments: lures)
    func lured(_ lure: Lure) throws {
        let scene = try CollectScene()
        let head = try scene.git("rev-parse", "HEAD")
        let tree = try scene.git("rev-parse", "HEAD^{tree}")
        let mark = try CollectHostileTests.mark(scene)
        try scene.shell(lure.plant, "touch \(mark)")
        if let springs = lure.springs {
            try scene.shell("cp -a . ../copy && cd ../copy && { \(springs); }")
            #expect(access(mark, F_OK) == 0, "the lure is not armed: \(springs)")
            unlink(mark)
        }
        let before = try scene.fingerprint()
        let done = try scene.collectOnce(["--base", scene.base, "--timeout", "60"])
        #expect(try scene.fingerprint() == before)
        #expect(access(mark, F_OK) != 0, "collect ran what the lure names")
        guard let reason = lure.reason else {
            #expect(done.code == 0 && done.commit == head, "\(done.refusal)\(done.finished.errorText)")
            #expect(try done.git("rev-parse", "\(head)^{tree}") == tree)
            #expect(try done.git("log", "--format=%s", head) == "second\nfirst")
            #expect(try done.git("fsck", "--full", "--strict") == "")
            return
        }
        #expect(done.code == 1 && done.refusal.contains(reason), "\(done.refusal)\(done.finished.errorText)")
    }

    @Test("G09: stock git believes grafts and replacements, so the lures are armed", .requires(.git))
    func armed() throws {
        let scene = try CollectScene()
        try scene.shell("git replace HEAD HEAD^")
        #expect(try scene.git("log", "--format=%s") == "first")
        try scene.shell("git replace -d HEAD; git rev-parse HEAD > .git/info/grafts")
        #expect(try scene.git("log", "--format=%s") == "second")
    }

    @Test(
        "G09: a HEAD that leads to nothing is a history of its own, and never the base's", .requires(.root),
        .requires(.git))
    func nowhere() throws {
        for (round, head) in ["refs/heads/nowhere", "HEAD", "refs/heads/../../x"].enumerated() {
            let scene = try CollectScene()
            try scene.home.file("left/.git/HEAD", "ref: \(head)\n")
            let based = try scene.collect(["--base", scene.base], out: "based\(round)")
            #expect(based.code == 1 && based.refusal.contains("does not contain the base commit"), "\(based.refusal)")
            let done = try scene.collect(out: "out\(round)")
            #expect(done.code == 0 && done.record?["base"]?.isNull == true, "\(done.refusal)")
            #expect(try done.git("log", "--format=%an", done.commit ?? "") == "sallyport collect")
        }
    }

    @Test(
        "G12: packs and objects that change while they are read give a whole result or a refusal", .requires(.root),
        .requires(.git))
    func changing() throws {
        let scene = try CollectScene()
        for number in 0..<200 {
            try scene.home.file("left/src/f\(number)", String(repeating: "\(number)\n", count: 500))
        }
        try scene.shell(
            "git add -A && git commit -qm many && git gc -q && mkdir ../keep && cp .git/objects/pack/* ../keep && chmod -R u+w .git/objects ../keep"
        )
        var changer = Command(
            "/bin/sh",
            [
                "-c",
                """
                echo ready; p=$(ls .git/objects/pack/*.pack); i=$(ls .git/objects/pack/*.idx)
                while :; do
                    truncate -s 2000 $p; cp ../keep/*.pack $p; head -c 3000 /dev/urandom > $i; cp ../keep/*.idx $i
                    rm $p; ln -s /etc/passwd $p; rm $p; mkfifo $p; rm $p; cp ../keep/*.pack $p; echo
                done
                """,
            ])
        changer.directory = scene.left
        let running = try changer.start()
        #expect(try running.line() == "ready")
        for round in 0..<12 {
            running.forgetLines()
            let done = try scene.collectOnce(["--base", scene.base, "--timeout", "60"], out: "out\(round)")
            #expect(done.code == 0 || done.code == 1, "\(done.finished.errorText)")
            if done.code == 0 { #expect(try done.git("fsck", "--full", "--strict") == "") }
            #expect(!done.finished.text.contains("root:") && !done.refusal.contains("root:"))
            try #require(try running.line() == "", "nothing changes any more")
        }
        try running.signal(SIGKILL)
    }

    @Test(
        "G14: a tree that is deep, and names that only a disk can have, are left out by name", .requires(.root),
        .requires(.git))
    func workingTree() throws {
        let scene = try CollectScene()
        try scene.shell(
            """
            d=.; for i in $(seq 300); do d=$d/d; mkdir $d; done; echo x > $d/deepest
            for n in '.git ' '.git.' '.GiT' 'GIT~1' '.git:x' 'a\\.git'; do echo x > "$n"; done
            ln -s /etc/passwd .gitignore2; rm .gitignore; ln -s /etc/passwd .gitignore; mkfifo src/.gitignore
            """)
        let done = try scene.collect(["--base", scene.base])
        #expect(done.code == 0, "\(done.refusal)\(done.finished.errorText)")
        for name in [".git ", ".git.", ".GiT", "GIT~1", ".git:x", "a\\\\.git"] {
            #expect(done.leftOut(name)?.contains("a repository's own directory") == true, "\(name)")
        }
        #expect(
            done.record?["left_out"]?.arrayValue?.contains {
                $0["reason"]?.stringValue?.contains("deeper than") == true
            } == true)
        #expect(try !done.git("log", "-p", "--all").contains("root:"))
    }
}
