// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import Wire

/// What this process gives up itself, and what it demands to have been taken from it.
enum Confinement {
    /// What the two kinds of gateway may use.
    struct Allowance {
        let descriptors: UInt64
        let dataBytes: UInt64
        let mayConnect: Bool

        /// Moves bytes between five descriptors.
        static let terminal = Allowance(descriptors: 16, dataBytes: 64 << 20, mayConnect: false)
        /// Two sockets for each of 256 connections, and a pipe for each direction that moves.
        static let egress = Allowance(descriptors: 2048, dataBytes: 128 << 20, mayConnect: true)
    }

    /// Confines this process and checks how it was started. Runs before the first byte from outside is read.
    ///
    /// - Returns: What Landlock answered, for ``judge(landlock:waived:)``: whether its absence is waived is said only
    ///   in the start message.
    static func enter(_ allowance: Allowance) throws(Refused) -> Int32 {
        try demand(sp_gateway_set_undumpable(), .dumpable)
        try demand(sp_gateway_reserve_stdio(), .descriptors)
        try demand(sp_gateway_leave_session(), .session)
        try demand(sp_gateway_has_user_zero(), .userID)
        try demand(sp_gateway_has_capabilities(), .capabilities)
        try demand(sp_gateway_has_no_new_privs(), .noNewPrivileges, answer: 1)
        try demand(sp_gateway_has_filter(), .seccomp, answer: 1)
        // After the placeholders, and before a limit of this process could make a check fail for another reason.
        try demand(sp_gateway_set_limits(allowance.descriptors, allowance.dataBytes), .limits)
        let landlock = sp_gateway_forbid_files(allowance.mayConnect ? 1 : 0)
        // Last, because it is the one step that cannot be looked at from here afterwards.
        try demand(sp_gateway_forbid_exec(), .executionFilter)
        return landlock
    }

    /// Refuses a kernel without Landlock, unless the profile waived it by name.
    static func judge(landlock: Int32, waived: Bool) throws(Refused) {
        if waived, landlock == -ENOSYS || landlock == -EOPNOTSUPP { return }
        try demand(landlock, .landlock)
    }

    private static func demand(
        _ result: Int32, _ check: GatewayReport.Refusal.Check, answer: Int32 = 0
    ) throws(Refused) {
        guard result >= 0 else { throw Refused(check, errno: -result) }
        guard result == answer else { throw Refused(check) }
    }
}
