// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem

/// What a replay gives up before it reads a record: those are a sandbox's words, and whoever replays them may be root.
///
/// It keeps what is open: the record, the socket that listens, and where it tells how it goes. Unlike a session's helpers
/// it was started by hand, so it takes everything from itself.
enum ReplayConfinement {
    /// Ids of replays that root starts: between those of quarantines (`BrokerView`) and those of task steps, one for each of
    /// so many processes at a time.
    private static let firstIdentity: UInt32 = 2_130_194_304
    private static let identityMask: UInt32 = 0x3FFFF

    /// Bytes of memory of its own: what the longest record takes, several times over.
    private static let heapBytes: UInt64 = 8 << 30
    private static let openFiles: UInt64 = 64

    /// Confines this process for good.
    static func enter() throws(SystemError) {
        try checked("make", "a replay undumpable") { Int(sp_gateway_set_undumpable()) }
        try checked("keep", "the standard descriptors of a replay") { Int(sp_gateway_reserve_stdio()) }
        // Whatever secrets the caller has in them.
        try checked("forget", "variables") { sp_hide_environment(0) }
        let identity = firstIdentity + (UInt32(bitPattern: getpid()) & identityMask)
        try checked("drop", "privileges of a replay") { sp_task_drop(geteuid() == 0 ? 1 : 0, identity, identity) }
        try checked("set", "no_new_privs") { sp_task_no_new_privileges() }
        do throws(SystemError) { try Landlock.restrict(to: []) } catch {
            // A host without Landlock has records too, by profiles that waive it; the other walls stand.
            guard error.errno == .noSystemCall || error.errno == .notSupported else { throw error }
        }
        for (resource, value) in [
            (SP_RLIMIT_CORE, 0), (SP_RLIMIT_NOFILE, openFiles), (SP_RLIMIT_NPROC, 0), (SP_RLIMIT_DATA, heapBytes),
            (SP_RLIMIT_MEMLOCK, 0),
        ] { try checked("limit", "a replay") { Int(sp_gateway_limit(resource, value)) } }
        try checked("ignore", "lost readers") { sp_ignore_signal(SIGPIPE) }
        try checked("install", "the system call filter of a replay") { sp_task_serving_filter() }
    }
}
