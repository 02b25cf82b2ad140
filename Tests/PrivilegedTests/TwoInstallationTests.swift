// SPDX-License-Identifier: Apache-2.0
import Documents
import TestSupport
import Testing

/// Two installations on one kernel that share user ids and nothing else: each with a /run of its own.
@Suite("two installations", .timeLimit(.minutes(25)))
struct TwoInstallationTests {
    /// A session that says its ids and waits for a word.
    private func start(_ operation: Sallyport) throws -> Running {
        let run = operation.runCommand(
            profile: "strict", record: operation.home.at("record.json"),
            ["sh", "-c", "cat /proc/self/uid_map; read end"])
        var command = Command(
            "/usr/bin/unshare",
            [
                "--mount", "/bin/sh", "-c", "mount -t tmpfs none /run && exec \"$0\" \"$@\"", run.path,
            ] + run.arguments)
        command.environment = run.environment
        return try command.start()
    }

    @Test("no two of them give the same ids to two sessions that live at once", .requires(.root))
    func blocks() throws {
        let operations = try (0..<3).map { _ in try Sallyport() }
        let sessions = try operations.map { try start($0) }
        let maps = try sessions.map { try #require(try $0.line()) }
        #expect(Set(maps).count == sessions.count, "\(maps)")
        for (number, session) in sessions.enumerated() {
            session.closeInput()
            // read(1) at the end of input: the session's own way to end.
            #expect(try session.finish().ending == .exited(1), "\(number)")
        }
    }
}
