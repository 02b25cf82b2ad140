// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

/// The time, and a way to let some of it pass.
package struct ForgeClock: Sendable {
    /// Milliseconds since 1970.
    package let now: @Sendable () -> Int
    /// Waits so many milliseconds.
    package let wait: @Sendable (Int) -> Void

    package init(now: @escaping @Sendable () -> Int, wait: @escaping @Sendable (Int) -> Void) {
        self.now = now
        self.wait = wait
    }

    /// This host's.
    package static let host = ForgeClock(
        now: { Int(sp_clock_ns(CLOCK_REALTIME) / 1_000_000) },
        wait: { milliseconds in
            let end = sp_clock_ns(CLOCK_MONOTONIC) + UInt64(max(0, milliseconds)) * 1_000_000
            var time = timespec(tv_sec: Int(end / 1_000_000_000), tv_nsec: Int(end % 1_000_000_000))
            // Until a point of time, so that a signal that somebody handles lengthens nothing. clock_nanosleep(2)
            while clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nil) == EINTR {}
        })
}
