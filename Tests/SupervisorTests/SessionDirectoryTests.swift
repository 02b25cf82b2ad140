// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import Isolation
import LinuxSystem
import Supervisor
import Synchronization
import Testing

/// Whether a session lives, asked by some while others start and take over: nobody's question changes the answer.
@Suite("session directories")
struct SessionDirectoryTests {
    private static let lists = 20_000

    /// Lists over and over, while `other` runs until there were enough lists; how often each was wrong.
    private func contend(
        _ paths: HostPaths, list: @escaping @Sendable (SessionList) throws -> Bool,
        other: @escaping @Sendable () throws -> Bool
    ) async throws -> (list: Int, other: Int) {
        let made = Counter()
        async let wrong = Task.detached {
            var wrong = 0
            while made.value < Self.lists { if try !other() { wrong += 1 } }
            return wrong
        }.value
        var listed = 0
        while made.value < Self.lists {
            defer { made.add() }
            if try !list(SessionList(paths)) { listed += 1 }
        }
        return (listed, try await wrong)
    }

    @Test("a dead session can be taken over at any moment of any number of lists")
    func takeOver() async throws {
        let paths = try temporaryPaths()
        let id = try SessionDirectory.create(paths).id
        let wrong = try await contend(paths) { list in
            _ = try list.all()
            return true
        } other: {
            try SessionDirectory.adoptDead(id, paths) != nil
        }
        #expect(wrong.other == 0)
        #expect(try SessionList(paths).item(id)?.phase == .dead)
    }

    @Test("one that cannot be read is left out of the list, and said")
    func unreadable() throws {
        let paths = try temporaryPaths()
        let broken = try SessionDirectory.create(paths)
        let whole = try SessionDirectory.create(paths)
        try whole.write("state.json", .object([.init("started", 1)]))
        try #require(symlink("/etc/passwd", "\(paths.sessions)/\(broken.id)/state.json") == 0)
        var told: [SessionID] = []
        let items = try SessionList(paths).all { id, _ in told.append(id) }
        #expect(items.map(\.id) == [whole.id] && told == [broken.id])
    }

    @Test("a supervisor of a number that no process has is none")
    func number() throws {
        let paths = try temporaryPaths()
        let directory = try SessionDirectory.create(paths)
        for number in [1 << 40, -1, 0] {
            try directory.write(
                "state.json", .object([.init("supervisor_pid", .int(number)), .init("supervisor_start", "1")]))
            let error = #expect(throws: SystemError.self) { try SessionList(paths).stop(directory.id, kill: false) }
            #expect(error?.errno == .noSuchProcess)
            var sweep = Sweep(paths, mode: .rootless)
            // Its lock is held, by nobody who could be told from another: it stays.
            _ = try sweep.run()
            #expect(access("\(paths.sessions)/\(directory.id)", F_OK) == 0)
        }
    }

    @Test("a directory whose maker died before it was a session goes with a sweep")
    func unborn() throws {
        let paths = try temporaryPaths()
        #expect(mkdir("\(paths.sessions)/.s-aaaaaaaaaaaa", 0o700) == 0)
        #expect(try SessionList(paths).all().isEmpty)
        var sweep = Sweep(paths, mode: .rootless)
        let report = try sweep.run()
        #expect(report.failures == [])
        #expect(access("\(paths.sessions)/.s-aaaaaaaaaaaa", F_OK) == -1)
    }

    @Test("no list ever takes a session that is being created for a dead one")
    func creation() async throws {
        let paths = try temporaryPaths()
        let wrong = try await contend(paths) { list in
            try list.all().allSatisfy { $0.phase == .running }
        } other: {
            let living = try SessionDirectory.create(paths)
            let phase = try SessionList(paths).item(living.id)?.phase
            // Gone before its lock is free, so that no list may see it dead.
            try living.remove(from: paths)
            return phase == .running
        }
        #expect(wrong.list == 0)
        #expect(wrong.other == 0)
    }
}

extension SessionDirectory {
    fileprivate borrowing func remove(from paths: HostPaths) throws {
        let hidden = "\(paths.sessions)/.gone"
        guard rename("\(paths.sessions)/\(id)", hidden) == 0, unlink(hidden + "/lock") == 0, rmdir(hidden) == 0 else {
            throw POSIXFailure(code: errno)
        }
    }
}

private struct POSIXFailure: Error { let code: Int32 }

private final class Counter: Sendable {
    private let count = Atomic(0)
    var value: Int { count.load(ordering: .acquiring) }
    func add() { count.add(1, ordering: .releasing) }
}

extension SessionList {
    /// All of them, none of which may be unreadable.
    fileprivate func all() throws -> [Item] { try all { Issue.record("\($0): \($1)") } }
}
