// SPDX-License-Identifier: Apache-2.0

/// The system calls that a forge broker may make.
///
/// Any other is answered with ENOSYS, which every C library takes for an older kernel. None makes a socket, a process, a
/// thread or a file: what it writes it was handed. What it needed only to start goes with `sp_gateway_forbid_exec` and Landlock.
package enum ForgeSyscalls {
    package static let allowed: [String] = start + memory + files + control + confinement + architecture

    /// ENOSYS.
    package static let otherwise: Int32 = 38

    private static let start = [
        "execve", "execveat", "exit", "exit_group", "set_tid_address", "set_robust_list", "rseq", "getrandom", "gettid",
        "getpid", "getuid", "geteuid", "getgid", "getegid", "uname", "sysinfo", "sched_getaffinity", "sched_yield",
        "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "clock_gettime", "clock_nanosleep",
        "gettimeofday", "restart_syscall",
    ]
    private static let memory = ["brk", "mmap", "munmap", "mremap", "mprotect", "madvise", "futex"]
    private static let files = [
        "openat", "read", "pread64", "readv", "write", "writev", "lseek", "close", "fstat", "newfstatat", "statx",
        "faccessat", "faccessat2", "readlinkat", "getdents64", "fcntl", "ioctl", "dup3",
    ]
    private static let control = ["recvmsg", "sendmsg", "recvfrom", "sendto", "getsockopt", "shutdown", "ppoll"]
    private static let confinement = [
        "prctl", "prlimit64", "getrlimit", "setrlimit", "getresuid", "capget", "seccomp", "landlock_create_ruleset",
        "landlock_add_rule", "landlock_restrict_self", "setsid", "getsid",
    ]
    #if arch(x86_64)
        private static let architecture = [
            "arch_prctl", "open", "stat", "lstat", "access", "readlink", "poll", "time", "dup2",
        ]
    #else
        private static let architecture: [String] = []
    #endif

    /// TCGETS, as isatty(3) asks it, and FIONREAD.
    package static let ioctlRequests: [UInt64] = [0x5401, 0x541B]
}
