// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sp_task_confine.h"

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE AUDIT_ARCH_AARCH64
#else
#error "the filter of a task step is written for x86_64 and aarch64"
#endif

// Files, memory, time and the threads of one process: no socket, no exec, no other process, no mount.
static const unsigned short allowed[] = {
    SYS_read, SYS_pread64, SYS_readv, SYS_write, SYS_pwrite64, SYS_writev, SYS_close, SYS_openat, SYS_openat2, SYS_lseek,
    SYS_fstat,
    SYS_newfstatat, SYS_statx, SYS_fcntl, SYS_getdents64, SYS_readlinkat, SYS_faccessat, SYS_faccessat2,
    SYS_umask, SYS_getcwd, SYS_dup, SYS_dup3, SYS_statfs, SYS_fstatfs,
    SYS_mmap, SYS_munmap, SYS_mremap, SYS_mprotect, SYS_madvise, SYS_brk,
    SYS_futex, SYS_set_robust_list, SYS_rseq, SYS_sched_yield, SYS_sched_getaffinity, SYS_set_tid_address,
    SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_sigaltstack, SYS_restart_syscall,
    SYS_clock_gettime, SYS_clock_nanosleep, SYS_nanosleep, SYS_gettimeofday, SYS_getrandom, SYS_sysinfo, SYS_uname,
    SYS_getpid, SYS_gettid, SYS_getppid, SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid, SYS_getrusage,
    SYS_exit, SYS_exit_group,
#ifdef __x86_64__
    SYS_open, SYS_stat, SYS_lstat, SYS_access, SYS_readlink, SYS_dup2, SYS_time, SYS_poll,
#endif
};

// What changes a name or an attribute of a file. Landlock knows no right for modes and times, so a step that only reads does
// without all of them. landlock(7), "Filesystem flags"
static const unsigned short changing[] = {
    SYS_fsync, SYS_fdatasync, SYS_ftruncate, SYS_fallocate, SYS_mkdirat, SYS_unlinkat, SYS_renameat, SYS_renameat2,
    SYS_linkat, SYS_symlinkat, SYS_fchmod, SYS_fchmodat, SYS_utimensat, SYS_flock,
#ifdef __x86_64__
    SYS_mkdir, SYS_rmdir, SYS_unlink, SYS_rename, SYS_link, SYS_symlink, SYS_chmod,
#endif
};

// What speaking to a server takes: connections of its own making, the C library's name service in a thread, and a pair of
// sockets between the two. No call that would have somebody else connect.
static const unsigned short speaking[] = {
    SYS_connect, SYS_sendto, SYS_recvfrom, SYS_sendmsg, SYS_recvmsg, SYS_sendmmsg, SYS_recvmmsg, SYS_getsockopt,
    SYS_setsockopt, SYS_getsockname, SYS_getpeername, SYS_shutdown, SYS_socketpair, SYS_ppoll, SYS_pselect6, SYS_pipe2,
    SYS_eventfd2,
#ifdef __x86_64__
    SYS_select, SYS_pipe,
#endif
};

enum {
    allowed_count = sizeof allowed / sizeof *allowed,
    changing_count = sizeof changing / sizeof *changing,
    speaking_count = sizeof speaking / sizeof *speaking,
};

static struct sock_filter load(unsigned offset) {
    return (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset);
}
static struct sock_filter equal(unsigned value, unsigned char yes, unsigned char no) {
    return (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no);
}
static struct sock_filter result(unsigned action) { return (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action); }

long sp_task_filter(int reading_only) {
    struct sock_filter code[(allowed_count + changing_count) * 2 + 16];
    unsigned short n = 0;
    code[n++] = load(offsetof(struct seccomp_data, arch));
    code[n++] = equal(NATIVE, 1, 0);
    code[n++] = result(SECCOMP_RET_KILL_PROCESS);
    code[n++] = load(offsetof(struct seccomp_data, nr));
    for (int i = 0; i < allowed_count; i++) {
        code[n++] = equal(allowed[i], 0, 1);
        code[n++] = result(SECCOMP_RET_ALLOW);
    }
    for (int i = 0; i < changing_count && !reading_only; i++) {
        code[n++] = equal(changing[i], 0, 1);
        code[n++] = result(SECCOMP_RET_ALLOW);
    }
    // glibc falls back to clone, whose flags a filter can see; clone3 has them in memory.
    code[n++] = equal(SYS_clone3, 0, 1);
    code[n++] = result(SECCOMP_RET_ERRNO | ENOSYS);
    code[n++] = equal(SYS_clone, 0, 4);
    code[n++] = load(offsetof(struct seccomp_data, args[0]));
    code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 0, 1);
    code[n++] = result(SECCOMP_RET_ALLOW);
    code[n++] = result(SECCOMP_RET_ERRNO | EPERM);
    code[n++] = result(SECCOMP_RET_ERRNO | EPERM);
    struct sock_fprog program = {.len = n, .filter = code};
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0 ? -errno : 0;
}

long sp_task_client_filter(void) {
    struct sock_filter code[(allowed_count + speaking_count) * 2 + 32];
    unsigned short n = 0;
    code[n++] = load(offsetof(struct seccomp_data, arch));
    code[n++] = equal(NATIVE, 1, 0);
    code[n++] = result(SECCOMP_RET_KILL_PROCESS);
    code[n++] = load(offsetof(struct seccomp_data, nr));
    for (int i = 0; i < allowed_count; i++) {
        code[n++] = equal(allowed[i], 0, 1);
        code[n++] = result(SECCOMP_RET_ALLOW);
    }
    for (int i = 0; i < speaking_count; i++) {
        code[n++] = equal(speaking[i], 0, 1);
        code[n++] = result(SECCOMP_RET_ALLOW);
    }
    // The resolver asks how much there is to read. ioctl_tty(2)
    code[n++] = equal(SYS_ioctl, 0, 4);
    code[n++] = load(offsetof(struct seccomp_data, args[1]));
    code[n++] = equal(FIONREAD, 0, 1);
    code[n++] = result(SECCOMP_RET_ALLOW);
    code[n++] = result(SECCOMP_RET_ERRNO | EPERM);
    // No local socket but a pair: see below.
    code[n++] = equal(SYS_socket, 0, 6);
    code[n++] = load(offsetof(struct seccomp_data, args[0]));
    code[n++] = equal(AF_INET, 2, 0);
    code[n++] = equal(AF_INET6, 1, 0);
    code[n++] = equal(AF_NETLINK, 0, 1);
    code[n++] = result(SECCOMP_RET_ALLOW);
    code[n++] = result(SECCOMP_RET_ERRNO | EAFNOSUPPORT);
    code[n++] = equal(SYS_clone3, 0, 1);
    code[n++] = result(SECCOMP_RET_ERRNO | ENOSYS);
    code[n++] = equal(SYS_clone, 0, 4);
    code[n++] = load(offsetof(struct seccomp_data, args[0]));
    code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 0, 1);
    code[n++] = result(SECCOMP_RET_ALLOW);
    code[n++] = result(SECCOMP_RET_ERRNO | EPERM);
    code[n++] = result(SECCOMP_RET_ERRNO | EPERM);
    struct sock_fprog program = {.len = n, .filter = code};
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0 ? -errno : 0;
}

// git with its HTTP client, its helpers and its threads, and the C library's name service. The rest of the kernel stays shut.
static const unsigned short refused[] = {
    SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_pidfd_getfd, SYS_unshare, SYS_setns, SYS_mount,
    SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_open_tree, SYS_move_mount, SYS_fsopen, SYS_fsconfig, SYS_fsmount,
    SYS_fspick, SYS_mount_setattr, SYS_open_by_handle_at, SYS_name_to_handle_at, SYS_bpf, SYS_perf_event_open,
    SYS_userfaultfd, SYS_keyctl, SYS_add_key, SYS_request_key, SYS_io_uring_setup, SYS_io_uring_enter,
    SYS_io_uring_register, SYS_mknodat, SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_kexec_load,
    SYS_kexec_file_load, SYS_reboot, SYS_swapon, SYS_swapoff, SYS_acct, SYS_syslog, SYS_quotactl, SYS_settimeofday,
    SYS_clock_settime, SYS_clock_adjtime, SYS_adjtimex, SYS_sethostname, SYS_setdomainname, SYS_personality,
    SYS_fanotify_init, SYS_setxattr, SYS_lsetxattr, SYS_fsetxattr, SYS_bind, SYS_listen, SYS_accept, SYS_accept4,
#ifdef __x86_64__
    SYS_mknod, SYS_iopl, SYS_ioperm, SYS_modify_ldt, SYS_uselib, SYS_ustat, SYS_create_module,
#endif
};

enum { refused_count = sizeof refused / sizeof *refused };

long sp_task_git_filter(int network) {
    struct sock_filter code[refused_count * 2 + 40];
    unsigned short n = 0;
    code[n++] = load(offsetof(struct seccomp_data, arch));
    code[n++] = equal(NATIVE, 1, 0);
    code[n++] = result(SECCOMP_RET_KILL_PROCESS);
    code[n++] = load(offsetof(struct seccomp_data, nr));
#ifdef __x86_64__
    // x32 shares the architecture's value and numbers its calls from bit 30. seccomp(2)
    code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000u, 0, 1);
    code[n++] = result(SECCOMP_RET_KILL_PROCESS);
#endif
    for (int i = 0; i < refused_count; i++) {
        code[n++] = equal(refused[i], 0, 1);
        code[n++] = result(SECCOMP_RET_ERRNO | EPERM);
    }
    code[n++] = equal(SYS_clone3, 0, 1);
    code[n++] = result(SECCOMP_RET_ERRNO | ENOSYS);
    // A namespace of its own would open the kernel's privileged interfaces again.
    code[n++] = equal(SYS_clone, 0, 4);
    code[n++] = load(offsetof(struct seccomp_data, args[0]));
    code[n++] = (struct sock_filter)BPF_JUMP(
        BPF_JMP | BPF_JSET | BPF_K,
        CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP, 0, 1);
    code[n++] = result(SECCOMP_RET_ERRNO | EPERM);
    code[n++] = result(SECCOMP_RET_ALLOW);
    // No local socket: Landlock has no say in who answers behind one, and some, such as a message bus, start programs for
    // whoever has the caller's id. The name service falls back to asking over UDP.
    code[n++] = equal(SYS_socket, 0, 6);
    code[n++] = load(offsetof(struct seccomp_data, args[0]));
    code[n++] = equal(network ? AF_INET : -1, 3, 0);
    code[n++] = equal(network ? AF_INET6 : -1, 2, 0);
    code[n++] = equal(network ? AF_NETLINK : -1, 1, 0);
    code[n++] = result(SECCOMP_RET_ERRNO | EAFNOSUPPORT);
    code[n++] = result(SECCOMP_RET_ALLOW);
    code[n++] = result(SECCOMP_RET_ALLOW);
    struct sock_fprog program = {.len = n, .filter = code};
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0 ? -errno : 0;
}
