// SPDX-License-Identifier: Apache-2.0
internal import CChildPath
internal import CLinux
internal import LinuxSystem

/// The limit on open files, which the supervisor sets on the workload while that waits for its first word.
///
/// Set-up needs more descriptors than a small limit allows, and the filter is in force before set-up is over, so that
/// the child cannot set it last; from outside it holds for exactly the workload and all that it starts. prlimit(2)
enum OpenFilesLimit {
    static func set(_ files: UInt64, on workload: Int32, owner: UInt32) throws(SystemError) {
        let result = sp_limit_files(owner, workload, files)
        guard result < 0 else { return }
        let errno = Errno(Int32(-result))
        let hard = sp_rlimit_hard(SP_RLIMIT_NOFILE)
        throw SystemError(
            "set", "limits.open_files to \(files)", errno,
            remedy: errno == .notPermitted
                ? "This process may have no more than \(hard) (the hard limit on open files, and fs.nr_open): give a "
                    + "lower limit, or raise that one (ulimit -Hn; LimitNOFILE= of a systemd unit)." : nil)
    }
}
