// SPDX-License-Identifier: Apache-2.0
import Documents
import TestSupport
import Testing

@Suite("bad input of a task", .timeLimit(.minutes(25)))
struct BadInputTests {
    private func arguments(_ repository: String, task: String = "x", more: [String] = []) -> [String] {
        ["--repo", repository, "--task", task, "--agent-command", "true"] + more
    }

    private func expect(_ done: Finished, _ message: String) {
        #expect(done.code == 125)
        #expect(done.text == "")
        #expect(done.errorText.contains(message), "\(done.errorText)")
    }

    @Test("a repository that cannot be used is one clear error", .requires(.root), .requires(.git), .requires(.runner))
    func repositories() throws {
        let scene = try TaskScene()
        let home = scene.sallyport.home
        expect(try scene.failing(arguments(home.at("absent"))), "no such file or directory (ENOENT). Check the path.")
        try home.directory("plain")
        expect(
            try scene.failing(arguments(home.at("plain"))),
            "no git repository there (ENOENT). Give --repo the top directory")
        try home.directory("unborn")
        try scene.git(home.at("unborn"), "init", "--quiet")
        expect(try scene.failing(arguments(home.at("unborn"))), "its branch has no commit yet. Make a first commit")
        expect(
            try scene.failing(arguments(scene.repository, more: ["--base", "absent"])),
            "cannot resolve \"absent\" in \"\(scene.repository)\"")
        try scene.git(
            scene.repository, "update-index", "--add", "--cacheinfo",
            "160000,\(try scene.git(scene.repository, "rev-parse", "HEAD")),lib/sub")
        try scene.git(scene.repository, "commit", "--quiet", "-m", "submodule")
        expect(try scene.failing(arguments(scene.repository)), "it has a submodule at \"lib/sub\"")
    }

    @Test("a detached HEAD is taken, and said", .requires(.root), .requires(.git), .requires(.runner))
    func detached() throws {
        let scene = try TaskScene()
        try scene.git(scene.repository, "checkout", "--quiet", "--detach")
        let done = try scene.task(agent: TaskOutcomeTests.fix)
        #expect(done.outcome == "verified")
        #expect(done.evidence?["base"]?["detached"]?.boolValue == true)
        #expect(done.finished.errorText.contains("HEAD is detached"))
    }

    @Test("pointers of Git LFS stay pointers, and it is said", .requires(.root), .requires(.git), .requires(.runner))
    func pointers() throws {
        let scene = try TaskScene()
        let home = scene.sallyport.home
        let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n"
        try home.file("repository/big.bin", pointer)
        try home.file("repository/.gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n")
        try scene.git(
            scene.repository, "-c", "filter.lfs.clean=cat", "-c", "filter.lfs.required=false", "add", "--all")
        try scene.git(scene.repository, "commit", "--quiet", "-m", "lfs")
        let done = try scene.task(agent: TaskOutcomeTests.fix + "; cp big.bin seen")
        #expect(done.outcome == "verified", "\(done.finished.errorText)")
        #expect(done.evidence?["base"]?["lfs_pointers"]?.boolValue == true)
        #expect(done.finished.errorText.contains("Git LFS"))
        #expect(try scene.git(done.repository, "show", "\(try #require(done.commit)):seen") + "\n" == pointer)
    }

    @Test(
        "a full disk at the commit is the runner's failure, with its limit named", .requires(.root), .requires(.git),
        .requires(.runner))
    func full() throws {
        let scene = try TaskScene()
        let profile = try scene.sallyport.home.file(
            "small.yaml",
            "version: 1\nextends: [build]\nreason: A workspace that is soon full.\nlimits: {workspace_bytes: 8MiB}\n")
        let done = try scene.task(
            agent: TaskOutcomeTests.fix + "; head -c 20000000 /dev/urandom > big; true",
            options: ["--profile", profile])
        #expect(done.finished.code == 1 && done.outcome == "runner_failed", "\(done.finished.errorText)")
        #expect(done.evidence?["state"]?.stringValue == "FAILED" && done.commit == nil)
        let limits = done.evidence?["limits_hit"]?.arrayValue ?? []
        #expect(limits.contains { $0["limit"]?.stringValue == "workspace_bytes" }, "\(limits)")
    }

    @Test("arguments and texts that cannot be meant are refused", .requires(.root), .requires(.git), .requires(.runner))
    func arguments() throws {
        let scene = try TaskScene()
        let home = scene.sallyport.home
        expect(try scene.failing(["--repo", scene.repository]), "--task is missing")
        expect(try scene.failing(arguments(scene.repository, more: ["--repo", "x"])), "--repo is given twice")
        expect(try scene.failing(arguments(scene.repository, more: ["--no-such"])), "unknown argument \"--no-such\"")
        expect(try scene.failing(arguments(scene.repository, task: " \n")), "it is empty")
        expect(try scene.failing(arguments(scene.repository, task: "@" + home.at("none"))), "(ENOENT)")
        try home.file("latin", bytes: [0xE9])
        expect(try scene.failing(arguments(scene.repository, task: "@" + home.at("latin"))), "it is no UTF-8 text")
        try home.file("long", String(repeating: "x", count: 70_000))
        expect(try scene.failing(arguments(scene.repository, task: "@" + home.at("long"))), "larger than 65536 bytes")
        expect(
            try scene.failing(arguments(scene.repository, more: ["--profile", "absent", "--test-command", "true"])),
            "absent")
    }

    @Test(
        "a delivery directory that is used or inside the repository is refused",
        .requires(.root), .requires(.git), .requires(.runner))
    func deliveries() throws {
        let scene = try TaskScene()
        let home = scene.sallyport.home
        let before = try scene.fingerprint()
        expect(
            try scene.failing(arguments(scene.repository, more: ["--deliver", scene.repository + "/.git/x"])),
            "it lies inside the repository")
        #expect(try scene.fingerprint() == before)
        try home.directory("used")
        try home.file("used/file")
        expect(
            try scene.failing(arguments(scene.repository, more: ["--deliver", home.at("used")])),
            "it is not empty (ENOTEMPTY)")
        #expect(names(home.at("used")) == ["file"])
        expect(
            try scene.failing(arguments(scene.repository, more: ["--deliver", home.at("a:b")])), "its path has a colon")
    }
}
