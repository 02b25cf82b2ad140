// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

/// A task whose repository needs a password: before, while and after the agent works, the password is nowhere near it.
@Suite(
    "tasks and the upstream's password", .timeLimit(.minutes(25)), .requires(.root), .requires(.git),
    .requires(.runner),
    .requires(.forge))
struct UpstreamSecretTests {
    /// Looks at everything that can be seen from inside, uses the session's repository, and has a process crash.
    private static let nosy = """
        echo marker-of-this-test >/tmp/marker; git fetch -q origin && git ls-remote origin
        env; cat /proc/*/environ /proc/*/cmdline | tr '\\0' '\\n'; git config --list --show-origin
        ulimit -c unlimited || ulimit -c; sh -c 'kill -SEGV $$'; ls /tmp /workspace; true
        """

    @Test("no process of the session has it in memory, and no file, variable, log, frame, core or evidence")
    func whole() throws {
        let scene = try UpstreamScene()
        let forms = try scene.server.forms
        #expect(forms.count == 2)
        let home = scene.scene.sallyport.home
        let task = try PausedTask(
            scene.scene, scene.arguments(), before: Self.nosy,
            after: "echo >mine; git add mine; git commit -qm mine && "
                + "git push -q origin HEAD:refs/heads/sallyport/$SALLYPORT_TASK_ID/mine",
            to: scene.out)
        // It has been used by now: the base came with it.
        #expect(scene.server.requests.contains { $0.contains("POST /private/name.git/git-upload-pack") })
        let scan = try MemoryScan(of: try task.supervisor, for: forms)
        for name in ["sallyport", "sallyport-gatew", "sallyport-broke", "sp-init", "runner", "sh"] {
            #expect(scan.names.contains(name), "\(name): \(scan.names)")
        }
        #expect(scan.holders == [MemoryScan.control], "\(scan.holders)")
        try lookInside(task.inside, forms)
        let (done, shown) = try task.finish()
        #expect(done.outcome == "test_failed", "\(shown)")
        for form in forms {
            #expect(!shown.contains(form))
            #expect(try holders(of: form, in: home) == [])
        }
        // The controls: the operator's file has it, and only the ledgers of its uses name that file.
        #expect(try holders(of: forms[0], in: home, all: true) == [home.at("token")])
        let named = try Command("/bin/grep", ["-rlF", "-D", "skip", scene.server.credential, home.path]).run().lines
        #expect(named.count == 2 && named.allSatisfy { $0.hasSuffix("/uses.jsonl") }, "\(named)")
        #expect(text(scene.out + "/work.log")?.contains("SALLYPORT_TASK_ID=") == true)
        let pushed = (done.evidence?["received"]?["pushed"]?.arrayValue ?? []).map { $0["taken"]?.boolValue }
        #expect(pushed.count == 2 && pushed.contains(true) && pushed.contains(false), "\(shown)")
        #expect(try scene.verifies())
    }

    @Test("the same with a delivery, which uses it a second time")
    func delivered() throws {
        let scene = try UpstreamScene()
        let home = scene.scene.sallyport.home
        let task = try PausedTask(scene.scene, scene.arguments(), after: UpstreamScene.agent, to: scene.out)
        let (done, shown) = try task.finish()
        #expect(done.outcome == "verified", "\(shown)")
        #expect(done.evidence?["upstream"]?["branch_pushed"] == true)
        for form in try scene.server.forms {
            #expect(!shown.contains(form))
            #expect(try holders(of: form, in: home) == [])
        }
        #expect(try holders(of: scene.server.secret, in: home, all: true) == [home.at("token")])
    }

    @Test("one that comes in a variable is withheld from every sandbox, even where the profile passes that variable")
    func variable() throws {
        let scene = try UpstreamScene()
        let home = scene.scene.sallyport.home
        let profile = try home.file(
            "passing.yaml",
            "version: 1\nextends: [build]\nreason: a test\nenvironment: {pass: [FORGE_ENTRY, OTHER_ENTRY]}\n")
        var arguments = scene.arguments(["--profile", profile])
        arguments[try #require(arguments.firstIndex(of: scene.server.credential))] = "env:FORGE_ENTRY"
        let task = try PausedTask(
            scene.scene, arguments,
            environment: ["FORGE_ENTRY": scene.server.secret, "OTHER_ENTRY": "passed-all-the-same"],
            before: "env", after: UpstreamScene.agent, to: scene.out)
        let forms = try scene.server.forms
        #expect(try MemoryScan(of: try task.supervisor, for: forms).holders == [MemoryScan.control])
        let (done, shown) = try task.finish()
        #expect(done.outcome == "verified" && done.evidence?["upstream"]?["branch_pushed"] == true, "\(shown)")
        // The control: the other one got through.
        #expect(text(scene.out + "/work.log")?.contains("OTHER_ENTRY=passed-all-the-same") == true)
        for form in forms { #expect(try holders(of: form, in: home) == []) }
    }

    /// Files with a word in them: of the evidence, of every session, of the copies, of the upstream itself.
    private func holders(of word: String, in home: Scratch, all: Bool = false) throws -> [String] {
        let excluded = all ? [] : ["--exclude=token"]
        return try Command("/bin/grep", ["-rlaF", "-D", "skip"] + excluded + [word, home.path]).run().lines
    }

    /// Looks through everything that the agent can have written, cores included.
    private func lookInside(_ pid: Int32, _ forms: [String]) throws {
        let places = ["tmp", "run", "home", "root", "etc", "var", "workspace"].map { "/proc/\(pid)/root/\($0)" }
        func files(with word: String) throws -> [String] {
            try Command("/bin/grep", ["-rslaF", "-D", "skip", word] + places).run().lines
        }
        #expect(try files(with: "marker-of-this-test").contains("/proc/\(pid)/root/tmp/marker"))
        for form in forms { #expect(try files(with: form) == []) }
    }
}
