// SPDX-License-Identifier: Apache-2.0
import Documents
import TestSupport
import Testing

/// kill -9 of each of our processes, and of the workload, at random moments of start, run and stop.
@Suite("crash at random moments", .requires(.root), .serialized)
struct CrashKillTests {
    /// Blows inside each phase: 18 in all, or 216 in the long form.
    private static var blows: Int { isLongForm ? 72 : 6 }

    @Test(
        "whoever is killed, one sweep leaves nothing", .timeLimit(.minutes(isLongForm ? 20 : 3)),
        arguments: CrashPhase.allCases)
    func kill(phase: CrashPhase) throws {
        var moments = CrashMoments()
        print("crash at random moments, \(phase.rawValue): SALLYPORT_CRASH_SEED=\(moments.seed)")
        var scene = try CrashScene()
        // The first session also builds template and filters; the next one shows how long a phase takes.
        _ = try CrashBlow.windows(scene)
        #expect(try scene.sweep().code == 0)
        let windows = try CrashBlow.windows(scene)
        var inside = 0
        var missed = 0
        var missedInARow = 0
        while inside < Self.blows && missed <= 4 * Self.blows {
            // A fresh host every other round: its first session also builds template and filters.
            if inside % (2 * phase.victims.count) == 0 { scene = try CrashScene() }
            #expect(try scene.sweep().code == 0)
            let before = try scene.tree()
            let blow = CrashBlow(
                scene: scene, phase: phase, victim: phase.victims[inside % phase.victims.count],
                // Some live only for a part of the phase, and the machine may have become faster: closer from miss to miss.
                delay: Int.random(in: 0...(windows[phase] >> missedInARow), using: &moments))
            guard let aftermath = try blow.strike(), !Self.wasOver(blow, aftermath) else {
                missed += 1
                missedInARow += 1
                continue
            }
            inside += 1
            missedInARow = 0
            try Self.judge(blow, aftermath)
            #expect(try scene.tree() == before, "the caller's tree")
        }
        print("crash at random moments, \(phase.rawValue): \(inside) inside, \(missed) outside; windows \(windows)")
        #expect(inside == Self.blows, "blows that fell inside the phase")
    }

    /// A supervisor that had nothing left to do but leave the kernel: it takes a signal, and still ends as it had said.
    private static func wasOver(_ blow: CrashBlow, _ aftermath: CrashBlow.Aftermath) -> Bool {
        blow.victim == .supervisor && aftermath.finished.code == 0
    }

    private static func judge(_ blow: CrashBlow, _ aftermath: CrashBlow.Aftermath) throws {
        let scene = blow.scene
        let context = Comment(
            rawValue: "\(blow.victim.rawValue) killed \(blow.delay) us into \(blow.phase.rawValue), session "
                + "\(aftermath.residue.session): \(aftermath.outcome), \(aftermath.finished.ending), \(aftermath.finished.errorText)"
        )
        let kept = try scene.keptChanges(aftermath.residue.session)
        if let kept { #expect(kept.code == 0, "\(kept.errorText)\(context)") }
        switch blow.victim {
        case .supervisor: #expect(aftermath.finished.ending == .signalled(9), context)
        case .caller:
            #expect(aftermath.finished.ending == .signalled(9), context)
            #expect(aftermath.outcome == "exited" && aftermath.result?["exit_code"] == .int(0), context)
            #expect(kept != nil, context)
        case .collector:
            // The set is whole or absent, and an absent one is told by the exit status.
            #expect(aftermath.finished.code == (kept == nil ? 125 : 0), context)
            #expect(aftermath.result?["changes_lost"] == .bool(kept == nil), context)
        case .initProcess, .workload, .gateway: judgeEnd(blow, aftermath, context)
        }
        // All but a killed supervisor clean up by themselves and leave the record only.
        if blow.victim != .supervisor {
            #expect(aftermath.residue.found(scene.sallyport, keepsRecord: true) == [], context)
        }
        let sweep = try scene.sweep()
        #expect(sweep.code == 0, "\(sweep.errorText)\(context)")
        #expect(aftermath.residue.found(scene.sallyport) == [], context)
        if let after = try scene.keptChanges(aftermath.residue.session) {
            #expect(after.code == 0, "\(after.errorText)\(context)")
        }
    }

    /// A session whose pid 1, workload or gateway was killed says so, by outcome and exit status.
    private static func judgeEnd(_ blow: CrashBlow, _ aftermath: CrashBlow.Aftermath, _ context: Comment) {
        let code = aftermath.finished.code ?? -1
        switch (blow.phase, blow.victim) {
        case (.run, .gateway): #expect(aftermath.outcome == "killed" && code == 125, context)
        case (.run, _): #expect(aftermath.outcome == "signalled" && code == 137, context)
        case (.start, _):
            let asFailed = aftermath.outcome == "setup_failed" && code == 125
            let asKilled = ["signalled", "killed"].contains(aftermath.outcome) && (code == 137 || code == 125)
            #expect(asFailed || asKilled, context)
        case (.stop, _):
            // The workload may have ended by itself an instant before.
            let asExited = aftermath.outcome == "exited" && code == 0
            let asKilled = ["signalled", "killed"].contains(aftermath.outcome) && (code == 137 || code == 125)
            #expect(asExited || asKilled, context)
        }
    }
}
