// SPDX-License-Identifier: Apache-2.0
internal import CSeccomp
internal import Glibc

/// Names of system calls, as libseccomp knows them.
package enum SyscallNames {
    /// The name of a call of this machine's architecture; an unknown number is `syscall N`.
    package static func name(_ number: UInt32) -> String {
        guard let text = seccomp_syscall_resolve_num_arch(seccomp_arch_native(), Int32(bitPattern: number)) else {
            return "syscall \(number)"
        }
        defer { free(text) }
        return String(cString: text)
    }
}
