// SPDX-License-Identifier: Apache-2.0
internal import Blueprints
internal import CLinux
internal import Delivery
internal import Documents
internal import Glibc
internal import LinuxSystem
internal import TaskModel
internal import Workspace

/// A task as somebody's session: begun once, whoever starts it how often, and over with a word or lost.
///
/// Whoever started this process holds no thread to it: it finds out by the lock, which this process has as descriptor
/// 3 and which the kernel frees with it, and by what stands in the directory.
final class SessionClaim {
    let directory: Directory
    let news: SessionNewsFile
    private let lock: Descriptor

    /// Takes the session over; refuses one that was begun before.
    init(_ path: String) throws(TaskFailure) {
        let claimed = try host { () throws(SystemError) in try Self.claim(path) }
        news = try host { () throws(SystemError) in try SessionNewsFile(claimed.directory) }
        directory = claimed.directory
        lock = claimed.lock
    }

    private struct Claimed: ~Copyable {
        let directory: Directory
        let lock: Descriptor
    }

    private static func claim(_ path: String) throws(SystemError) -> Claimed {
        let directory = try Directory.open(path)
        // It must not live on in what this process starts, which may outlive it.
        try checked("keep", "the session's lock") { sp_set_cloexec(SessionFile.lockDescriptor, 1) }
        let lock = Descriptor(owning: SessionFile.lockDescriptor)
        let named = try directory.status(SessionFile.lock)
        guard try FileStatus.of(lock, subject: "descriptor 3").inode == named.inode else {
            throw SystemError(
                "begin", "session \"\(path)\"", .invalid,
                remedy: "Descriptor 3 is not its lock; leave --session to sallyportd."
            )
        }
        let number = lock.number
        try checked("lock", "session \"\(path)\"") { sp_lock(number) }
        if try directory.contains(SessionFile.begun) {
            throw SystemError(
                "begin", "session \"\(path)\"", .exists, remedy: "It was begun before, and is never begun twice.")
        }
        let boot = try procText("/proc/sys/kernel/random/boot_id").first.map(String.init) ?? ""
        try write(
            SessionFile.begun,
            [
                "version": 1, "pid": .int(Int(getpid())), "start": .string(try processStartTime(getpid())),
                "boot": .string(boot),
            ], in: directory)
        return Claimed(directory: directory, lock: lock)
    }

    /// The last word of a task that ran.
    func end(_ report: SessionReport) throws(TaskFailure) {
        try host { () throws(SystemError) in
            try Self.write(SessionFile.end, ["version": 1, "report": report.json], in: directory)
        }
    }

    /// The last word of a step of a task.
    func end(_ step: StepEnd) throws(TaskFailure) {
        try host { () throws(SystemError) in
            try Self.write(SessionFile.end, ["version": 1, "step": step.json], in: directory)
        }
    }

    /// The last word of one that could not.
    func end(_ failure: TaskFailure) throws(TaskFailure) {
        try host { () throws(SystemError) in
            try Self.write(
                SessionFile.end,
                [
                    "version": 1,
                    "error": ["code": .optional(failure.code), "message": .string(failure.description)],
                ], in: directory)
        }
    }

    /// Whole and on the disk, or not there.
    private static func write(_ name: String, _ json: JSON, in directory: borrowing Directory) throws(SystemError) {
        let temporary = ".\(name).new"
        let file = try directory.open(temporary, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
        try file.writeAll(JSONWriter().write(json) + [0x0A], subject: "\"\(directory.path)/\(temporary)\"")
        let (number, parent) = (file.number, directory.fd.number)
        try checked("write", "\"\(directory.path)/\(temporary)\"") { sp_fsync(number) }
        try checked("rename", "\"\(directory.path)/\(temporary)\"") {
            sp_renameat2(parent, temporary, parent, name, 0)
        }
        try checked("write", "\"\(directory.path)\"") { sp_fsync(parent) }
    }
}

extension Evidence {
    /// - Parameter sealed: SHA-256 of the manifest.
    func report(sealed: String, spending: SessionSpending?, stages: [SessionStage]) -> SessionReport {
        // Which limit, since a task that was out of time is told apart from one that was too large.
        let limit = outcome == .limitHit ? sessions.lastWork?.outcome : nil
        return SessionReport(
            outcome: (outcome ?? .interrupted).rawValue, isSuccess: isSuccess,
            reason: limit ?? verdict.reason.rawValue,
            branch: delivered == nil ? nil : branch, commit: delivered?.commit.description, pullRequest: pullRequest,
            evidence: sealed, notes: notes, spending: spending, stages: stages)
    }
}
