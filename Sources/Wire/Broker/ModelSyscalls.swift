// SPDX-License-Identifier: Apache-2.0

/// The system calls that a model broker may make.
///
/// Any other is answered with ENOSYS, which every C library takes for an older kernel: the libraries of TLS are the
/// host's own, of any version. None makes a process, a thread, a mount, a namespace or a listening socket; what it
/// needed only to start a second filter takes away that it loads itself, see `sp_model_narrow`.
package enum ModelSyscalls {
    package static let allowed: [String] = start + memory + files + network + confinement + architecture

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
        "faccessat", "faccessat2", "readlinkat", "getdents64", "fcntl", "ioctl", "dup3", "memfd_create",
    ]
    private static let network = [
        "socket", "socketpair", "connect", "getsockname", "getpeername", "getsockopt", "setsockopt", "recvfrom",
        "sendto", "recvmsg", "sendmsg", "shutdown", "ppoll", "epoll_create1", "epoll_ctl", "epoll_pwait", "eventfd2",
        "pipe2",
    ]
    private static let confinement = [
        "prctl", "prlimit64", "getrlimit", "setrlimit", "getresuid", "capget", "seccomp", "landlock_create_ruleset",
        "landlock_add_rule", "landlock_restrict_self", "setsid", "getsid",
    ]
    #if arch(x86_64)
        private static let architecture = [
            "arch_prctl", "open", "stat", "lstat", "access", "readlink", "poll", "epoll_wait", "time", "pipe", "dup2",
        ]
    #else
        private static let architecture: [String] = []
    #endif

    /// TCGETS, as isatty(3) asks it, FIONREAD and FIONBIO.
    package static let ioctlRequests: [UInt64] = [0x5401, 0x541B, 0x5421]
}
