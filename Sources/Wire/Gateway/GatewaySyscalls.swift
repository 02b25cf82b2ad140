// SPDX-License-Identifier: Apache-2.0

/// The system calls that sallyport-gateway makes, for the filter that the supervisor loads before it execs it.
///
/// Whatever is not named here ends the process (`SCMP_ACT_KILL_PROCESS`): it never opens a file, makes a socket or
/// starts a process. The gateway itself takes back `execve` and `execveat` once it runs.
package enum GatewaySyscalls {
    /// Calls that are allowed with any argument.
    package static let allowed: [String] =
        startOfProcess + memory + confinement + relay + architecture

    /// Calls that get an error number and no more: the Swift runtime asks for the bounds of the main thread's stack,
    /// for which glibc reads /proc/self/maps, and does without when it may not.
    package static let answered: [(name: String, errno: Int32)] = [(name: "openat", errno: 13)]

    /// The requests that `ioctl` may carry, where the filter can look at arguments: TCGETS (of the runtime, and for the
    /// end-of-input character), TIOCSWINSZ, TIOCGPTN.
    package static let ioctlRequests: [UInt64] = [0x5401, 0x5414, 0x8004_5430]

    static let startOfProcess = [
        // The exec that starts it; either form, by path or by descriptor.
        "execve", "execveat", "brk", "set_tid_address", "set_robust_list", "rseq", "gettid", "getrandom",
        // The runtime looks for its own file and for its backtracer beside it, and aborts when it may not ask.
        "newfstatat", "exit_group",
    ]
    static let memory = ["mmap", "munmap", "mremap", "mprotect", "madvise", "futex"]
    static let confinement = [
        "prctl", "prlimit64", "getrlimit", "setrlimit", "getresuid", "capget", "seccomp", "landlock_create_ruleset",
        "landlock_restrict_self", "rt_sigaction", "rt_sigprocmask", "epoll_create1", "setsid", "getsid", "getpid",
    ]
    static let relay = [
        "recvmsg", "sendmsg", "read", "write", "close", "fcntl", "ioctl", "fstat", "getsockopt", "shutdown",
        "clock_gettime",
        // A stopped and continued process resumes poll(2) by this one.
        "restart_syscall",
    ]
    #if arch(x86_64)
        static let architecture = ["arch_prctl", "readlink", "poll"]
    #else
        static let architecture = ["readlinkat", "ppoll"]
    #endif
}
