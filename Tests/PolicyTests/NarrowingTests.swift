// SPDX-License-Identifier: Apache-2.0
import Documents
import Policy
import Testing

@Suite("narrowing")
struct NarrowingTests {
    private func apply(_ lines: String, to profile: Profile? = nil) throws(PolicyError) -> Profile {
        let base = if let profile { profile } else { try ProfileFixtures.strict() }
        return try base.narrowed(file: "project.yaml", bytes: Array(("version: 1\nreason: less\n" + lines + "\n").utf8))
    }

    @Test("a project's file takes away")
    func narrower() throws {
        let profile = try apply(
            """
            filesystem: {writable: [/workspace/src, /tmp], deny: [/workspace/src/secret], workspace: read-write}
            syscalls: {deny: [socket]}
            environment: {pass: [LANG]}
            limits: {pids: 64, memory: 1GiB, wall: 5m}
            egress: {direct_ip: prohibit}
            """)
        #expect(profile.limits.pids == 64)
        #expect(profile.limits.memoryBytes == 1 << 30)
        #expect(profile.limits.openFiles == 1024)
        #expect(profile.environment.pass == ["LANG"])
        #expect(profile.filesystem.decide(try RulePath("/workspace/x")).access == .denied)
        #expect(profile.filesystem.decide(try RulePath("/workspace/src/x")).access == .writable)
        #expect(profile.filesystem.decide(try RulePath("/workspace/src/secret")).access == .denied)
        #expect(profile.syscalls.filter.evaluate("socket", [1, 1, 0]) == .notify)
        #expect(profile.origins["limits.pids"]?.description == "project.yaml:6")
    }

    @Test(
        "the first key that would give more is an error that names it",
        arguments: [
            ("extends: [build]", "extends names another profile"),
            ("rootfs: debian", "rootfs is another than \"host\""),
            ("landlock: waived\nlandlock_reason: x", "landlock is waived"),
            ("limits: {pids: 257}", "limits.pids is 257, more than 256"),
            ("limits: {egress_bytes: 2GiB}", "limits.egress_bytes is 2GiB, more than 1GiB"),
            ("limits: {egress_bytes: unlimited}", "limits.egress_bytes is unlimited, more than 1GiB"),
            ("limits: {wall: 31m}", "limits.wall is 31m, more than 30m"),
            ("limits: {cpu: 2.001}", "limits.cpu is 2.001, more than 2.0"),
            ("limits: {enforcement: rlimit}", "limits.enforcement is rlimit, more than cgroup"),
            ("limits: {workspace: unmetered}", "limits.workspace is unmetered, more than metered"),
            (
                "syscalls: {allow_groups: [default, debug-own-children]}",
                "syscalls.allow_groups adds \"debug-own-children\""
            ),
            ("environment: {pass: [CI]}", "environment.pass adds \"CI\""),
            ("environment: {set: {CI: \"1\"}}", "environment.set sets \"CI\""),
            (
                "filesystem: {writable: [/workspace, /tmp, /usr/local]}",
                "filesystem.writable makes /usr/local writable where it is read-only"
            ),
            ("filesystem: {read_only: [/usr, /opt]}", "filesystem.read_only makes /opt read-only where it is denied"),
            ("egress: {rules: [{host: a.example, reason: x}]}", "egress.rules opens port 443 of a.example"),
        ])
    func wider(lines: String, message: String) {
        let error = #expect(throws: PolicyError.self) { try apply(lines) }
        #expect(
            error?.message == "\(message), and a project's own file may only narrow profile \"strict\"")
        #expect(error?.file == "project.yaml")
        #expect((error?.line ?? 0) >= 3)
    }

    @Test("leaving out a narrower rule is widening too")
    func omission() throws {
        let base = try ProfileFixtures.load(
            ProfileFixtures.overStrict("filesystem: {read_only: [/usr, /etc, /workspace/.git], deny: [/workspace/d]}"))
        let error = #expect(throws: PolicyError.self) { try apply("filesystem: {read_only: [/usr, /etc]}", to: base) }
        #expect(
            error?.message == "filesystem.writable makes /workspace/.git writable where it is read-only, "
                + "and a project's own file may only narrow profile \"p\"")
        let inner = #expect(throws: PolicyError.self) {
            try apply("filesystem: {writable: [/workspace, /workspace/d/x]}", to: base)
        }
        #expect(
            inner?.message.hasPrefix("filesystem.writable makes /workspace/d/x writable where it is denied") == true)
        let kept = try apply("filesystem: {deny: []}", to: base)
        #expect(kept.filesystem.decide(try RulePath("/workspace/d/x")).access == .denied)
    }

    @Test("a read-only workspace cannot be made writable again")
    func review() throws {
        let review = try Profile.load(name: "review", source: ProfileFixtures.source())
        let error = #expect(throws: PolicyError.self) { try apply("filesystem: {workspace: read-write}", to: review) }
        #expect(error?.message.hasPrefix("filesystem.workspace is read-write") == true)
    }
}
