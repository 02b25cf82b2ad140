// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

/// Descriptors 0, 1 and 2, which a caller may have closed (cron, daemons, `>&-`).
enum StandardDescriptors {
    /// Puts /dev/null where one is missing.
    ///
    /// The next file that is opened would get its number otherwise: a session's standard input was then the
    /// supervisor's signal descriptor, so that the workload took the stop signals and read who had sent them, and its
    /// output went into whatever file had become number 1. open(2), "lowest-numbered"
    static func fill() {
        while true {
            let opened = sp_open("/dev/null", O_RDWR | O_NOCTTY, 0)
            if (0...2).contains(opened) { continue }
            if opened > 2 { _ = sp_close(Int32(opened)) }
            // A host without /dev/null: nothing can be said to anybody either, so the status has to do.
            if opened < 0 && (0...2).contains(where: { fcntl($0, F_GETFD) < 0 }) { exit(125) }
            return
        }
    }
}
