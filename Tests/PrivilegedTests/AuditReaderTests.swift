// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import Isolation
import TestSupport
import Testing

/// Whoever parses an audit, which holds text that a sandbox chose, has no privilege; the verbs work all the same.
@Suite("reader of audits", .serialized, .timeLimit(.minutes(25)))
struct AuditReaderTests {
    private static let line =
        #"{"id":"s-abcdefghijkl-1","event":"dns.deny","decision":"denied","name":"a.example.com","#
    /// More than two pipes and a program between them hold: once it is written, somebody is reading.
    private static let long = Array(String(repeating: line + #""count":1}"# + "\n", count: 10_000).utf8)

    /// A simulation that has its audit from standard input.
    private static let simulate = ["profile", "simulate", "strict", "--audit", "/dev/stdin"]

    /// The process below a command that reads for it; the audit has not ended.
    private func reader(of running: Running) throws -> Int32 {
        try running.send(Self.long)
        let readers = descendants(of: running.pid).map(\.pid).filter {
            text("/proc/\($0)/cmdline")?.hasPrefix("sallyport\0read-audit\0") == true
        }
        #expect(readers.count == 1)
        return try #require(readers.first)
    }

    private func expectPowerless(_ pid: Int32) throws {
        for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
            #expect(statusField(pid, set) == "0000000000000000", "\(set)")
        }
        #expect(statusField(pid, "NoNewPrivs") == "1")
        #expect(statusField(pid, "Seccomp") == "2")
        #expect(statusField(pid, "Threads") == "1")
        // The audit is its standard input, and nothing else of the host is open.
        #expect(names("/proc/\(pid)/fd") == ["0", "1", "2"])
        let parent = try #require(statusField(pid, "PPid"))
        #expect(linkTarget("/proc/\(pid)/fd/0").hasPrefix("pipe:["))
        #expect(linkTarget("/proc/\(pid)/fd/0") == linkTarget("/proc/\(parent)/fd/0"))
    }

    private func holdsBlock(_ running: Running) throws -> Bool {
        try IdBlocks.open(.standard).inUse().contains { $0.session == "reader-\(running.pid)" }
    }

    @Test("root's has an id of its own, no capability and no file, and gives the id back", .requires(.root))
    func host() throws {
        let running = try Sallyport().command(Self.simulate).start()
        let pid = try reader(of: running)
        let ids = try #require(statusField(pid, "Uid")).split(separator: " ")
        #expect(Set(ids).count == 1 && statusField(pid, "Gid")?.split(separator: " ") == ids)
        let id = try #require(ids.first.flatMap { UInt32($0) })
        #expect(id >= IdRange.standard.first, "\(id) is no id of the host's own")
        // One that had it before may be waiting for whoever inherited it: dead, and without an id to use.
        let others = processes(uids: id..<id + 1).filter { statusField($0, "State")?.hasPrefix("Z") == false }
        #expect(others == [pid], "nobody else has it")
        #expect(try holdsBlock(running))
        #expect(statusField(pid, "Groups")?.isEmpty ?? true)
        try expectPowerless(pid)
        running.closeInput()
        let done = try running.finish()
        #expect(done.text == "0 of 10000 decisions would change\n", "\(done.errorText)")
        #expect(done.code == 0)
        #expect(try !holdsBlock(running))
    }

    @Test("a user's has no id of the host and sees no other process", .requires(.rootless))
    func rootless() throws {
        let user = try OrdinaryUser()
        // The pipe is the user's own: another's could not be opened by its name.
        let running = try user.command(
            "/bin/sh", ["-c", "cat | \(user.sallyport) \(Self.simulate.joined(separator: " "))"]
        ).start()
        let pid = try reader(of: running)
        #expect(statusField(pid, "Uid")?.split(separator: " ").allSatisfy { $0 == "\(user.uid)" } == true)
        #expect(linkTarget("/proc/\(pid)/ns/user") != linkTarget("/proc/self/ns/user"))
        #expect(text("/proc/\(pid)/uid_map") == "")
        #expect(statusField(pid, "NSpid")?.split(separator: " ").last == "1")
        try expectPowerless(pid)
        running.closeInput()
        let done = try running.finish()
        #expect(done.text == "0 of 10000 decisions would change\n", "\(done.errorText)")
    }

    @Test("it ends with the command that started it, whose end also gives the id back", .requires(.root))
    func interrupted() throws {
        for signal in [SIGTERM, SIGKILL] {
            let running = try Sallyport().command(Self.simulate).start()
            let watch = try ProcessWatch(try reader(of: running))
            try running.signal(signal)
            try watch.waitForEnd(.seconds(20))
            let done = try running.finish()
            #expect(done.text.isEmpty)
            if signal == SIGTERM {
                #expect(done.code == 125 && done.errorText.contains("Its reader"), "\(done.errorText)")
                #expect(try !holdsBlock(running))
            } else {
                #expect(done.ending == .signalled(SIGKILL))
                let swept = try Sallyport().command(["sweep"]).run()
                #expect(swept.code == 0, "\(swept.errorText)")
                #expect(try !holdsBlock(running))
            }
        }
    }

    @Test("whoever has a privilege reads nothing, and says so", .requires(.root))
    func byHand() throws {
        for (user, reason) in [([], "be another user than root"), (["--reuid", "4242"], "be without capabilities")] {
            var command = Command(
                "/usr/bin/setpriv", user + ["--clear-groups", "--", Executables.sallyport, "read-audit", "list"])
            command.input = Array(Self.line.utf8)
            let done = try command.run()
            #expect(done.code == 125 && done.errorText.contains("cannot \(reason)"), "\(done.errorText)")
            #expect(done.text.isEmpty)
        }
    }
}

/// The verbs that read an audit, over a session's files as they are left.
@Suite("verbs over an audit", .timeLimit(.minutes(25)))
struct AuditVerbTests {
    private static let session = "s-abcdefghijkl"
    private static let audit = """
        {"version":1,"id":"s-abcdefghijkl-1","time_ms":1700000000000,"event":"gateway.start","generation":1,"count":1}
        {"version":1,"id":"s-abcdefghijkl-2","time_ms":1700000000001,"event":"dns.deny","decision":"denied","name":"b.example.com","reason":"name_not_allowed","detail":"no rule \\u001b[2J","count":1}
        {"version":1,"id":"s-abcdefghijkl-3","time_ms":1700000000002,"event":"policy.apply","generation":2,"count":1}
        {"version":1,"id":"s-abcdefghijkl-4","time_ms":1700000000003,"event":"tcp.allow","decision":"allowed","name":"b.example.com","port":443,"count":1}
        {"version":1,"id":"s-abcdefghijkl-5","ti
        """
    private static func policy(_ generation: Int, _ host: String) -> String {
        let rule =
            #"{"id":0,"origin":"p.yaml:7","reason":"a test","host":"\#(host)","ports":[443],"ech":"refuse"}"#
        return #"{"session":"\#(session)","generation":\#(generation),"hosts":[],"#
            + #""policy":{"version":1,"direct_ip":"explain","rules":[\#(rule)]}}"# + "\n"
    }

    /// What ran the verbs: root, or an ordinary user, each with the session's files in a runtime directory of its own.
    private enum Caller: String, CaseIterable {
        case root, user
        var need: HostNeed { self == .root ? .root : .rootless }
    }

    private struct Scene {
        let run: ([String]) throws -> Finished
        let directory: String
        private let held: AnyObject

        init(_ caller: Caller) throws {
            switch caller {
            case .root:
                let sallyport = try Sallyport()
                try sallyport.home.directory("runtime/sessions")
                directory = try sallyport.home.directory("runtime/sessions/\(AuditVerbTests.session)", mode: 0o700)
                run = { try sallyport.command($0).run() }
                held = sallyport
            case .user:
                let user = try OrdinaryUser()
                for path in ["run", "run/sallyport", "run/sallyport/sessions"] { _ = try user.directory(path) }
                directory = try user.directory("run/sallyport/sessions/\(AuditVerbTests.session)")
                run = { try user.sallyport($0).run() }
                held = user
            }
            for (name, text) in [
                ("audit.jsonl", AuditVerbTests.audit), ("egress-1.json", policy(1, "a.example.com")),
                ("egress-2.json", policy(2, "b.example.com")),
            ] {
                let path = directory + "/" + name
                let fd = creat(path, 0o600)
                #expect(write(fd, text, text.utf8.count) == text.utf8.count)
                close(fd)
                if let user = held as? OrdinaryUser { try user.own(path) }
            }
        }
    }

    private func verbs(_ caller: Caller) throws {
        let scene = try Scene(caller)
        let listed = try scene.run(["why", Self.session])
        #expect(listed.code == 0, "\(listed.errorText)")
        #expect(listed.text == "\(Self.session)-2  1x  b.example.com  name_not_allowed\n", "\(listed.text)")
        let denied = try scene.run(["why", "\(Self.session)-2"])
        #expect(denied.code == 0 && denied.text.contains("2023-11-14T22:13:20Z"), "\(denied.text)\(denied.errorText)")
        #expect(denied.text.contains("none names it") && !denied.text.contains("\u{1b}"), "\(denied.text)")
        let allowed = try scene.run(["why", "--json", "\(Self.session)-4"])
        let json = try JSON.read(allowed.output, file: "why")
        #expect(
            json["chain"]?.arrayValue?.first?["rule"]?.stringValue == "host b.example.com ports 443", "\(allowed.text)")
        let missing = try scene.run(["why", "\(Self.session)-9"])
        #expect(missing.code == 125 && missing.errorText.contains("has 4 records"), "\(missing.errorText)")

        let policy = try scene.run(["session", "policy", Self.session])
        #expect(policy.code == 0 && policy.text.hasPrefix("generation 2, direct_ip explain\n1. host b.example.com"))
        let simulated = try scene.run(["profile", "simulate", "strict", "--audit", Self.session])
        #expect(simulated.code == 1, "\(simulated.text)\(simulated.errorText)")
        #expect(simulated.text.contains("allowed -> denied  1x  b.example.com port 443"), "\(simulated.text)")

        let bad = scene.directory + "/audit.jsonl"
        let fd = open(bad, O_WRONLY | O_APPEND)
        #expect(write(fd, "\n", 1) == 1)
        close(fd)
        for verb in [["why", Self.session], ["profile", "simulate", "strict", "--audit", bad]] {
            let broken = try scene.run(verb)
            #expect(broken.code == 125 && broken.text.isEmpty, "\(broken.text)")
            #expect(broken.errorText.contains(", line 5, byte "), "\(broken.errorText)")
        }
    }

    @Test("root is told what one holds", .requires(.root)) func root() throws { try verbs(.root) }
    @Test("a user is told what one holds", .requires(.rootless)) func user() throws { try verbs(.user) }

    @Test("a profile is proposed to root, and loads", .requires(.root))
    func proposalForRoot() throws {
        let sallyport = try Sallyport()
        try expectProposal(base: "strict") { try sallyport.command($0).run() }
    }

    @Test("a profile is proposed to a user, and loads", .requires(.rootless))
    func proposalForUser() throws {
        let user = try OrdinaryUser()
        try expectProposal(base: "strict-rlimit") { try user.sallyport($0).run() }
    }

    private func expectProposal(base: String, _ run: ([String]) throws -> Finished) throws {
        let learnt = try run([
            "profile", "learn", "--observe", "--profile", base, "--", "sh", "-c", "echo said; exit 3",
        ])
        #expect(learnt.code == 3, "\(learnt.errorText)")
        #expect(learnt.text.hasPrefix("# What \"sh -c echo said; exit 3\" used in session s-"), "\(learnt.text)")
        #expect(learnt.text.contains("\nextends: [\(base)]\n") && !learnt.text.contains("\nsaid"), "\(learnt.text)")
        #expect(learnt.errorText.hasPrefix("said\n"), "\(learnt.errorText)")
    }
}
