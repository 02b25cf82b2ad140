// SPDX-License-Identifier: Apache-2.0

/// Holds up whoever opens a file, until it is let go: 45 seconds at most. fcntl(2), "Leases"
///
/// Held by a process of its own, for the kernel tells the holder by a signal.
package final class Lease {
    private let holder: Running

    private static let script = """
        import fcntl, os, signal, sys
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGIO])
        file = os.open(sys.argv[1], os.O_RDWR)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        print("held", flush=True)
        signal.sigwait([signal.SIGIO])
        print("wanted", flush=True)
        sys.stdin.read()
        """

    /// - Parameter path: Nobody has it open.
    package init(_ path: String) throws(HarnessError) {
        holder = try Command("/usr/bin/python3", ["-c", Self.script, path]).start()
        guard try holder.line() == "held" else {
            throw HarnessError("cannot hold \(path): \(try holder.finish().errorText)")
        }
    }

    /// Waits until somebody wants the file.
    package func isWanted() throws(HarnessError) {
        guard try holder.line() == "wanted" else { throw HarnessError("nobody opened the held file") }
    }

    package func release() throws(HarnessError) {
        holder.closeInput()
        _ = try holder.finish()
    }
}
