// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import LinuxSystem
import Testing

@testable import Changes

/// Each test runs its body in a forked child, which has one thread, and reads the child's exit status.
@Suite("confinement of applying", .serialized)
struct ConfinementTests {
    /// What the child found: 0 as expected, anything else the line of the first check that failed.
    private func child(_ body: () throws -> Int32) throws -> Int32 {
        // Swift hides fork because most processes cannot use it well; this child ends with _exit. fork(2)
        typealias Fork = @convention(c) () -> Int32
        let symbol = try #require(dlsym(nil, "fork"))
        let pid = unsafeBitCast(symbol, to: Fork.self)()
        if pid == 0 {
            alarm(20)
            do { _exit(try body()) } catch { _exit(99) }
        }
        var status: Int32 = 0
        guard waitpid(pid, &status, 0) == pid else { throw Errno(errno) }
        return status & 0x7F == 0 ? (status >> 8) & 0xFF : -(status & 0x7F)
    }

    @Test("applies a set inside the tree, and reaches nothing else")
    func apply() throws {
        let s = try ApplyTests.mixed()
        let set = try s.collect()
        let workspace = try Directory.open(s.lower)
        let outside = "\(s.path)/outside"
        try s.file(outside, "outside")
        try s.check(chmod(s.path, 0o755))
        let owner: uid_t = geteuid() == 0 ? 4242 : geteuid()
        if geteuid() == 0 { #expect(system("chown -R 4242:4343 '\(s.lower)'") == 0) }
        let number = workspace.fd.number
        #expect(s.text(outside) == "outside")
        let result = try child {
            try Confinement.forApply(readable: [], writable: number)
            if open(outside, O_RDONLY) >= 0 || errno != EACCES { return 1 }
            if open("\(s.path)/new", O_WRONLY | O_CREAT, 0o600) >= 0 || errno != EACCES { return 2 }
            if socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0) >= 0 || errno != EPERM { return 3 }
            if programError() != EPERM { return 4 }
            if geteuid() != owner { return 5 }
            if geteuid() != 0 && setuid(0) == 0 { return 6 }
            let report = try Applier.apply(
                set, to: Directory(owning: Descriptor(owning: dup(number)), path: "."),
                options: ApplyOptions(umask: 0o022))
            return report.conflicts.isEmpty && report.left.isEmpty ? 0 : 7
        }
        #expect(result == 0)
        #expect(try s.tree(s.lower) == ApplyTests.result)
        #expect(s.status("\(s.lower)/new/deep/file")?.st_uid == owner)
    }

    @Test("shows a set with the tree readable, and can write nowhere")
    func show() throws {
        let s = try Scratch()
        try s.file("\(s.lower)/f", "one\n")
        try s.file("\(s.upper)/f", "two\n")
        let set = try s.collect()
        let lower = try Directory.open(s.lower)
        let number = lower.fd.number
        try s.check(chmod(s.path, 0o777))
        try s.check(chmod(s.lower, 0o777))
        let result = try child {
            try Confinement.forApply(readable: [number], writable: nil, runAs: number)
            for path in ["\(s.lower)/new", "\(s.path)/new"] {
                if open(path, O_WRONLY | O_CREAT, 0o600) >= 0 || errno != EACCES { return 1 }
            }
            var text = ""
            let tree = Directory(owning: Descriptor(owning: dup(number)), path: ".")
            try ChangeReport(set, against: tree).write { text += $0 }
            return text.contains("-one\n+two\n") ? 0 : 2
        }
        #expect(result == 0)
    }

    @Test("a collector that kept more than the right to read is refused, one that did not collects")
    func collect() throws {
        let s = try Scratch()
        try s.file("\(s.lower)/f", "one")
        try s.file("\(s.upper)/f", "two")
        try s.check(chmod(s.path, 0o777))
        let (mount, lower) = (open("\(s.path)/t", O_RDONLY), open(s.lower, O_RDONLY))
        let output = open("\(s.path)/sets/out", O_WRONLY | O_CREAT, 0o600)
        defer { for fd in [mount, lower, output] { close(fd) } }
        let result = try child {
            guard sp_prctl(PR_SET_NO_NEW_PRIVS, 1, 0) == 0, sp_drop_capabilities() == 0 else { return 1 }
            try Confinement.forCollect(readable: [mount, lower])
            if open("\(s.path)/sets/out", O_RDONLY) >= 0 || errno != EACCES { return 2 }
            let collected = try Collector.collect(
                upper: mount, lower: lower, output: output, session: "s1", created: Scratch.later,
                budget: ChangeBudget(bytes: 100))
            return collected.summary.entries == 1 && collected.leftOut == 0 ? 0 : 3
        }
        #expect(result == 0)
        guard geteuid() == 0 else { return }
        let refused = try child {
            guard sp_prctl(PR_SET_NO_NEW_PRIVS, 1, 0) == 0 else { return 1 }
            do throws(ChangeError) { try Confinement.forCollect(readable: [mount, lower]) } catch {
                return error.code == .confinement && error.subject == "drop capabilities" ? 0 : 2
            }
            return 3
        }
        #expect(refused == 0)
    }

    @Test("without a directory whose owner it could become, root is refused", .enabled(if: geteuid() == 0))
    func noOwner() throws {
        let result = try child {
            do throws(ChangeError) { try Confinement.forApply(readable: [], writable: nil) } catch {
                return error.code == .confinement ? 0 : 1
            }
            return 2
        }
        #expect(result == 0)
    }

    @Test("a process with several threads is refused")
    func threads() throws {
        // The test process itself has more than one, which is checked, not assumed.
        try #require(try Directory.open("/proc/self/task").names().count > 1)
        let error = #expect(throws: ChangeError.self) { try Confinement.forApply(readable: [], writable: nil) }
        #expect(error?.code == .confinement)
        #expect(error?.reason.hasSuffix("threads") == true)
    }
}

/// Tries to become another program; returns the error number.
private func programError() -> Int32 {
    var arguments: [UnsafeMutablePointer<CChar>?] = [strdup("true"), nil]
    _ = execv("/bin/true", &arguments)
    return errno
}
