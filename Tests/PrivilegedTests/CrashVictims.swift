// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import TestSupport

/// Which process is killed.
enum CrashVictim: String, Sendable {
    /// The process of `sallyport run`, which is command and supervisor in one.
    case supervisor
    /// The shell that called it.
    case caller
    /// sp-init, pid 1 inside.
    case initProcess
    case workload, gateway, collector

    /// The victim among the processes of a session; nil when it is not there (any more, or yet).
    func pid(supervisor: Int32, caller: Int32) -> Int32? {
        switch self {
        case .supervisor: supervisor
        case .caller: caller
        case .initProcess: Self.initProcess(of: supervisor)
        case .workload: Self.initProcess(of: supervisor).flatMap { Self.children(of: $0).first }
        case .gateway: Self.children(of: supervisor).first { Self.words($0).first == "sallyport-gateway" }
        case .collector: Self.children(of: supervisor).first { Self.words($0).contains("internal-collect") }
        }
    }

    /// The only child in a pid namespace of its own.
    private static func initProcess(of supervisor: Int32) -> Int32? {
        let own = namespace(supervisor)
        return children(of: supervisor).first { namespace($0).map { $0 != own } ?? false }
    }

    private static func namespace(_ pid: Int32) -> String? {
        var buffer = [CChar](repeating: 0, count: 64)
        let length = buffer.withUnsafeMutableBufferPointer {
            sp_readlinkat(AT_FDCWD, "/proc/\(pid)/ns/pid", $0.baseAddress!, 63)
        }
        return length < 0 ? nil : String(decoding: buffer[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    static func children(of pid: Int32) -> [Int32] {
        names("/proc/\(pid)/task").flatMap { thread in
            (text("/proc/\(pid)/task/\(thread)/children") ?? "").split(separator: " ").compactMap { Int32($0) }
        }
    }

    private static func words(_ pid: Int32) -> [String] {
        (text("/proc/\(pid)/cmdline") ?? "").split(separator: "\0").map(String.init)
    }
}

/// A process that is going to be killed, held so that a reused pid is never hit.
final class CrashTarget: Sendable {
    let pid: Int32
    private let pidfd: Int32

    /// Nil when the process is gone.
    init?(_ pid: Int32) {
        let opened = sp_pidfd_open(pid)
        guard opened >= 0 else { return nil }
        self.pid = pid
        pidfd = Int32(opened)
    }

    deinit { _ = sp_close(pidfd) }

    /// A process that has ended makes its pidfd readable, waited for or not.
    var hasEnded: Bool { sp_poll_one(pidfd, Int16(POLLIN), 0) > 0 }

    /// Kills it; false when it had ended before.
    func kill() -> Bool { !hasEnded && sp_pidfd_signal(pidfd, SIGKILL, 0) >= 0 }

    func terminate() { _ = sp_pidfd_signal(pidfd, SIGTERM, 0) }

    func waitForEnd() throws {
        guard sp_poll_one(pidfd, Int16(POLLIN), 30_000) > 0 else {
            throw HarnessError("process \(pid) is still there after 30 s")
        }
    }
}
