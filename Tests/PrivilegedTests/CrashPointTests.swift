// SPDX-License-Identifier: Apache-2.0
import Documents
import TestSupport
import Testing

/// The supervisor dies by SIGKILL at each step of the launch plan and of teardown; one sweep then leaves nothing.
@Suite("crash at every fault point", .requires(.root), .serialized)
struct CrashPointTests {
    /// Points that only a session with changes passes, and those behind them.
    private static let afterChangesAreKept: Set<String> = [
        "changes.kept", "cgroup.removed", "ids.released", "result.written",
    ]
    /// Before these the session has taken no ids from the host's table.
    private static let withoutIds: Set<String> = [
        "session.directory", "ids.released", "result.written",
    ]

    @Test("the list holds the steps of start and end, of supervisor and child")
    func names() {
        #expect(CrashPointNames.supervisor.count >= 15)
        #expect(CrashPointNames.child.count >= 50)
        for step in ["maps.wait", "root.pivot", "seccomp", "death_signal"] {
            #expect(CrashPointNames.child.contains(step), "\(step)")
        }
    }

    @Test("one sweep removes all residue", .timeLimit(.minutes(25)), arguments: CrashPointNames.all)
    func sweep(point: String) throws {
        try crash(at: point, changesOnDisk: point == "pool.created")
    }

    /// Changes in a directory of the pool outlive the session's processes, those in memory do not.
    @Test(
        "one sweep removes all residue of a session with changes on disk", .timeLimit(.minutes(25)),
        arguments: CrashPointNames.supervisor)
    func sweepPool(point: String) throws {
        try crash(at: point, changesOnDisk: true)
    }

    private func crash(at point: String, changesOnDisk: Bool) throws {
        let scene = try CrashScene()
        let before = try scene.tree()
        let view = try MountView()
        let mounts = view.mounts
        #expect(mounts.count > 1)
        let profile = changesOnDisk ? try scene.profileWithChangesOnDisk() : "strict"
        let stops = point == "stop.requested"
        var command = scene.command(
            profile: profile, stops ? "sleep 1000" : CrashScene.changing, options: stops ? ["--limit", "wall=1s"] : [])
        command.environment["SALLYPORT_FAULT_POINT"] = point
        let crashed = try view.command(command).run()
        #expect(crashed.ending == .signalled(9), "\(point) was not reached: \(crashed.errorText)")
        let session = try #require(scene.sessions.first, "no session was started: \(crashed.errorText)")
        let residue = CrashResidue(session)
        // The sweep of another operator may have given the block back meanwhile; none must be there before it is taken.
        if Self.withoutIds.contains(point) { #expect(residue.base == nil) }

        let sweep = try scene.sweep()
        #expect(sweep.code == 0, "\(sweep.errorText)")
        #expect(residue.found(scene.sallyport) == [])
        // A mount point that another test removes is unmounted here as well; none may have been added.
        #expect(Set(view.mounts).subtracting(mounts) == [])
        #expect(try scene.tree() == before, "the caller's tree")
        let diff = try scene.keptChanges(session)
        #expect((diff != nil) == Self.afterChangesAreKept.contains(point), "kept changes")
        if let diff {
            #expect(diff.code == 0, "\(diff.errorText)")
            #expect(diff.text.contains("new/file") && diff.text.contains("moved"), "\(diff.text)")
        }
        let again = try scene.sallyport.run(
            profile: profile, workspace: scene.workspace, ["/bin/sh", "-c", CrashScene.changing])
        #expect(again.outcome == "exited" && again.code == 0, "the next session: \(again.errorText)")
    }
}
