// SPDX-License-Identifier: Apache-2.0
import Glibc
import Isolation
import LinuxSystem
import TestSupport
import Testing

/// What sweep takes and what it leaves, set up piece by piece.
@Suite("sweep", .requires(.root))
struct CrashSweepTests {
    /// A name that no session of this run has.
    private func freshName() -> String {
        "s-" + String((0..<12).map { _ in "abcdefghijklmnopqrstuvwxyz234567".randomElement() ?? "a" })
    }

    private func makeGroups(_ name: String) throws -> SessionCgroup {
        try SessionCgroup.create(
            name, CgroupLimits(memoryBytes: 1 << 26, pids: 8, cpuMillis: 1000), try CgroupLayout.detect(), root: true)
    }

    private func groups(_ name: String) -> [String] { HostGroups.all().filter { $0.hasSuffix("/\(name)") } }

    /// A start time that no process with a pid of today has: the supervisor is dead.
    private static let longAgo = "1"

    @Test("a session that another operator starts keeps its groups and its ids", .timeLimit(.minutes(25)))
    func startingElsewhere() throws {
        let name = freshName()
        let blocks = try IdBlocks.open(.standard)
        let block = try blocks.allocate(name, start: try processStartTime(getpid()))
        // Empty, as between their making and the clone.
        let made = try makeGroups(name)
        let count = groups(name).count
        #expect(count >= 1)
        let sallyport = try Sallyport()
        let sweep = try sallyport.command(["sweep"]).run()
        #expect(sweep.code == 0, "\(sweep.errorText)")
        #expect(groups(name).count == count)
        #expect(HostIds.base(of: name) == block.base)
        // Control: nothing but the life of its supervisor made the difference.
        try blocks.release(block, of: name)
        _ = try blocks.allocate(name, start: Self.longAgo)
        #expect(try sallyport.command(["sweep"]).run().code == 0)
        #expect(groups(name) == [])
        #expect(HostIds.base(of: name) == nil)
        _ = made.version
    }

    @Test("ids of a dead session are free only when no process has them", .timeLimit(.minutes(25)))
    func liveBlock() throws {
        let name = freshName()
        let blocks = try IdBlocks.open(.standard)
        let block = try blocks.allocate(name, start: Self.longAgo)
        let survivor = try Command(
            "/usr/bin/setpriv",
            ["--reuid", "\(block.base + 7)", "--clear-groups", "/bin/sh", "-c", "echo up; read end"]
        ).start()
        #expect(try survivor.line() == "up")
        #expect(HostIds.running(block.base) == [survivor.pid])
        let stranger = try Sallyport()
        let left = try stranger.command(["sweep"]).run()
        #expect(left.code == 0, "\(left.errorText)")
        #expect(HostIds.base(of: name) == block.base, "given to the next session while a process has them")
        #expect(HostIds.running(block.base) == [survivor.pid], "another operator's process")
        // The operator whose session it was ends what is left of it.
        let owner = try Sallyport()
        #expect(try owner.command(["sweep"]).run().code == 0)
        #expect(mkdir("\(owner.runtime)/sessions/\(name)", 0o700) == 0)
        let sweep = try owner.command(["sweep"]).run()
        #expect(sweep.code == 0, "\(sweep.errorText)")
        #expect(try survivor.finish().ending == .signalled(9))
        #expect(HostIds.base(of: name) == nil)
        #expect(names("\(owner.runtime)/sessions") == [])
    }

    @Test("what a dead process was writing goes, what a living one writes stays", .timeLimit(.minutes(25)))
    func partialFiles() throws {
        let sallyport = try Sallyport()
        #expect(try sallyport.command(["sweep"]).run().code == 0)
        let dead = try Command("/bin/true").start()
        #expect(try dead.finish().code == 0)
        let runtime = "runtime"
        for pid in [dead.pid, getpid()] {
            try sallyport.home.file("\(runtime)/.filter-2-abc.\(pid).new")
            try sallyport.home.directory("\(runtime)/.template-1.\(pid)")
        }
        let sweep = try sallyport.command(["sweep"]).run()
        #expect(sweep.code == 0, "\(sweep.errorText)")
        let left = names(sallyport.runtime).filter { $0.hasPrefix(".") }
        #expect(left == [".filter-2-abc.\(getpid()).new", ".template-1.\(getpid())"])
    }

    @Test("the trial groups of a killed doctor go, those of a running one stay", .timeLimit(.minutes(25)))
    func doctorGroups() throws {
        let dead = try Command("/bin/true").start()
        #expect(try dead.finish().code == 0)
        let running = try Command("/bin/cat").start()
        let kept = try makeGroups("doctor-\(running.pid)")
        _ = try makeGroups("doctor-\(dead.pid)")
        let sweep = try Sallyport().command(["sweep"]).run()
        #expect(sweep.code == 0, "\(sweep.errorText)")
        #expect(groups("doctor-\(dead.pid)") == [])
        #expect(groups("doctor-\(running.pid)").count == kept.directories.count)
        try kept.remove(deadline: 1000)
        running.closeInput()
        #expect(try running.finish().code == 0)
    }

    @Test("a supervisor that has ended and is not yet waited for is dead")
    func zombie() throws {
        let program = try Command("/bin/cat").start()
        let start = try processStartTime(program.pid)
        #expect(try processRuns(program.pid, start: start))
        #expect(try !processRuns(program.pid, start: Self.longAgo))
        program.closeInput()
        try #require(CrashTarget(program.pid)).waitForEnd()
        #expect(try processStartTime(program.pid) == start, "control: it has not been waited for")
        #expect(try !processRuns(program.pid, start: start))
        #expect(try program.finish().code == 0)
        #expect(try !processRuns(program.pid, start: start))
    }

    @Test("templates of other versions go when no session can have been started from one", .timeLimit(.minutes(25)))
    func oldTemplates() throws {
        let sallyport = try Sallyport()
        #expect(try sallyport.run(profile: "strict", ["true"]).code == 0)
        // The only session below is then the one that runs.
        #expect(try sallyport.command(["sweep"]).run().code == 0)
        let current = try #require(names(sallyport.runtime).first { $0.hasPrefix("template-") })
        for old in ["template-0", "template-1"] {
            for part in ["", "/root", "/root/etc"] { try sallyport.home.directory("runtime/\(old)\(part)") }
            try sallyport.home.file("runtime/\(old)/root/etc/passwd", "agent:x:1000:1000::/:/bin/sh\n")
        }
        func templates() -> [String] { names(sallyport.runtime).filter { $0.contains("template") } }
        #expect(templates() == ["template-0", "template-1", current].sorted())
        let running = try sallyport.runCommand(
            profile: "strict", record: sallyport.home.at("result.json"), ["sh", "-c", "echo started; sleep 600"]
        ).start()
        #expect(try running.line() == "started")
        let session = try #require(names("\(sallyport.runtime)/sessions").first)
        let state = "\(sallyport.runtime)/sessions/\(session)/state.json"
        let written = try #require(text(state))
        func rewrite(_ template: String?) throws {
            let line = "\"template\": \"\(current)\""
            #expect(written.contains(line), "\(written)")
            let other = template.map { "\"template\": \"\($0)\"" } ?? "\"older\": true"
            try sallyport.home.file(
                "runtime/sessions/\(session)/state.json",
                written.split(separator: "\n").map {
                    $0.contains(line) ? $0.prefix { $0 == " " } + other + "," : String($0)
                }.joined(separator: "\n"))
        }
        // A session of a program that did not say which template it has may have any of them.
        try rewrite(nil)
        #expect(try sallyport.command(["sweep"]).run().code == 0)
        #expect(templates() == ["template-0", "template-1", current].sorted())
        try rewrite("template-1")
        let first = try sallyport.command(["sweep", "--json"]).run()
        #expect(first.code == 0 && first.text.contains("template-0"), "\(first.text)\(first.errorText)")
        #expect(templates() == ["template-1", current].sorted())
        #expect(contents("\(sallyport.runtime)/template-1/root/etc/passwd") != nil, "the one in use is whole")
        try running.signal(SIGTERM)
        _ = try running.finish()
        #expect(try sallyport.command(["sweep"]).run().code == 0)
        #expect(templates() == [current])
        #expect(try sallyport.run(profile: "strict", ["true"]).code == 0)
    }

    @Test("a session without groups that cannot write its plan ends its workload", .timeLimit(.minutes(25)))
    func fullRuntimeDirectory() throws {
        let sallyport = try Sallyport()
        let mount = try HostMount(at: sallyport.runtime)
        chmod(sallyport.runtime, 0o711)
        #expect(try sallyport.run(profile: "strict-rlimit", ["true"]).code == 0)
        #expect(try sallyport.command(["sweep"]).run().code == 0)
        // One page stays: enough for state.json and not for the plan.
        let filler = try Command(
            "/bin/sh",
            ["-c", "cd \"$0\" && dd if=/dev/zero of=filler bs=4096 2>/dev/null; truncate -s -4096 filler", mount.path]
        ).run()
        #expect(filler.code == 0, "\(filler.errorText)")
        let run = try sallyport.run(
            profile: "strict-rlimit", deadline: .seconds(20), ["/bin/sh", "-c", "echo ready; sleep 1000"])
        #expect(run.code == 125, "\(run.errorText)")
        #expect(run.errorText.contains("ENOSPC"), "\(run.errorText)")
        let session = try #require(names("\(sallyport.runtime)/sessions").first)
        #expect(HostIds.base(of: session) == nil)
        #expect(names("\(sallyport.runtime)/sessions/\(session)").contains("state.json"), "control: it came so far")
    }
}
