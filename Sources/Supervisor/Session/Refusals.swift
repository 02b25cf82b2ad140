// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
package import LinuxSystem

/// Counts the calls that the filter refuses and answers each with EPERM.
///
/// Only the call's number and architecture are read, both written by the kernel; arguments are the workload's and stay
/// unread. Memory is one counter per call number, so a flood costs the flooder time and us nothing: after
/// `burst` answers in a second the rest waits for the next one. seccomp_unotify(2); docs/decisions
package struct Refusals {
    package private(set) var counts: [UInt32: UInt64] = [:]
    private var windowStart: UInt64 = 0
    private var answered = 0
    private static let burst = 2000
    private static let window: UInt64 = 1_000_000_000

    package init() {}

    package enum Turn {
        case answered
        case pause(milliseconds: UInt64)
        case ended
    }

    /// Answers what is waiting, up to the burst.
    package mutating func serve(_ listener: Int32) throws(SystemError) -> Turn {
        let now = sp_clock_ns(CLOCK_MONOTONIC)
        if now - windowStart >= Self.window {
            windowStart = now
            answered = 0
        }
        guard answered < Self.burst else {
            return .pause(milliseconds: (Self.window - (now - windowStart)) / 1_000_000 + 1)
        }
        var refusal = sp_refusal()
        let result = sp_notification_receive(listener, &refusal)
        // The caller was killed between its call and our look: nobody waits for an answer.
        if result == -Int(ENOENT) { return .answered }
        if result == -Int(EINTR) { return .answered }
        try checked("read", "a refused call") { result }
        answered += 1
        // Numbers are below 1024 on every architecture; another one would be a counter of its own without bound.
        counts[min(refusal.number, 1024), default: 0] += 1
        let sent = sp_notification_refuse(listener, refusal.id, EPERM)
        if sent < 0 && sent != -Int(ENOENT) { throw SystemError("answer", "a refused call", Errno(Int32(-sent))) }
        return .answered
    }
}
