// SPDX-License-Identifier: Apache-2.0
import Documents
import Policy
import Testing

@Suite("lint")
struct LintTests {
    struct Flaw: Sendable, CustomTestStringConvertible {
        var lines: String
        var finding: String
        var testDescription: String { finding }
        init(_ lines: String, _ finding: String) {
            self.lines = lines
            self.finding = finding
        }
    }

    static let errors: [Flaw] = [
        .init(
            "filesystem: {deny: [/workspace/a], writable: [/workspace, /workspace/a]}",
            "filesystem.writable[1] is /workspace/a and can never hold: the same path is also denied"),
        .init(
            "filesystem: {workspace: read-only}",
            "filesystem.writable[0] is /workspace and can never hold: filesystem.workspace is read-only"),
        .init(
            "filesystem: {read_only: [/usr, /tmp]}",
            "filesystem.writable[1] is /tmp and can never hold: the same path is also read-only"),
        .init(
            "filesystem: {deny: [/etc]}",
            "filesystem.read_only[1] is /etc and can never hold: the same path is also denied"),
        .init(
            "filesystem: {writable: [/usr/local]}",
            "filesystem.writable[0] is /usr/local, in a tree that is read-only for every sandbox"),
        .init("filesystem: {read_only: [/]}", "filesystem.read_only[0] is the whole tree"),
        .init("filesystem: {writable: [/]}", "filesystem.writable[0] is the whole tree"),
        .init(
            "filesystem: {read_only: [/proc]}", "filesystem.read_only[0] is /proc, which Sallyport itself decides about"
        ),
        .init(
            "filesystem: {read_only: [/sys/fs]}",
            "filesystem.read_only[0] is /sys/fs, which Sallyport itself decides about"),
        .init(
            "filesystem: {read_only: [/run]}", "filesystem.read_only[0] is /run, which Sallyport itself decides about"),
        .init(
            "filesystem: {read_only: [/run/docker.sock]}",
            "filesystem.read_only[0] is /run/docker.sock, a socket that commands the host: "
                + "read-only does not stop a connect"),
        .init(
            "filesystem: {read_only: [/opt]}",
            "filesystem.read_only[0] is /opt, which does not exist in rootfs \"host\""),
        .init(
            "filesystem: {read_only: [/etc], deny: [/usr]}",
            "filesystem.deny[0] is /usr, but no program starts without /usr"),
        .init("syscalls: {deny: [execve]}", "syscalls.deny[0] is \"execve\", which the start of every sandbox needs"),
        .init(
            "syscalls: {allow_groups: []}",
            "syscalls.allow_groups does not hold \"default\", so that no program could start"),
        .init("limits: {pids: 3}", "limits.pids is 3, too small for pid 1, a shell and its command"),
        .init("limits: {open_files: 15}", "limits.open_files is 15, too small for a shell with pipes"),
        .init("limits: {wall: 0s}", "limits.wall is 0s, too small for anything to happen"),
        .init(
            "environment: {pass: [LD_PRELOAD]}",
            "environment.pass[0] is \"LD_PRELOAD\": the caller's value would decide what programs inside load or run"),
    ]

    @Test("a rule that can never hold is an error, and no session starts with it", arguments: errors)
    func error(_ c: Flaw) throws {
        let text = ProfileFixtures.overStrict(c.lines)
        let findings = try ProfileFixtures.resolve(text).lint()
        #expect(findings.contains { $0.severity == .error && $0.message == c.finding }, "\(findings)")
        #expect(findings.allSatisfy { $0.place.line > 0 })
        let refusal = #expect(throws: PolicyError.self) { try ProfileFixtures.load(text) }
        #expect(refusal?.message == findings.first?.message)
    }

    static let warnings: [Flaw] = [
        .init(
            "environment: {set: {LD_PRELOAD: /x}}",
            "environment.set.LD_PRELOAD makes programs inside load or run something"),
        .init("environment: {set: {API_KEY: dummy}}", "environment.set.API_KEY is a name that credentials go by"),
        .init("syscalls: {deny: [mount]}", "syscalls.deny[0] is \"mount\", which no group allows"),
        .init(
            "limits: {memory: 512MiB}",
            "limits.memory is 512MiB, less than tmp, shm, workspace_bytes and 64MiB together, 896MiB: "
                + "where the workspace lies in memory a full one ends the session"),
        .init(
            "limits: {workspace: unmetered}",
            "limits.workspace is unmetered: a task can fill the disk its workspace lies on"),
    ]

    @Test("a doubtful choice is a warning, and the profile loads", arguments: warnings)
    func warning(_ c: Flaw) throws {
        let profile = try ProfileFixtures.load(ProfileFixtures.overStrict(c.lines))
        #expect(profile.lint().map { $0.message } == [c.finding])
        #expect(profile.lint().first?.place.description == "p.yaml:4")
    }

    @Test(
        "knows the names credentials go by",
        arguments: [
            "TOKEN", "GH_TOKEN", "npm_token", "AWS_REGION", "GITHUB_ACTOR", "ANTHROPIC_API_KEY", "APIKEY",
            "DB_PASSWORD",
            "SECRET_SAUCE", "SSH_AUTH_SOCK", "SESSION_COOKIE", "SSH_KEYS",
        ])
    func credentials(name: String) { #expect(EnvironmentPolicy.looksLikeCredential(name)) }

    @Test(
        "and leaves ordinary names alone",
        arguments: ["LANG", "TERM", "CI", "KEYBOARD_LAYOUT", "HOME", "PATH", "MAKEFLAGS", "TZ"])
    func ordinaryNames(name: String) { #expect(!EnvironmentPolicy.looksLikeCredential(name)) }
}
