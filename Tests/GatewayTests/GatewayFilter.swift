// SPDX-License-Identifier: Apache-2.0
import CGatewayTesting
import CSeccomp
import Glibc
import Testing
import Wire

/// The seccomp filter that follows from ``GatewaySyscalls``: every test here runs under it, which is how the list is
/// known to be long enough.
enum GatewayFilter {
    static func compile(without withheld: String? = nil) throws -> [UInt8] {
        // SCMP_ACT_KILL_PROCESS, SCMP_ACT_ALLOW and SCMP_ACT_ERRNO of seccomp.h are macros with casts.
        let context = try #require(seccomp_init(0x8000_0000))
        defer { seccomp_release(context) }
        for name in GatewaySyscalls.allowed where name != "ioctl" && name != withheld {
            try allow(name, context)
        }
        for request in GatewaySyscalls.ioctlRequests {
            let number = seccomp_syscall_resolve_name("ioctl")
            let argument = scmp_arg_cmp(arg: 1, op: SCMP_CMP_EQ, datum_a: request, datum_b: 0)
            try #require(seccomp_rule_add_array(context, 0x7FFF_0000, number, 1, [argument]) == 0)
        }
        for (name, errno) in GatewaySyscalls.answered {
            let number = seccomp_syscall_resolve_name(name)
            try #require(seccomp_rule_add_array(context, 0x0005_0000 | UInt32(errno), number, 0, nil) == 0)
        }
        return try export(context)
    }

    private static func allow(_ name: String, _ context: scmp_filter_ctx) throws {
        let number = seccomp_syscall_resolve_name(name)
        try #require(number >= 0, "\(name) is no system call of this machine")
        try #require(seccomp_rule_add_array(context, 0x7FFF_0000, number, 0, nil) == 0)
    }

    private static func export(_ context: scmp_filter_ctx) throws -> [UInt8] {
        let file = sp_test_memory_file()
        try #require(file >= 0)
        defer { close(file) }
        try #require(seccomp_export_bpf(context, file) == 0)
        let size = lseek(file, 0, SEEK_END)
        try #require(size > 0 && size % 8 == 0)
        var bytes = [UInt8](repeating: 0, count: size)
        try #require(pread(file, &bytes, size, 0) == size)
        return bytes
    }
}
