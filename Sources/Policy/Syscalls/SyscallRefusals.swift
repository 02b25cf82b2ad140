// SPDX-License-Identifier: Apache-2.0

/// Calls that the tables name in order to refuse them.
package enum SyscallRefusals {
    /// Refused with EPERM and recorded: a program that makes one of these wants something a sandbox does not give.
    ///
    /// Mounts, namespaces, kernel code (modules, bpf, kexec), the host's clocks, names and quota, keyrings (shared
    /// between containers of one user), file handles (CVE-2014-9357 shape: a handle needs no path), other processes'
    /// memory placement, and interfaces whose history of holes is longer than their list of users.
    package static let recorded: Set<String> = [
        "_sysctl", "acct", "add_key", "adjtimex", "bpf", "chroot", "clock_adjtime", "clock_settime", "create_module",
        "delete_module", "fanotify_init", "fanotify_mark", "finit_module", "fsconfig", "fsmount", "fsopen", "fspick",
        "get_kernel_syms", "init_module", "ioperm", "iopl", "kexec_file_load", "kexec_load", "keyctl",
        "lookup_dcookie", "lsm_set_self_attr", "mbind", "memfd_secret", "migrate_pages", "modify_ldt", "mount",
        "mount_setattr", "move_mount", "move_pages", "name_to_handle_at", "nfsservctl", "open_by_handle_at",
        "open_tree", "open_tree_attr", "perf_event_open", "pivot_root", "query_module", "quotactl", "quotactl_fd",
        "reboot", "request_key", "set_mempolicy", "set_mempolicy_home_node", "setdomainname", "sethostname", "setns",
        "settimeofday", "swapoff", "swapon", "sysfs", "syslog", "umount2", "unshare", "uselib", "userfaultfd",
        "ustat", "vhangup", "vmsplice",
    ]

    /// Refused as if this kernel did not have them (ENOSYS), unrecorded: programs probe for these and fall back.
    ///
    /// `clone3` hides its flags behind a pointer that a filter cannot read; glibc then uses `clone`. `io_uring`
    /// performs opens and connects that no filter sees. The older `io_setup` takes from fs.aio-max-nr, which the whole
    /// host shares: one session could use it up. The others are newer than the programs that need them, or have never
    /// been implemented on x86-64.
    package static let probes: Set<String> = [
        "afs_syscall", "clone3", "epoll_ctl_old", "epoll_wait_old", "file_getattr", "file_setattr", "get_mempolicy",
        "get_thread_area", "getpmsg", "getxattrat", "io_cancel", "io_destroy", "io_getevents", "io_pgetevents",
        "io_setup", "io_submit", "io_uring_enter", "io_uring_register", "io_uring_setup",
        "listmount", "listns", "listxattrat", "lsm_get_self_attr", "lsm_list_modules", "putpmsg", "removexattrat",
        "security", "set_thread_area", "setxattrat", "statmount", "tuxcall", "uprobe", "uretprobe", "vserver",
    ]

    /// Calls that the start of a sandbox and its pid 1 make after the filter is in force: a profile that denies one
    /// of them could never start anything.
    package static let neededToStart: Set<String> = [
        "clone", "close", "execve", "execveat", "exit", "exit_group", "kill", "ppoll", "prctl", "read",
        "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sendmsg", "wait4", "write",
    ]
}
