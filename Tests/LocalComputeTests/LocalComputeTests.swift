// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import LinuxSystem
import LocalCompute
import Orchestrator
import OrchestratorTesting
import TaskModel
import TestSupport
import Testing

/// Real processes, with a program in the place of `sallyport` that claims its session as `task run` does, and then does what
/// its task says.
private final class LocalWorld: ComputeWorld {
    let scratch: Scratch
    private(set) var local: LocalSandboxCompute
    var strategy: any ComputeStrategy { local }
    var sessions: String { scratch.at("sessions") }

    private static let program = """
        #!/bin/bash
        here=$(dirname "$0")
        if [ "$1" = sweep ]; then echo swept >>"$here/sweeps"; exit "$(cat "$here/sweep-status")"; fi
        while [ $# -gt 0 ]; do case $1 in --session) dir=$2 ;; --task) how=$(cat "${2#@}") ;; --blueprint) [ "$(cat "$2")" = '{}' ] || exit 1 ;; esac; shift; done
        echo started >>"$dir/starts"
        [ "$how" = neverStarts ] && exit 1
        [ -e "$dir/begun.json" ] && exit 1
        say() { printf '%s' "$1" >"$dir/.$2" && mv "$dir/.$2" "$dir/$2"; }
        start=$(awk '{ print $22 }' "/proc/$$/stat")
        say '{"version":1,"pid":'$$',"start":"'"$start"'","boot":"'"$(cat /proc/sys/kernel/random/boot_id)"'"}' begun.json
        interrupted='{"version":1,"report":{"outcome":"interrupted","success":false,"reason":"no_result"}}'
        case $how in
            succeeds) say '{"version":1,"report":{"outcome":"verified","success":true,"reason":"done"}}' end.json ;;
            refuses) say '{"version":1,"error":{"code":null,"message":"because"}}' end.json; exit 125 ;;
            garbled) printf 'no JSON' >"$dir/end.json" ;;
            asks)
                echo '{"version":1,"seq":1,"fact":"budget_warning","source":"observed","payload":{"percent":80}}' >>"$dir/news.jsonl"
                question='{"act":"push","subject":"refs/heads/x","facts":{"commit":"c0ffee"}}'
                echo '{"version":1,"seq":2,"question":'"$question"',"id":"q1","severity":"medium","timeout_s":null}' >>"$dir/news.jsonl"
                exec 5< <(exec tail -n +1 -F "$dir/answers/q1.json" 2>/dev/null 3>&-)
                waiting=$!
                read -r answer <&5
                kill "$waiting"
                decision=$(printf '%s' "$answer" | sed 's/.*"decision":"\\([a-z_]*\\)".*/\\1/')
                say '{"version":1,"report":{"outcome":"not_approved","success":false,"reason":"'"$decision"'"}}' end.json ;;
            vanishes) exit 0 ;;
            runs) trap 'say "$interrupted" end.json; exit 1' TERM; mkfifo "$dir/wait"; read line <>"$dir/wait" ;;
            stubborn) trap '' TERM; mkfifo "$dir/wait"; read line <>"$dir/wait" ;;
            leaves) (trap '' TERM; mkfifo "$dir/wait"; exec sleep 300 3>&-) & wait ;;
        esac
        """

    init() throws {
        scratch = try Scratch()
        try scratch.directory("bin")
        try scratch.file("bin/sallyport", Self.program, mode: 0o755)
        try scratch.file("bin/sweep-status", "0")
        local = try Self.make(scratch)
    }

    private static func make(_ scratch: Scratch) throws -> LocalSandboxCompute {
        try LocalSandboxCompute(
            directory: scratch.at("sessions"), programs: scratch.at("bin"), environment: ["PATH=/usr/bin:/bin"])
    }

    deinit {
        for name in names(sessions) {
            do {
                if let pid = pid(name), try processRuns(pid, start: number("start", name)) { kill(-pid, SIGKILL) }
                // Nobody else does: the program that it was started by lives on.
                if let pid = pid(name) { waitpid(pid, nil, 0) }
            } catch {}
        }
    }

    /// What a new process of the control plane has.
    func restart() throws { local = try Self.make(scratch) }

    func pid(_ session: String) -> Int32? { Int32(number("pid", session)) }

    /// Digits of a member of what a session said first; empty when it said nothing.
    private func number(_ name: String, _ session: String) -> String {
        guard let text = text("\(sessions)/\(session)/begun.json"), let at = text.firstRange(of: "\"\(name)\":") else {
            return ""
        }
        return String(text[at.upperBound...].drop { $0 == "\"" }.prefix { $0.isNumber })
    }

    func start(_ session: String, command: String) throws -> SessionStart {
        SessionStart(
            session: session, task: "t", attempt: 1,
            request: try TaskRequest([.repository: "team/library", .task: command]),
            blueprint: StoredBlueprint(text: "{}", digest: ""))
    }

    func start(_ session: String, _ story: SessionStory) throws -> SessionStart {
        try start(session, command: story.rawValue)
    }

    func waitForEnd(_ handle: SessionHandle) throws {
        // Between its start and its first word nobody knows who it is.
        if try strategy.changeDescriptor(handle) == nil {
            try waitForChange(in: "\(sessions)/\(handle.session)") { try strategy.changeDescriptor(handle) != nil }
        }
        let descriptor = try #require(try strategy.changeDescriptor(handle))
        try #require(sp_poll_one(descriptor, Int16(POLLIN), 30_000) > 0)
    }

    func waitForNews(_ handle: SessionHandle) throws {
        let descriptor = try #require(try strategy.changeDescriptor(handle))
        try #require(sp_poll_one(descriptor, Int16(POLLIN), 30_000) > 0)
    }

    func waitForBeginning(_ session: String) throws {
        try waitForChange(in: "\(sessions)/\(session)") { names("\(sessions)/\(session)").contains("wait") }
    }

    func starts(of session: String) throws -> Int {
        (text("\(sessions)/\(session)/starts") ?? "").split(separator: "\n").count
    }

    var sweeps: Int { (text(scratch.at("bin/sweeps")) ?? "").split(separator: "\n").count }
}

/// Sessions on this host, by processes that are started, found again, killed and cleared away.
@Suite("local compute", .serialized, .timeLimit(.minutes(25)))
struct LocalComputeTests {
    @Test("does all that a strategy has to do")
    func conformance() throws { try ComputeConformance(try LocalWorld()).all() }

    @Test("a session goes on without whoever started it, and is found by the next one")
    func adopted() throws {
        let world = try LocalWorld()
        let handle = try world.strategy.startSession(try world.start("a-1", .runs))
        try world.waitForBeginning("a-1")
        let pid = try #require(world.pid("a-1"))
        #expect(getsid(pid) == pid && getpgid(pid) == pid)
        try world.restart()
        #expect(try world.strategy.pollSession(handle, after: 0).status == .running)
        #expect(try world.strategy.startSession(try world.start("a-1", .runs)) == handle)
        #expect(world.strategy.stopSession(handle, force: false) == .stopping)
        try world.waitForEnd(handle)
        guard case .completed(let report) = try world.strategy.pollSession(handle, after: 0).status else {
            Issue.record("it said nothing")
            return
        }
        #expect(report.outcome == "interrupted" && !report.isSuccess)
        #expect(world.strategy.stopSession(handle, force: false) == .gone)
        #expect(try world.starts(of: "a-1") == 1)
        // It ended by itself, with its record: there is nothing to sweep.
        #expect(world.sweeps == 0)
    }

    @Test("one that hears no request is killed, and what it may have left is swept before it is gone")
    func stubborn() throws {
        let world = try LocalWorld()
        let handle = try world.strategy.startSession(try world.start("s-1", command: "stubborn"))
        try world.waitForBeginning("s-1")
        #expect(world.strategy.stopSession(handle, force: false) == .stopping)
        #expect(try world.strategy.pollSession(handle, after: 0).status == .running)
        #expect(world.strategy.stopSession(handle, force: true) == .stopping)
        try world.waitForEnd(handle)
        guard case .failed(let failure) = try world.strategy.pollSession(handle, after: 0).status else {
            Issue.record("a killed session is seen otherwise")
            return
        }
        #expect(failure.kind == .lost)
        #expect(world.strategy.stopSession(handle, force: true) == .stopping)
        try world.waitForEnd(handle)
        #expect(world.strategy.stopSession(handle, force: true) == .gone)
        #expect(world.sweeps == 1)
    }

    @Test("a sweep that fails is no end, and is tried again")
    func sweep() throws {
        let world = try LocalWorld()
        try world.scratch.file("bin/sweep-status", "1")
        let handle = try world.strategy.startSession(try world.start("s-1", .vanishes))
        try world.waitForEnd(handle)
        #expect(world.strategy.stopSession(handle, force: false) == .stopping)
        try world.waitForEnd(handle)
        guard case .failed(let error) = world.strategy.stopSession(handle, force: false) else {
            Issue.record("a failed sweep is taken for an end")
            return
        }
        #expect(error.errorClass == .transient)
        try world.scratch.file("bin/sweep-status", "0")
        #expect(world.strategy.stopSession(handle, force: false) == .stopping)
        try world.waitForEnd(handle)
        #expect(world.strategy.stopSession(handle, force: false) == .gone)
    }

    @Test("processes that a dead session's leader left are ended before it is gone")
    func members() throws {
        let world = try LocalWorld()
        let handle = try world.strategy.startSession(try world.start("m-1", command: "leaves"))
        try world.waitForBeginning("m-1")
        let pid = try #require(world.pid("m-1"))
        // One that has ended and that nobody waits for is none.
        func members() -> [Int32] {
            names("/proc").compactMap { Int32($0) }.filter {
                getsid($0) == pid && $0 != pid && statusField($0, "State")?.hasPrefix("Z") == false
            }
        }
        let left = try ProcessWatch(try #require(members().first))
        try #require(kill(pid, SIGKILL) == 0)
        try world.waitForEnd(handle)
        while world.strategy.stopSession(handle, force: true) == .stopping { try world.waitForEnd(handle) }
        try left.waitForEnd(.seconds(1))
        #expect(members().isEmpty && world.sweeps == 1)
    }

    @Test("a program that is not there, is none or may not be run starts nothing")
    func programs() throws {
        let world = try LocalWorld()
        var number = 0
        for (content, mode) in [
            (nil, 0), ("#!/nonexistent\n", 0o755), ("\u{7f}ELF not for this machine", 0o755), ("x", 0o644),
        ]
            as [(String?, UInt32)]
        {
            try #require(unlink(world.scratch.at("bin/sallyport")) == 0 || errno == ENOENT)
            if let content { try world.scratch.file("bin/sallyport", content, mode: mode) }
            number += 1
            let session = "p-\(number)"
            let error = #expect(throws: ComputeError.self) {
                try world.strategy.startSession(try world.start(session, .succeeds))
            }
            #expect(error?.description.contains("bin/sallyport") == true, "\(error.map(\.description) ?? "")")
            let handle = SessionHandle.local(.init(session: session))
            // Another test's process may hold a copy of the lock for the moment between its fork and its exec.
            while world.strategy.stopSession(handle, force: true) == .stopping { sched_yield() }
            #expect(world.strategy.stopSession(handle, force: true) == .gone)
            #expect(try world.starts(of: session) == 0)
        }
    }

    @Test("words that nobody can read are no end")
    func garbled() throws {
        let world = try LocalWorld()
        let handle = try world.strategy.startSession(try world.start("g-1", command: "garbled"))
        try world.waitForEnd(handle)
        #expect(throws: ComputeError.self) { try world.strategy.pollSession(handle, after: 0) }
    }

    @Test("texts of a request become files of the session, and no word is a path")
    func documents() throws {
        let world = try LocalWorld()
        let request = try TaskRequest([
            .repository: "team/library", .task: "@/etc/shadow", .criteria: "- x\n",
        ])
        let start = SessionStart(
            session: "d-1", task: "t", attempt: 1, request: request,
            blueprint: StoredBlueprint(text: "{\"n\":1}", digest: ""))
        let handle = try world.strategy.startSession(start)
        try world.waitForEnd(handle)
        #expect(text(world.sessions + "/d-1/request-task") == "@/etc/shadow")
        #expect(text(world.sessions + "/d-1/request-criteria") == "- x\n")
        #expect(text(world.sessions + "/d-1/blueprint.json") == "{\"n\":1}")
        #expect(status(world.sessions + "/d-1")?.mode == 0o040700)
        #expect(status(world.sessions + "/d-1/request-task")?.mode == 0o100600)
    }

    @Test("errors of the system are told apart by what can be done about them")
    func classes() {
        #expect(LocalSandboxCompute.errorClass(.noSuchProcess) == .gone)
        for errno in [Errno.again, .busy, Errno(ENOMEM), .noSpace] {
            #expect(LocalSandboxCompute.errorClass(errno) == .transient)
        }
        for errno in [Errno.notPermitted, .accessDenied] {
            #expect(LocalSandboxCompute.errorClass(errno) == .permission)
        }
        #expect(LocalSandboxCompute.errorClass(.io) == .unknown)
    }
}
