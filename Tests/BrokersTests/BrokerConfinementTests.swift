// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import LinuxSystem
import TestSupport
import Testing

@testable import Brokers

/// What a connection's process may still do once it is known what is asked, in a tree like the broker's own.
@Suite("narrowing of a git broker", .timeLimit(.minutes(25)))
struct BrokerConfinementTests {
    private static let landlock = HostNeed("landlock") { sp_landlock_abi() >= 1 }

    /// Like that of `BrokerView`. Made outside of the exit test, which could not take it away again.
    private static func tree() throws -> Scratch {
        let scratch = try Scratch()
        for name in ["usr", "etc", "dev", "run", "workspace", "workspace/objects", "workspace/refs"] {
            try scratch.directory(name)
            try scratch.file("\(name)/file", "text")
        }
        return scratch
    }

    /// Such a tree, entered for good: call only in an exit test.
    private struct Tree {
        let root: String

        init(_ root: String, _ purpose: BrokerConfinement.Purpose?) throws {
            self.root = root
            try #require(sp_prctl(PR_SET_NO_NEW_PRIVS, 1, 0) >= 0)
            let confinement = BrokerConfinement(root: root)
            try confinement.enterFiles(waived: false)
            if let purpose { try confinement.narrow(to: purpose) }
        }

        func can(read name: String) -> Bool { opens(name, O_RDONLY) }
        func can(write name: String) -> Bool { opens(name, O_WRONLY) }

        private func opens(_ name: String, _ flags: Int32) -> Bool {
            let result = sp_open("\(root)/\(name)/file", flags, 0)
            if result >= 0 { _ = sp_close(Int32(result)) }
            return result >= 0
        }

        /// The places that can be read, and those that can be written.
        var rights: [[String]] {
            let all = ["usr", "etc", "dev", "run", "workspace", "workspace/objects", "workspace/refs"]
            return [all.filter { can(read: $0) }, all.filter { can(write: $0) }]
        }
    }

    @Test("the broker itself", .requires(landlock))
    func broker() async throws {
        let scratch = try Self.tree()
        defer { extendLifetime(scratch) }
        await #expect(processExitsWith: .success) { [root = scratch.path as String] in
            let tree = try Tree(root, nil)
            let all = ["usr", "etc", "dev", "run", "workspace", "workspace/objects", "workspace/refs"]
            #expect(tree.rights == [all, ["dev", "workspace/objects", "workspace/refs"]])
            #expect(sp_open("/etc/passwd", O_RDONLY, 0) == -Int(EACCES))
        }
    }

    @Test("a fetch writes nothing", .requires(landlock))
    func fetch() async throws {
        let scratch = try Self.tree()
        defer { extendLifetime(scratch) }
        await #expect(processExitsWith: .success) { [root = scratch.path as String] in
            let tree = try Tree(root, .fetch)
            let all = ["usr", "etc", "dev", "run", "workspace", "workspace/objects", "workspace/refs"]
            #expect(tree.rights == [all, ["dev"]])
        }
    }

    @Test("a look at the references reads two repositories", .requires(landlock))
    func look() async throws {
        let scratch = try Self.tree()
        defer { extendLifetime(scratch) }
        await #expect(processExitsWith: .success) { [root = scratch.path as String] in
            let tree = try Tree(root, .look)
            BrokerConfinementTests.end(
                tree.rights == [["run", "workspace", "workspace/objects", "workspace/refs"], []])
        }
    }

    @Test("a push writes objects and references, not the repository's configuration", .requires(landlock))
    func push() async throws {
        let scratch = try Self.tree()
        defer { extendLifetime(scratch) }
        await #expect(processExitsWith: .success) { [root = scratch.path as String] in
            let tree = try Tree(root, .push)
            let rights = [
                ["run", "workspace", "workspace/objects", "workspace/refs"], ["workspace/objects", "workspace/refs"],
            ]
            // Neither a new file beside them nor one moved out.
            let made = sp_open("\(tree.root)/workspace/config", O_WRONLY | O_CREAT, 0o644)
            let moved = sp_renameat2(
                AT_FDCWD, "\(tree.root)/workspace/objects/file", AT_FDCWD, "\(tree.root)/workspace/config", 0)
            BrokerConfinementTests.end(
                tree.rights == rights && made == -Int(EACCES) && (moved == -Int(EACCES) || moved == -Int(EXDEV)))
        }
    }

    @Test("a push starts no program: the kernel ends it", .requires(landlock))
    func exec() async throws {
        let scratch = try Self.tree()
        defer { extendLifetime(scratch) }
        await #expect(processExitsWith: .signal(SIGSYS)) { [root = scratch.path as String] in
            _ = try Tree(root, .push)
            _ = BrokerConfinementTests.run("/bin/true")
        }
    }

    @Test("a push starts no process: the kernel ends it", .requires(landlock))
    func fork() async throws {
        let scratch = try Self.tree()
        defer { extendLifetime(scratch) }
        await #expect(processExitsWith: .signal(SIGSYS)) { [root = scratch.path as String] in
            _ = try Tree(root, .push)
            if sp_fork() == 0 { _exit(0) }
        }
    }

    @Test("a look starts no process either", .requires(landlock))
    func lookForks() async throws {
        let scratch = try Self.tree()
        defer { extendLifetime(scratch) }
        await #expect(processExitsWith: .signal(SIGSYS)) { [root = scratch.path as String] in
            _ = try Tree(root, .look)
            if sp_fork() == 0 { _exit(0) }
        }
    }

    @Test("a push cannot leave the group by which it is ended", .requires(landlock))
    func session() async throws {
        let scratch = try Self.tree()
        defer { extendLifetime(scratch) }
        await #expect(processExitsWith: .signal(SIGSYS)) { [root = scratch.path as String] in
            _ = try Tree(root, .push)
            _ = setsid()
        }
    }

    @Test("a fetch starts programs, and nothing of them leaves its group", .requires(landlock))
    func group() async throws {
        let scratch = try Self.tree()
        defer { extendLifetime(scratch) }
        await #expect(processExitsWith: .success) { [root = scratch.path as String] in
            _ = try Tree(root, .fetch)
            let child = sp_fork()
            if child == 0 {
                let left = setsid() >= 0 || errno != EPERM || setpgid(0, 0) == 0 || errno != EPERM
                _exit(left ? 1 : 0)
            }
            var status: Int32 = -1
            #expect(sp_reap(Int32(child), &status) == child && status == 0)
        }
    }

    /// Ends an exit test whose process may start no thread any more, which its library would.
    private static func end(_ holds: Bool) -> Never { _exit(holds ? 0 : 1) }

    private static func run(_ path: String) -> Int32 {
        var argv: [UnsafeMutablePointer<CChar>?] = [strdup(path), nil]
        return execv(path, &argv)
    }
}
