// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

/// Holds up whoever opens a file, until it is let go: 45 seconds at most. fcntl(2), "Leases"
package final class Lease {
    private let file: Int32

    private static let setLease: Int32 = 1024
    private static let getLease: Int32 = 1025

    /// - Parameter path: Nobody has it open.
    package init(_ path: String) throws(HarnessError) {
        file = open(path, O_RDWR | O_CLOEXEC)
        guard file >= 0 else { throw HarnessError("cannot open \(path)") }
        // The signal that comes with it would end this process.
        signal(SIGIO, SIG_IGN)
        guard fcntl(file, Self.setLease, F_WRLCK) == 0 else {
            close(file)
            throw HarnessError("cannot hold \(path)")
        }
    }

    deinit { close(file) }

    /// Waits until somebody wants the file.
    package func isWanted() throws(HarnessError) {
        let deadline = ContinuousClock.now + .seconds(30)
        while fcntl(file, Self.getLease, 0) == Int32(F_WRLCK) {
            guard ContinuousClock.now < deadline else { throw HarnessError("nobody opened the held file") }
            sched_yield()
        }
    }

    package func release() { _ = fcntl(file, Self.setLease, F_UNLCK) }
}
