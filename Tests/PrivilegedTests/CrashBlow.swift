// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport

/// In which part of a session's life a process is killed.
enum CrashPhase: String, Sendable, CaseIterable {
    /// From the session's directory to the first word of its workload.
    case start
    /// While the workload runs.
    case run
    /// From the request to stop to the supervisor's end.
    case stop

    /// One round of blows. The collector lives only in the last phase.
    var victims: [CrashVictim] {
        switch self {
        case .start, .run: [.supervisor, .initProcess, .caller, .supervisor, .workload, .gateway]
        case .stop: [.supervisor, .collector, .initProcess, .supervisor, .caller, .gateway]
        }
    }
}

/// How long the phases of one undisturbed session take here and now, in microseconds.
struct CrashWindows {
    var start = 0
    let run = 5_000
    var stop = 0

    subscript(phase: CrashPhase) -> Int {
        switch phase {
        case .start: start
        case .run: run
        case .stop: stop
        }
    }
}

/// One session and the kill -9 in it.
struct CrashBlow {
    let scene: CrashScene
    let phase: CrashPhase
    let victim: CrashVictim
    /// Microseconds after the phase began, or after the victim was first seen where that is later.
    let delay: Int

    /// What came of a blow that fell inside its phase.
    struct Aftermath {
        let residue: CrashResidue
        /// How the process that the test started ended: the supervisor, or the shell that called it.
        let finished: Finished
        /// The session's own record; nil where nobody was left to write it.
        let result: JSON?

        var outcome: String { result?["outcome"]?.stringValue ?? "none" }
    }

    /// Makes files for the collector to read, then works until it is told to stop, and takes a while for that.
    static let workload = """
        trap 'n=0; while [ $n -lt 2000 ]; do n=$((n+1)); done; exit 0' TERM
        mkdir out; i=0; while [ $i -lt 200 ]; do echo $i > out/$i; i=$((i+1)); done
        head -c 8000000 /dev/urandom > out/big
        echo ready
        while :; do /bin/true; echo $i > out/again; done
        """

    private var command: Command {
        var command = scene.command(Self.workload)
        if victim == .caller {
            // The shell stays in between: it has something left to do.
            command.arguments = ["-c", "\"$@\"; exit $?", "sh", command.path] + command.arguments
            command.path = "/bin/sh"
        }
        return command
    }

    /// Times an undisturbed session.
    static func windows(_ scene: CrashScene) throws -> CrashWindows {
        let clock = ContinuousClock()
        let running = try scene.command(workload).start()
        guard awaited({ scene.sessions.first }) != nil else { throw HarnessError("no session was started") }
        let started = clock.now
        guard try running.line() == "ready" else {
            throw HarnessError("no workload: \(try running.finish().errorText)")
        }
        let ready = clock.now
        try running.signal(SIGTERM)
        guard try running.finish().code == 0 else { throw HarnessError("the workload did not stop well") }
        func microseconds(_ d: Duration) -> Int {
            Int(d.components.attoseconds / 1_000_000_000_000) + Int(d.components.seconds) * 1_000_000
        }
        return CrashWindows(start: microseconds(ready - started), stop: microseconds(clock.now - ready))
    }

    /// Runs the session and strikes; nil when the phase was over, or the victim not there, when the blow fell.
    func strike() throws -> Aftermath? {
        let running = try command.start()
        guard let session = awaited({ scene.sessions.first }, unless: { CrashTarget(running.pid)?.hasEnded ?? true }),
            let supervisorPid = victim == .caller ? CrashVictim.children(of: running.pid).first : running.pid,
            let supervisor = CrashTarget(supervisorPid)
        else { throw HarnessError("no session was started: \(try running.finish().errorText)") }
        if phase != .start {
            guard try running.line() == "ready" else {
                throw HarnessError("no workload: \(try running.finish().errorText)")
            }
        }
        var base = HostIds.base(of: session)
        if phase == .stop { supervisor.terminate() }
        let pid = awaited(
            { victim.pid(supervisor: supervisorPid, caller: running.pid) }, unless: { supervisor.hasEnded })
        guard let pid, let target = CrashTarget(pid) else { return try miss(running, supervisor) }
        pause(microseconds: delay)
        if base == nil { base = HostIds.base(of: session) }
        let inTime = !supervisor.hasEnded
        let struck = target.kill()
        let residue = CrashResidue(session, base: base)
        // A survivor of the start goes on to its work and is stopped as at any other time.
        if victim == .caller && phase != .stop {
            _ = phase == .start ? try running.line() : nil
            supervisor.terminate()
        }
        let finished = try running.finish()
        try supervisor.waitForEnd()
        guard struck, inTime, phase != .start || victim == .caller || !finished.lines.contains("ready") else {
            return nil
        }
        let record = contents("\(scene.sallyport.runtime)/sessions/\(session)/result.json")
        return Aftermath(
            residue: residue, finished: finished, result: try record.map { try JSON.read($0, file: "result.json") })
    }

    private func miss(_ running: Running, _ supervisor: CrashTarget) throws -> Aftermath? {
        supervisor.terminate()
        _ = try running.finish()
        try supervisor.waitForEnd()
        return nil
    }
}
