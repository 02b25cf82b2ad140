// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

@Suite("reproduction", .timeLimit(.minutes(25)))
struct ReproduceTests {
    /// Another operator, with other directories, who has a copy of a bundle and the public key.
    struct Elsewhere {
        let sallyport: Sallyport
        let copy: String

        init(_ bundle: BundleScene) throws {
            sallyport = try Sallyport()
            copy = sallyport.home.at("copy")
            try bundle.shell("cp -r . \"$1\"; cp \"$2\" \"$1.pub\"", [copy, bundle.state + "/keys/evidence.pub"])
        }

        func reproduce(_ options: [String] = [], _ change: (inout Command) -> Void = { _ in }) throws -> Finished {
            var command = sallyport.command(["reproduce", copy, "--key", copy + ".pub"] + options)
            change(&command)
            return try command.run()
        }
    }

    @Test(
        "another operator with other directories gets the same plan, and the same tree from a script",
        .requires(.root), .requires(.git), .requires(.runner), arguments: ["work", "before", "after"])
    func equal(_ sandbox: String) throws {
        let bundle = try BundleScene()
        let elsewhere = try Elsewhere(bundle)
        let evidence = try JSONParser.parse(try #require(contents(bundle.at("evidence.json"))))
        try bundle.shell("rm -rf delivered repository", in: bundle.scene.sallyport.home.path)
        let done = try elsewhere.reproduce(["--sandbox", sandbox])
        let plan = try #require(evidence["observed"]?[sandbox]?["plan_digest"]?.stringValue)
        #expect(done.code == 0 && done.lines.contains("plan        equal  \(plan)"), "\(done.text)\(done.errorText)")
        #expect(!done.text.contains("differs"))
        let tree = try #require(evidence["delivered"]?["tree"]?.stringValue)
        #expect(done.lines.contains("tree        equal  \(tree)") == (sandbox == "work"))
        // Nothing of it stays.
        #expect(names(elsewhere.sallyport.state + "/reproduced") == [])
        #expect(names(elsewhere.sallyport.runtime + "/sessions").count == 1)
    }

    @Test(
        "an agent's script is in the bundle, and every check has a sandbox to rebuild",
        .requires(.root), .requires(.git), .requires(.runner))
    func script() throws {
        let scene = try TaskScene()
        let home = scene.sallyport.home
        let script = try home.file("agent.sh", "echo fixed > file\n")
        let arguments = [
            "task", "run", "--repo", scene.repository, "--task", "x", "--agent-script", script, "--test-command",
            TaskScene.test, "--lint-command", "true", "--out", home.at("delivered"),
        ]
        let task = try scene.sallyport.command(arguments).run()
        try #require(task.code == 0, "\(task.errorText)")
        let other = try Sallyport()
        let (copy, key) = (other.home.at("copy"), scene.sallyport.state + "/keys/evidence.pub")
        let moved = "mv delivered \"$1\"; rm -rf repository agent.sh"
        #expect(try Command("/bin/sh", ["-c", "cd \"$2\"; \(moved)", "sh", copy, home.path]).run().code == 0)
        for sandbox in ["work", "before-lint", "after-lint", "after"] {
            let done = try other.command(["reproduce", copy, "--key", key, "--sandbox", sandbox]).run()
            #expect(done.code == 0 && done.text.contains("plan        equal"), "\(done.text)\(done.errorText)")
            #expect(!done.text.contains("differs"))
        }
    }

    @Test(
        "work on a pull request and its review come out the same elsewhere",
        .requires(.root), .requires(.git), .requires(.runner), arguments: ["pr_iteration", "pr_review"])
    func pullRequest(_ type: String) throws {
        let isReview = type == "pr_review"
        let scene = try ForgeScene()
        try scene.pull(5, threads: [(file: "file", line: 1, text: "only half")])
        let document =
            "{\"version\": 1, \"summary\": \"s\", \"findings\": [{\"file\": \"file\", \"line\": 1, "
            + "\"severity\": \"major\", \"comment\": \"only half\"}]}"
        // What a review sees of the change decides what it says.
        let agent = try scene.file(
            "agent.sh",
            isReview
                ? "set -e; grep -q '^+half' /run/sallyport/change.patch; cat file\n"
                    + "printf '%s' '\(document)' >$SALLYPORT_FINDINGS\n"
                : "echo fixed > file\n")
        let home = scene.scene.sallyport.home
        var arguments = [
            "task", "run", "--forge", scene.forge, "--type", type, "--pr", "5", "--agent-script", agent, "--out",
            home.at("delivered"),
        ]
        if !isReview { arguments += ["--test-command", TaskScene.test] }
        let task = try scene.scene.sallyport.command(arguments).run()
        try #require(task.code == 0, "\(task.errorText)")
        let evidence = try JSONParser.parse(try #require(contents(home.at("delivered/evidence.json"))))
        let product = try #require(
            isReview
                ? evidence["files"]?["work.findings"]?.stringValue : evidence["delivered"]?["tree"]?.stringValue)
        let other = try Sallyport()
        let (copy, key) = (other.home.at("copy"), scene.scene.sallyport.state + "/keys/evidence.pub")
        let moved = "mv delivered \"$1\"; rm -rf repository forge agent.sh"
        #expect(try Command("/bin/sh", ["-c", "cd \"$2\"; \(moved)", "sh", copy, home.path]).run().code == 0)
        let done = try other.command(["reproduce", copy, "--key", key]).run()
        #expect(done.code == 0 && !done.text.contains("differs"), "\(done.text)\(done.errorText)")
        #expect(done.lines.last == (isReview ? "findings    equal  " : "tree        equal  ") + product)
        #expect(names(other.state + "/reproduced") == [])
    }

    @Test(
        "a bundle of one ordinary user is the same for another",
        .requires(.rootless), .requires(.root), .requires(.git), .requires(.runner))
    func otherUser() throws {
        let scene = try TaskScene()
        let home = scene.sallyport.home
        let installation = try Installation()
        func user(_ number: Int, _ arguments: [String]) throws -> Finished {
            let place = home.at("user\(number)")
            let words = Installation.become(UInt32(number)) + [installation.sallyport] + arguments
            var command = Command(words[0], Array(words.dropFirst()))
            command.environment["HOME"] = place
            command.environment["XDG_RUNTIME_DIR"] = place + "/run"
            command.environment["LANG"] = number == 4242 ? "C.UTF-8" : "de_DE.UTF-8"
            command.directory = place
            return try command.run()
        }
        for number in [4242, 4343] { #expect(chown(try home.directory("user\(number)"), UInt32(number), 0) == 0) }
        let copied = "cp -r repository user4242/repo && chown -R 4242 user4242/repo"
        #expect(try Command("/bin/sh", ["-c", "cd \"$1\"; \(copied)", "sh", home.path]).run().code == 0)
        let task = try user(
            4242,
            [
                "task", "run", "--repo", "repo", "--profile", "strict-rlimit", "--task", "x", "--agent-command",
                "echo fixed > file", "--test-command", TaskScene.test, "--deliver", "d",
            ])
        try #require(task.code == 0, "\(task.errorText)")
        let taken =
            "cp -r user4242/d user4242/.local/state/sallyport/keys/evidence.pub user4343; chown -R 4343 user4343"
        #expect(try Command("/bin/sh", ["-c", "cd \"$1\"; \(taken)", "sh", home.path]).run().code == 0)
        let done = try user(4343, ["reproduce", "d", "--key", "evidence.pub"])
        #expect(done.code == 0 && done.text.contains("plan        equal"), "\(done.text)\(done.errorText)")
        #expect(done.text.contains("tree        equal") && !done.text.contains("differs"))
    }

    @Test(
        "another profile, another host and another result are named",
        .requires(.root), .requires(.git), .requires(.runner))
    func differences() throws {
        let bundle = try BundleScene(agent: "echo fixed > file; head -c 16 /dev/urandom | od > noise")
        let noisy = try Elsewhere(bundle).reproduce()
        #expect(noisy.code == 1 && noisy.text.contains("tree        NOT EQUAL"), "\(noisy.text)\(noisy.errorText)")
        #expect(!noisy.text.contains("differs"))
        // Another kernel's name and another release of the system, as this very machine can show them.
        let elsewhere = try Elsewhere(bundle)
        let release = try elsewhere.sallyport.home.file("release", "ID=other\n")
        let done = try elsewhere.reproduce {
            let there = "mount --bind \"$0\" /usr/lib/os-release && exec setarch --uname-2.6 \"$@\""
            $0.arguments = ["--mount", "/bin/sh", "-c", there, release, $0.path] + $0.arguments
            $0.path = "/usr/bin/unshare"
        }
        #expect(done.code == 1 && done.text.contains("plan        equal"), "\(done.text)\(done.errorText)")
        #expect(done.text.contains(" recorded, 2.6.") && done.text.contains("differs     kernel: "), "\(done.text)")
        #expect(done.text.contains("differs     rootfs content: "), "\(done.text)")
        let strict = try elsewhere.reproduce(["--profile", "strict"])
        #expect(strict.code == 1 && strict.text.contains("plan        NOT EQUAL"), "\(strict.errorText)")
        #expect(strict.text.contains("differs     profile limits.pids: \"1024\" recorded, \"256\" here"))
        let waived = try elsewhere.sallyport.home.file(
            "weak.yaml", "version: 1\nextends: [build]\nreason: x\nlandlock: waived\nlandlock_reason: to see it named\n"
        )
        let weak = try elsewhere.reproduce(["--profile", waived, "--json"])
        let json = try JSONParser.parse(weak.output)
        let what = json["differences"]?.arrayValue?.compactMap { $0["what"]?.stringValue } ?? []
        #expect(weak.code == 1 && json["equal"]?.boolValue == false && json["plan"]?["equal"]?.boolValue == false)
        #expect(what.contains("profile landlock") && what.contains("layer landlock mode"), "\(what)")
        #expect(what.contains("plan steps landlock.restrict"))
    }

    @Test(
        "a command of one's own has the sandbox of the task, its environment, and its own exit status",
        .requires(.root), .requires(.git), .requires(.runner))
    func command() throws {
        let bundle = try BundleScene()
        let elsewhere = try Elsewhere(bundle)
        let script =
            "cat /run/sallyport/task; echo; echo $LANG; ls /run/sallyport/source.git/refs/heads; exit 7"
        let done = try elsewhere.reproduce(["--", "/bin/sh", "-c", script]) { $0.environment["LANG"] = "de_DE.UTF-8" }
        #expect(done.code == 7 && done.lines.prefix(2) == ["Fix the file", "C.UTF-8"], "\(done.text)\(done.errorText)")
        // The repository is the one of then: without what the task delivered.
        #expect(done.lines.count == 3 && done.lines[2] == "base")
        #expect(done.errorText.contains("with another command") && !done.errorText.contains("differs"))
    }

    @Test("what is not proven is not run", .requires(.root), .requires(.git), .requires(.runner))
    func changed() throws {
        let bundle = try BundleScene()
        let elsewhere = try Elsewhere(bundle)
        let path = elsewhere.copy + "/work.profile.yaml"
        let weaker = try #require(text(path)).replacingFirst(
            "\"landlock\": \"required\"", with: "\"landlock\": \"waived\"")
        try elsewhere.sallyport.home.file("copy/work.profile.yaml", weaker)
        let done = try elsewhere.reproduce()
        #expect(done.code == 1 && done.text.contains("work.profile.yaml") && done.text.hasPrefix("NOT VALID"))
        #expect(names(elsewhere.sallyport.runtime + "/sessions") == [])
        let keyless = try elsewhere.sallyport.command(["reproduce", elsewhere.copy]).run()
        #expect(keyless.code == 125 && keyless.errorText.contains("no key of its own"))
    }

    @Test(
        "a task that delivered nothing comes out the same, and one that was refused too",
        .requires(.root), .requires(.git), .requires(.runner),
        arguments: [
            "true",
            "git update-ref HEAD $(git commit-tree -p HEAD -m x $(printf '160000 commit %s\\tlib\\n' $(git rev-parse HEAD)"
                + " | git mktree)); echo fixed > file",
        ])
    func nothing(_ agent: String) throws {
        let scene = try TaskScene()
        let task = try scene.task(agent: agent)
        #expect(task.finished.code == 1 && task.commit == nil)
        let done = try scene.sallyport.command(["reproduce", task.directory]).run()
        #expect(
            done.code == 0 && done.text.contains("tree        equal  none delivered"), "\(done.text)\(done.errorText)")
        let after = try scene.sallyport.command(["reproduce", task.directory, "--sandbox", "after"]).run()
        #expect(after.code == 125 && after.errorText.contains("the bundle has no \"after."), "\(after.errorText)")
    }

    @Test(
        "a review that left nothing comes out the same", .requires(.root), .requires(.git), .requires(.runner))
    func noFindings() throws {
        let scene = try ForgeScene()
        try scene.pull(5)
        let review = try scene.task(["--type", "pr_review", "--pr", "5"], agent: "cat file", test: nil)
        #expect(review.finished.code == 1 && review.outcome != "review_posted", "\(review.finished.text)")
        let done = try scene.scene.sallyport.command(["reproduce", review.directory]).run()
        #expect(
            done.code == 0 && done.lines.last == "findings    equal  none delivered", "\(done.text)\(done.errorText)")
    }

    @Test(
        "the value of a variable that a profile passes on is in no bundle",
        .requires(.root), .requires(.git), .requires(.runner))
    func passed() throws {
        let scene = try TaskScene()
        let profile = try scene.sallyport.home.file(
            "passing.yaml", "version: 1\nextends: [build]\nreason: x\nenvironment: {pass: [LANG, DEPLOYMENT]}\n")
        // Its command line holds a digest of it: what the caller asked for is in the bundle.
        let value = "c4n4ry-value"
        var sum = Command("/usr/bin/sha256sum")
        sum.input = Array(value.utf8)
        let digest = String(try sum.run().text.prefix(64))
        var command = scene.sallyport.command([
            "task", "run", "--repo", scene.repository, "--task", "x", "--agent-command",
            "test \"$(printf %s \"$DEPLOYMENT\" | sha256sum | cut -c -64)\" = \(digest) && echo fixed > file",
            "--profile", profile, "--deliver", scene.sallyport.home.at("delivered"),
        ])
        command.environment["DEPLOYMENT"] = value
        let done = try Delivery(try command.run(), directory: scene.sallyport.home.at("delivered"))
        // The agent did get it.
        try #require(done.outcome == "delivered", "\(done.finished.errorText)")
        func files(with text: String) throws -> [String] {
            try Command("/bin/grep", ["-rlaF", text, done.directory]).run().lines
        }
        #expect(try files(with: digest).contains(done.directory + "/evidence.json"))
        #expect(try files(with: value) == [])
        let values = try JSONParser.parse(try #require(contents(done.directory + "/work.environment.json")))
        #expect(values["DEPLOYMENT"] == .null && values["LANG"]?.stringValue == "C.UTF-8")
    }
}

extension String {
    fileprivate func replacingFirst(_ other: String, with new: String) -> String {
        guard let start = indices.first(where: { self[$0...].hasPrefix(other) }) else { return self }
        return String(self[..<start]) + new + String(self[index(start, offsetBy: other.count)...])
    }
}
