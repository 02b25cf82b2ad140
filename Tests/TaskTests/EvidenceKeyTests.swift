// SPDX-License-Identifier: Apache-2.0
import Glibc
import TestSupport
import Testing

@Suite("evidence key", .timeLimit(.minutes(25)))
struct EvidenceKeyTests {
    @Test(
        "a state directory that is no absolute path is refused, and nothing is made", .requires(.root), .requires(.git),
        .requires(.runner))
    func relative() throws {
        let scene = try TaskScene()
        let name = "sallyport-relative-\(UInt32.random(in: 0...UInt32.max))"
        for arguments in [
            ["evidence", "key"], ["task", "run", "--repo", scene.repository, "--task", "x", "--agent-command", "true"],
        ] {
            var command = scene.sallyport.command(arguments)
            command.environment["SALLYPORT_STATE_DIR"] = name
            command.directory = scene.sallyport.home.path
            let done = try command.run()
            #expect(done.code == 125 && done.errorText.contains("Give an absolute path"), "\(done.errorText)")
        }
        #expect(access("/" + name, F_OK) != 0 && access(scene.sallyport.home.at(name), F_OK) != 0)
    }

    @Test("no sandbox can be given it", .requires(.root), .requires(.git), .requires(.runner))
    func mounts() throws {
        let bundle = try BundleScene()
        let keys = bundle.state + "/keys"
        let sallyport = bundle.scene.sallyport
        for options in [
            ["--mount", keys + ":/run/keys"], ["--mount", keys + "/evidence.key:/run/key"],
            ["--mount", bundle.state + ":/run/state"], ["--workspace", keys],
        ] {
            let refused = try sallyport.run(
                options: options, ["/bin/sh", "-c", "cat /run/keys/* /run/key /workspace/*"])
            #expect(refused.code == 125 && refused.text == "", "\(options): \(refused.errorText)")
            #expect(refused.errorText.contains("Sallyport keeps its own files"), "\(refused.errorText)")
        }
        // Another directory of the same place can be shown.
        try bundle.shell("mkdir -p tasks/x && echo shown >tasks/x/file", in: bundle.state)
        let shown = try sallyport.run(
            options: ["--mount", bundle.state + "/tasks/x:/run/x"], ["/bin/cat", "/run/x/file"])
        #expect(shown.code == 0 && shown.text == "shown\n", "\(shown.errorText)")
    }

    @Test("it is in nothing that a task leaves, in no form", .requires(.root), .requires(.git), .requires(.runner))
    func canary() throws {
        let bundle = try BundleScene()
        let lines = try #require(text(bundle.state + "/keys/evidence.key")).split(separator: "\n")
        let secret = try #require(lines.count == 3 ? String(lines[1]) : nil)
        // The last 32 of 48 bytes are the key: any 8 characters of its base64 in a row would be a leak.
        let tail = String(secret.suffix(40))
        let home = bundle.scene.sallyport.home.path
        let found = try Command("/bin/grep", ["-rlaF", "-e", tail, "-e", String(tail.prefix(12)), home]).run()
        #expect(found.lines == [bundle.state + "/keys/evidence.key"])
        let hexadecimal = try Command(
            "/bin/sh", ["-c", "openssl base64 -d -A | tail -c 32 | od -An -tx1 | tr -d ' \\n'"]
        ).running(input: Array(secret.utf8))
        try #require(hexadecimal.text.utf8.count == 64)
        let written = try Command("/bin/grep", ["-rlaiF", "-e", hexadecimal.text, home]).run()
        #expect(written.code == 1)
    }

    @Test(
        "it is read before the first sandbox of a task and after the last, and never while one runs",
        .requires(.root), .requires(.git), .requires(.runner))
    func reading() throws {
        let bundle = try BundleScene()
        let directory = try bundle.scene.sallyport.home.directory("second")
        let keys = bundle.state + "/keys"
        let watch = OpenWatch()
        try watch.add(keys, IN_OPEN)
        try watch.add(directory, IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO)
        let done = try bundle.scene.sallyport.command([
            "task", "run", "--repo", bundle.scene.repository, "--task", "x", "--agent-command", "echo fixed > file",
            "--test-command", TaskScene.test, "--deliver", directory,
        ]).run()
        try #require(done.code == 0, "\(done.errorText)")
        let events = watch.events()
        let reads = events.indices.filter { events[$0] == keys + "/evidence.key" }
        let first = try #require(reads.first)
        let last = try #require(reads.last)
        // From the first file of a sandbox to the last.
        for label in ["before", "work", "after"] {
            let files = events.indices.filter { events[$0].hasPrefix("\(directory)/\(label).") }
            let (begin, end) = (try #require(files.first), try #require(files.last))
            #expect(events[begin...end].contains("\(directory)/\(label).result.json"), "\(events)")
            #expect(first < begin && end < last && !reads.contains { $0 > begin && $0 < end }, "\(events)")
        }
    }

    @Test(
        "one that cannot be used ends a task before it starts",
        .requires(.root), .requires(.git), .requires(.runner))
    func unusable() throws {
        let bundle = try BundleScene()
        let file = bundle.state + "/keys/evidence.key"
        #expect(chmod(file, 0o604) == 0)
        let directory = bundle.scene.sallyport.home.at("second")
        let done = try bundle.scene.sallyport.command([
            "task", "run", "--repo", bundle.scene.repository, "--task", "x", "--agent-command", "true", "--deliver",
            directory,
        ]).run()
        #expect(done.code == 125 && done.errorText.contains("its mode 604 lets others have it"), "\(done.errorText)")
        #expect(access(directory, F_OK) != 0)
        // What is signed stays verifiable: that needs the public key only.
        #expect(try bundle.verify().code == 0)
    }

    @Test("the public one is printed for others", .requires(.root), .requires(.git), .requires(.runner))
    func printed() throws {
        let bundle = try BundleScene()
        let printed = try bundle.scene.sallyport.command(["evidence", "key"]).run()
        #expect(printed.code == 0 && printed.output == contents(bundle.state + "/keys/evidence.pub"))
        #expect(printed.errorText.hasPrefix("key ") && printed.errorText.utf8.count == 69)
        let fresh = try Sallyport().command(["evidence", "key"]).run()
        #expect(fresh.code == 125 && fresh.errorText.contains("nothing was signed here yet"))
    }
}

extension Command {
    fileprivate func running(input: [UInt8]) throws -> Finished {
        var command = self
        command.input = input
        return try command.run()
    }
}
