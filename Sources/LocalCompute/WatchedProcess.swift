// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem

/// A process by its pidfd: it can be waited on and signalled, and never be mistaken for another.
final class WatchedProcess {
    private let pidfd: Descriptor
    private var isOver = false
    /// Of a child that exited; nil for one that a signal ended, and for what is no child.
    private(set) var exitStatus: Int32?

    /// Readable from the process's end on. pidfd_open(2)
    var number: Int32 { pidfd.number }

    private init(_ pidfd: consuming Descriptor) { self.pidfd = pidfd }

    deinit { _ = reap() }

    /// Starts a program that leads a process session of its own and lives on without this process.
    ///
    /// - Parameter descriptors: Becomes 0, 1, 2 and so on of the program, which has no other; nil is /dev/null.
    static func detached(
        _ path: String, _ arguments: [String], environment: [String], descriptors: [Int32?]
    ) throws(SystemError) -> WatchedProcess {
        let child = try DetachedProcess.start(
            path, arguments, environment: environment, descriptors: descriptors)
        // It is our child and not waited for, so its id is no other's.
        return WatchedProcess(
            Descriptor(owning: Int32(try checked("watch", "process \(child)") { sp_pidfd_open(child) })))
    }

    /// A process that an earlier one of us started; nil when it is gone.
    static func find(_ process: SessionProcess) throws(SystemError) -> WatchedProcess? {
        guard try process.isOfThisBoot() else { return nil }
        guard let pidfd = try KnownProcess(pid: process.pid, start: process.start).open() else { return nil }
        return WatchedProcess(pidfd)
    }

    /// Whether it has ended; it is waited for then, if it is a child, whichever of us started it.
    func reap() -> Bool {
        if isOver { return true }
        guard sp_poll_one(number, Int16(POLLIN), 0) > 0 else { return false }
        isOver = true
        var code: Int32 = 0
        var status: Int32 = 0
        // CLD_EXITED; what is no child is another's to wait for (ECHILD).
        if sp_wait_pidfd(number, &code, &status) >= 0, code == 1 { exitStatus = status }
        return true
    }

    func signal(_ number: Int32) throws(SystemError) {
        let fd = self.number
        let result = sp_pidfd_signal(fd, number, 0)
        if result != -Int(ESRCH) { try checked("signal", "a session's process") { result } }
    }
}

/// A session's process as it named itself.
struct SessionProcess {
    let pid: Int32
    /// Its start time in clock ticks, and the boot that they count from.
    let start: String
    let boot: String

    func isOfThisBoot() throws(SystemError) -> Bool {
        try procText("/proc/sys/kernel/random/boot_id").first.map(String.init) == boot
    }

    /// A process that is left of the session whose leader this was; nil when there is none.
    ///
    /// As long as one is left, the kernel gives the leader's number to nobody else. pid_namespaces(7), setsid(2)
    func members() throws(SystemError) -> WatchedProcess? {
        guard try isOfThisBoot() else { return nil }
        let proc = try Directory.open("/proc")
        // The number has been given to another: then nobody was left.
        if let now = try Self.startTime(pid), now != start { return nil }
        for name in try proc.names() {
            guard let member = Int32(String(decoding: name, as: UTF8.self)), member != pid,
                getsid(member) == pid, let found = try Self.member(member, of: pid)
            else { continue }
            return found
        }
        return nil
    }

    /// Nil when there is no such process.
    private static func startTime(_ pid: Int32) throws(SystemError) -> String? {
        do throws(SystemError) { return try processStartTime(pid) } catch {
            if error.errno == .noEntry || error.errno == .noSuchProcess { return nil }
            throw error
        }
    }

    private static func member(_ member: Int32, of leader: Int32) throws(SystemError) -> WatchedProcess? {
        let opened = sp_pidfd_open(member)
        if opened == -Int(ESRCH) || opened == -Int(EINVAL) { return nil }
        let pidfd = Descriptor(owning: Int32(try checked("watch", "process \(member)") { opened }))
        guard getsid(member) == leader, let start = try startTime(member), try processRuns(member, start: start) else {
            return nil
        }
        return WatchedProcess(owning: pidfd)
    }
}

extension WatchedProcess {
    /// A process that is no child of ours.
    convenience init(owning pidfd: consuming Descriptor) { self.init(pidfd) }
}
