// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

/// Repositories that are not what they seem, through `collect`.
@Suite("hostile layouts", .timeLimit(.minutes(25)))
struct CollectLayoutTests {
    /// A crafted repository, and why it is refused.
    struct Layout: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let plant: String
        let reason: String
        /// Who would be led astray by it.
        let follower: String

        init(_ name: String, _ plant: String, _ reason: String, follower: String = "git log -1") {
            testDescription = name
            self.plant = plant
            self.reason = reason
            self.follower = follower
        }
    }

    private func refused(_ layout: Layout, watching outside: [String] = []) throws {
        let scene = try CollectScene()
        try scene.shell(layout.plant)
        let watch = try OpenWatch(beneath: outside.map { scene.home.at($0) })
        let done = try scene.collect()
        #expect(done.code == 1 && done.outcome == "refused", "\(done.finished.errorText)\(done.finished.text)")
        #expect(done.refusal.contains(layout.reason), "\(done.refusal)")
        #expect(names(done.directory) == ["collect.json"])
        #expect(watch.events() == [], "something outside was opened")
        // The watch sees what it should: whoever follows opens it.
        guard !outside.isEmpty else { return }
        try scene.shell(layout.follower)
        #expect(watch.events() != [])
    }

    static let elsewhere = [
        Layout(".git is a symlink", "mv .git ../real && ln -s ../real .git", ".git: it is a symlink"),
        Layout(".git is a file", "mv .git ../real && echo 'gitdir: ../real' > .git", "it is a file that sends git"),
        Layout(
            "common directory",
            "mv .git ../real && mkdir .git && cp ../real/HEAD .git && echo ../../real > .git/commondir",
            "commondir: its repository lies elsewhere"),
        Layout(
            "objects are a symlink",
            "cp -r .git ../real && rm -rf .git/objects && ln -s ../../real/objects .git/objects",
            "objects: Too many levels of symbolic links (ELOOP)"),
        Layout(
            "objects are borrowed",
            "mv .git ../real && git clone -q --shared --no-checkout ../real ../c && mv ../c/.git .git",
            "its objects lie in another repository (objects/info/alternates)"),
        Layout(
            "HEAD is a symlink", "cp -r .git ../real && ln -sf ../../real/HEAD .git/HEAD", "HEAD: Too many levels",
            // git of this age takes such a link for the name of a branch only.
            follower: "cat .git/HEAD"),
        Layout(
            "the branch is a symlink",
            "cp -r .git ../real && ln -sf ../../../../real/refs/heads/main .git/refs/heads/main", "names no sha1 object"
        ),
    ]

    @Test("G09: a repository that lies elsewhere stays there", .requires(.root), .requires(.git), arguments: elsewhere)
    func g09(_ layout: Layout) throws { try refused(layout, watching: ["real"]) }

    @Test("G09: a nested repository is data, and git finds none in the result", .requires(.root), .requires(.git))
    func g09Nested() throws {
        let scene = try CollectScene()
        // Plain files that git takes for a repository, with a trap in its configuration.
        try scene.shell(
            """
            mkdir -p nest/objects nest/refs/heads && echo 'ref: refs/heads/main' > nest/HEAD && touch nest/objects/x nest/refs/x
            printf '[core]\\n\\trepositoryformatversion = 0\\n\\tbare = true\\n\\tfsmonitor = touch mark\\n' > nest/config
            git init -q own && echo x > own/file
            """)
        #expect(
            try Command("/usr/bin/git", ["-C", "nest", "rev-parse", "--git-dir"]).in(scene.left).run().text == ".\n")
        let done = try scene.collect(["--base", scene.base])
        #expect(done.code == 0 && done.leftOut("own") == "it is a repository of its own")
        let flags = done.record?["flags"]?.arrayValue?.compactMap { $0["place"]?.stringValue }
        #expect(flags?.first == "nest/config", "\(done.finished.text)")
    }

    static let damaged = [
        Layout(
            "pack that is a FIFO", "git gc -q && p=$(ls .git/objects/pack/*.pack) && rm -f $p && mkfifo $p",
            "it is a FIFO"),
        Layout(
            "loose object that is a FIFO", "o=$(find .git/objects/?? -type f | head -1) && rm -f $o && mkfifo $o",
            "it is a FIFO"),
        Layout(
            "loose object of another name",
            """
            a=$(git rev-parse HEAD:file); b=$(git rev-parse HEAD:src/deep)
            cp -f .git/objects/$(echo $b | cut -c1-2)/$(echo $b | cut -c3-) .git/objects/$(echo $a | cut -c1-2)/$(echo $a | cut -c3-)
            """, "object hash mismatch"),
        Layout(
            "loose object that is rubbish",
            "o=$(find .git/objects/?? -type f | head -1); chmod u+w $o; echo rubbish > $o", "Look at the repository"),
        Layout(
            "pack that is cut",
            "git gc -q && p=$(ls .git/objects/pack/*.pack) && chmod u+w $p && truncate -s -30 $p",
            "Look at the repository"),
        Layout(
            "index of a pack that is rubbish",
            "git gc -q && p=$(ls .git/objects/pack/*.idx) && chmod u+w $p && head -c 2000 /dev/urandom > $p",
            "Look at the repository"),
        Layout(
            "missing object", "rm -f .git/objects/$(git rev-parse HEAD^{tree} | sed 's,^..,&/,')", "object not found"),
        Layout("packed references that are rubbish", "echo rubbish > .git/packed-refs", "packed-refs: it is malformed"),
        Layout("HEAD that waits for a writer", "rm .git/HEAD && mkfifo .git/HEAD", "HEAD: Invalid argument"),
        Layout("HEAD without end", "head -c 100000 /dev/zero | tr '\\0' x > .git/HEAD", "HEAD: File too large"),
        Layout("no HEAD", "rm .git/HEAD", "HEAD: it is not there"),
        Layout("no .git", "rm -rf .git", "it has no .git and is no bare repository"),
        Layout("shallow", "git rev-parse HEAD > .git/shallow", "it is a shallow clone"),
        Layout("reftable", "mkdir .git/reftable", "reftable format"),
        Layout(
            "sha256", "rm -rf .git && git init -q --object-format=sha256 && git add -A && git commit -qm x",
            "names no sha1 object"),
    ]

    @Test(
        "G12: a repository that is damaged or made to hold its reader is refused", .requires(.root), .requires(.git),
        arguments: damaged)
    func g12(_ layout: Layout) throws { try refused(layout) }

    @Test(
        "G12: an object that unpacks to more than there is room for is refused", .requires(.root), .requires(.git),
        .requires(.python))
    func g12Bomb() throws {
        let scene = try CollectScene()
        // A blob that says 8 GiB of itself and is a few bytes packed.
        try scene.shell(
            """
            mkdir -p .git/objects/11; python3 -c 'import sys, zlib; sys.stdout.buffer.write(zlib.compress(b"blob 8589934592\\0" + bytes(99)))' \\
                > .git/objects/11/11111111111111111111111111111111111111
            t=$(printf '100644 blob 1111111111111111111111111111111111111111\\tbomb\\n' | git mktree --missing)
            git update-ref HEAD $(git commit-tree -p HEAD -m b $t)
            """)
        let done = try scene.collect(["--base", scene.base])
        #expect(done.code == 1 && done.outcome == "refused", "\(done.finished.errorText)")
        #expect(done.refusal.contains("it is larger than 536870912 bytes"), "\(done.refusal)")
    }

    @Test("G12: the index is not read, and neither is what speeds git up", .requires(.root), .requires(.git))
    func g12Index() throws {
        let scene = try CollectScene()
        try scene.shell(
            """
            git gc -q && git commit-graph write && git multi-pack-index write
            printf 'DIRC\\0\\0\\0\\2rubbish' > .git/index; chmod -R u+w .git/objects
            for f in .git/objects/info/commit-graph .git/objects/pack/multi-pack-index; do head -c 300 /dev/urandom > $f; done
            """)
        #expect(try Command("/usr/bin/git", ["status"]).in(scene.left).run().code == 128)
        let done = try scene.collect(["--base", scene.base])
        #expect(done.code == 0)
        #expect(try done.git("log", "--format=%s", "\(scene.base)..\(done.commit ?? "")") == "second")
    }

    @Test(
        "G12: a branch of an odd name arrives under a plain one, and odd references stay", .requires(.root),
        .requires(.git),
        arguments: ["../../../etc/passwd", "a\u{1B}[2J", "a..b", "HEAD", "refs"])
    func g12Names(_ name: String) throws {
        let scene = try CollectScene()
        try scene.shell("git tag v1; git update-ref refs/notes/x HEAD; git stash -q || true; mkdir -p .git/refs/odd")
        try scene.home.file("left/.git/HEAD", "ref: refs/heads/\(name)\n")
        let commit = try scene.git("rev-parse", "main")
        try scene.home.file("left/.git/packed-refs", "\(commit) refs/heads/\(name)\n\(commit) refs/../../x\n")
        let done = try scene.collect(["--base", scene.base])
        #expect(done.code == 0 && done.commit == commit, "\(done.refusal)\(done.finished.errorText)")
        let branches = try done.git("for-each-ref", "--format=%(refname)").split(separator: "\n")
        #expect(branches.count == 2 && branches.allSatisfy { $0.hasPrefix("refs/heads/") })
        #expect(
            !done.finished.output.contains(0x1B) && contents(done.directory + "/collect.json")?.contains(0x1B) == false)
    }
}
