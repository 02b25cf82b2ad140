// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

/// What steps that read hostile bytes write, before the host signs for it.
@Suite("evidence before it is signed", .timeLimit(.minutes(25)))
struct EvidenceSealTests {
    @Test(
        "is not signed when what is delivered is not what was judged", .requires(.root), .requires(.git),
        .requires(.runner),
        arguments: [
            ("result.patch", "echo more >>result.patch"), ("result.bundle", "echo more >>result.bundle"),
            ("result.git", "cat result.git/refs/heads/sallyport/*/* >result.git/refs/heads/base"),
        ])
    func tampered(_ file: String, _ script: String) throws {
        let scene = try TaskScene()
        let directory = scene.sallyport.home.at("delivered")
        // In the sandbox after the work the test waits for a name in the repository, which only the host can make there.
        let waits = "test -e /run/sallyport/prompt || until test -e /run/sallyport/source.git/go; do :; done"
        let running = try scene.sallyport.command([
            "task", "run", "--repo", scene.repository, "--task", "Fix", "--agent-command", "echo fixed > file",
            "--deliver", directory, "--test-command",
            "grep -qx fixed file && { \(waits); }",
        ]).start()
        let quarantine = directory + "/quarantine"
        let deadline = ContinuousClock.now + .seconds(60)
        while access(directory + "/after.log", F_OK) != 0, ContinuousClock.now < deadline { sched_yield() }
        var tamper = Command("/bin/sh", ["-euc", script])
        tamper.directory = quarantine
        let done = try tamper.run()
        try #require(done.code == 0, "\(done.errorText)")
        try #require(mkdir(quarantine + "/result.git/go", 0o755) == 0)
        let end = try running.finish()
        #expect(end.code == 125 && end.errorText.contains("cannot hand over"), "\(end.errorText)")
        #expect(end.errorText.contains(directory + "/" + file), "\(end.errorText)")
        #expect(!names(directory).contains("evidence.dsse.json") && !names(directory).contains("manifest.json"))
    }

    @Test(
        "is written by a step that can change nothing of the repository", .requires(.root), .requires(.git),
        .requires(.runner))
    func export() throws {
        let bundle = try BundleScene()
        let home = bundle.scene.sallyport.home
        let identity = "2134000002:2134000002"
        let quarantine = try home.directory("quarantine")
        try bundle.shell("cp -r result.git ../quarantine/; chown -R $1 ../quarantine", [identity])
        func fingerprint() throws -> String {
            let command = Command("/usr/bin/find", [quarantine, "-printf", "%P %y %m %U %s %T@\n"])
            return try command.run().lines.sorted().joined(separator: "\n")
        }
        let before = try fingerprint()
        try #require(before.contains("result.git/HEAD"))
        let evidence = try #require(bundle.verify().json)
        let commit = try #require(evidence["commit"]?.stringValue)
        let base = try bundle.scene.git(bundle.at("result.git"), "rev-parse", "base")
        let branch = try bundle.scene.git(bundle.at("result.git"), "symbolic-ref", "HEAD")
        let outputs = ["bundle", "patch"].map { open(home.at($0), O_WRONLY | O_CREAT | O_EXCL, 0o600) }
        defer { for output in outputs { close(output) } }
        var command = Command(
            Executables.path("sallyport-task"),
            [
                "step-export", "--head", commit, "--base", base, "--reference", branch, "--quarantine", quarantine,
                "--become", identity,
            ])
        command.descriptors = [3: outputs[0], 4: outputs[1]]
        let done = try command.run()
        #expect(done.code == 0 && done.text.hasSuffix("patch written\nend\n"), "\(done.text)")
        #expect(try fingerprint() == before)
        #expect(contents(home.at("patch")) == contents(bundle.at("result.patch")))
        #expect(contents(home.at("bundle"))?.isEmpty == false)
    }
}
