// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem

/// What a reader of a sandbox's bytes gives up itself, and what it demands to have been taken from it.
///
/// Started by ``ConfinedReader``; whoever calls such a verb by hand is refused, since nothing was taken from them.
enum ReaderConfinement {
    /// Bytes of memory of its own: what the longest audit takes, several times over.
    private static let dataBytes: UInt64 = 4 << 30

    /// Confines this process for good. Runs before the first byte is read.
    static func enter() throws(SystemError) {
        try demand(sp_gateway_set_undumpable(), "become non-dumpable")
        try demand(sp_gateway_has_user_zero(), "be another user than root")
        try demand(sp_gateway_has_capabilities(), "be without capabilities")
        try demand(sp_gateway_has_no_new_privs(), "have no_new_privs", answer: 1)
        try demand(sp_gateway_has_filter(), "have a seccomp filter", answer: 1)
        try demand(sp_gateway_set_limits(16, dataBytes), "limit its memory")
        let landlock = sp_gateway_forbid_files(0)
        // A host without Landlock has sessions too, by profiles that waive it; the other walls stand.
        if landlock != -ENOSYS && landlock != -EOPNOTSUPP { try demand(landlock, "give up every file") }
        try demand(sp_gateway_forbid_exec(), "give up execve")
    }

    private static func demand(_ result: Int32, _ what: String, answer: Int32 = 0) throws(SystemError) {
        guard result != answer else { return }
        throw SystemError(
            what, "as a reader of what a sandbox wrote", result < 0 ? Errno(-result) : .notPermitted,
            remedy: "It is started by the verbs that need one, and reads nothing otherwise.")
    }
}
