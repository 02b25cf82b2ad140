// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import Wire

/// What a model broker gives up before the first byte from a sandbox or an upstream is read.
///
/// It keeps the host's network, since it dials upstreams, and none of its files: certificates lie in memory. No exec, no
/// process, no thread, no file that it could write but those it was handed.
enum ModelConfinement {
    private static let heapBytes: UInt64 = 1 << 30
    private static let fileBytes: UInt64 = 1 << 30
    private static let openFiles: UInt64 = 256

    /// Before the first message is read.
    static func enter() throws(BrokerRefused) {
        try BrokerConfinement.demand(sp_gateway_set_undumpable(), .dumpable)
        try BrokerConfinement.demand(sp_gateway_reserve_stdio(), .descriptors)
        try BrokerConfinement.demand(sp_gateway_leave_session(), .session)
        try BrokerConfinement.demand(sp_gateway_has_user_zero(), .userID)
        try BrokerConfinement.demand(sp_gateway_has_capabilities(), .capabilities)
        try BrokerConfinement.demand(sp_gateway_has_no_new_privs(), .noNewPrivileges, answer: 1)
        try BrokerConfinement.demand(sp_gateway_has_filter(), .seccomp, answer: 1)
        for (resource, value) in [
            (SP_RLIMIT_CORE, 0), (SP_RLIMIT_NOFILE, openFiles), (SP_RLIMIT_NPROC, 0), (SP_RLIMIT_DATA, heapBytes),
            (SP_RLIMIT_FSIZE, fileBytes), (SP_RLIMIT_MEMLOCK, 0),
        ] { try BrokerConfinement.demand(sp_gateway_limit(resource, value), .limits) }
        for number in [SIGPIPE, SIGXFSZ] {
            try BrokerConfinement.demand(Int32(sp_ignore_signal(number)), .limits)
        }
    }

    /// Narrows files and calls, when all libraries have read what they need.
    static func narrow(waived: Bool) throws(BrokerRefused) {
        do throws(SystemError) { try Landlock.restrict(to: []) } catch {
            guard waived, error.errno == .noSystemCall || error.errno == .notSupported else {
                throw BrokerRefused(.landlock, errno: error.errno.code)
            }
        }
        try BrokerConfinement.demand(sp_model_narrow(), .executionFilter)
    }
}
