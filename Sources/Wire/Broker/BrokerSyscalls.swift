// SPDX-License-Identifier: Apache-2.0

/// The system calls that a git broker, and the programs of git that it runs, may make.
///
/// Any other is answered with ENOSYS, which every C library takes for an older kernel: git's programs are the host's own,
/// of any version. No call here makes a socket, a mount or a namespace, or reaches into another process; the broker takes
/// more away itself, and from each connection's process, see `BrokerConfinement`.
package enum BrokerSyscalls {
    package static let allowed: [String] = programs + memory + files + control + architecture

    /// ENOSYS, which is also the answer to clone3: glibc then uses clone, whose flags a filter can see.
    package static let otherwise: Int32 = 38

    private static let programs = [
        "execve", "execveat", "clone", "wait4", "exit", "exit_group", "kill", "setpgid", "setsid", "getsid", "getpid",
        "getppid", "gettid", "getuid", "geteuid", "getgid", "getegid", "getresuid", "getpgid", "set_tid_address",
        "set_robust_list", "rseq", "prctl", "capget", "seccomp", "landlock_create_ruleset", "landlock_add_rule",
        "landlock_restrict_self", "prlimit64", "getrlimit", "setrlimit", "getrusage", "sched_getaffinity",
        "sched_yield",
        "umask", "getcwd", "chdir", "fchdir", "uname", "sysinfo", "getrandom",
    ]
    private static let memory = [
        "brk", "mmap", "munmap", "mremap", "mprotect", "madvise", "futex", "memfd_create",
    ]
    private static let files = [
        "openat", "openat2", "close", "close_range", "read", "pread64", "readv", "write", "pwrite64", "writev", "lseek",
        "fstat", "newfstatat", "statx", "statfs", "fstatfs", "fcntl", "flock", "ftruncate", "fallocate", "fsync",
        "fdatasync", "getdents64", "mkdirat", "unlinkat", "renameat", "renameat2", "linkat", "readlinkat", "faccessat",
        "faccessat2", "fchmod", "fchmodat", "utimensat", "dup", "dup3", "pipe2", "sendfile", "copy_file_range",
        "fadvise64", "sync_file_range",
    ]
    private static let control = [
        "recvmsg", "sendmsg", "recvfrom", "sendto", "getsockopt", "shutdown", "ioctl", "ppoll", "epoll_create1",
        "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "signalfd4", "setitimer", "timer_create",
        "timer_settime", "timer_delete", "restart_syscall",
        "clock_gettime", "clock_nanosleep", "gettimeofday",
    ]
    #if arch(x86_64)
        private static let architecture = [
            "arch_prctl", "open", "stat", "lstat", "access", "mkdir", "rmdir", "unlink", "rename", "link", "readlink",
            "chmod", "dup2", "pipe", "poll", "select", "alarm", "time", "getpgrp", "vfork", "fork",
        ]
    #else
        private static let architecture = ["pselect6"]
    #endif

    /// TCGETS, as isatty(3) asks it, and FIONREAD.
    package static let ioctlRequests: [UInt64] = [0x5401, 0x541B]
}
