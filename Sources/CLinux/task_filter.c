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

#include "sp_pairs.h"
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

// What answering at an address takes: connections that were asked for, at a socket that listens already.
static const unsigned short serving[] = {
    SYS_accept4, SYS_recvfrom, SYS_sendto, SYS_shutdown, SYS_ppoll,
};

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

#define COUNT(list) (sizeof(list) / sizeof *(list))

struct program {
    struct sock_filter code[256];
    unsigned short count;
};

_Static_assert(2 * (COUNT(allowed) + COUNT(changing) + COUNT(speaking)) + 40 < 256, "a filter has no room");
_Static_assert(2 * COUNT(refused) + 40 < 256, "git's filter has no room");

static void add(struct program *p, struct sock_filter instruction) { p->code[p->count++] = instruction; }
static void load(struct program *p, unsigned offset) {
    add(p, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset));
}
static void equal(struct program *p, unsigned value, unsigned char yes, unsigned char no) {
    add(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no));
}
static void result(struct program *p, unsigned action) { add(p, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action)); }

// Leaves the call's number to be compared.
static void begin(struct program *p) {
    load(p, offsetof(struct seccomp_data, arch));
    equal(p, NATIVE, 1, 0);
    result(p, SECCOMP_RET_KILL_PROCESS);
    load(p, offsetof(struct seccomp_data, nr));
}

static void decide(struct program *p, const unsigned short *calls, size_t count, unsigned action) {
    for (size_t i = 0; i < count; i++) {
        equal(p, calls[i], 0, 1);
        result(p, action);
    }
}

// glibc falls back to clone, whose flags a filter can see; clone3 has them in memory.
static void clones(struct program *p, unsigned flags, unsigned with, unsigned without) {
    equal(p, SYS_clone3, 0, 1);
    result(p, SECCOMP_RET_ERRNO | ENOSYS);
    equal(p, SYS_clone, 0, 4);
    load(p, offsetof(struct seccomp_data, args[0]));
    add(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, flags, 0, 1));
    result(p, with);
    result(p, without);
}

static long apply(const struct program *p) {
    struct sock_fprog program = {.len = p->count, .filter = (struct sock_filter *)p->code};
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0 ? -errno : 0;
}

static const unsigned denied = SECCOMP_RET_ERRNO | EPERM;

long sp_task_filter(int reading_only) {
    struct program p = {.count = 0};
    begin(&p);
    decide(&p, allowed, COUNT(allowed), SECCOMP_RET_ALLOW);
    if (!reading_only) decide(&p, changing, COUNT(changing), SECCOMP_RET_ALLOW);
    clones(&p, CLONE_THREAD, SECCOMP_RET_ALLOW, denied);
    result(&p, denied);
    return apply(&p);
}

long sp_task_serving_filter(void) {
    struct program p = {.count = 0};
    begin(&p);
    decide(&p, allowed, COUNT(allowed), SECCOMP_RET_ALLOW);
    decide(&p, serving, COUNT(serving), SECCOMP_RET_ALLOW);
    result(&p, denied);
    return apply(&p);
}

long sp_task_client_filter(void) {
    // First, while another filter can still be added.
    long pairs = sp_narrow_pairs();
    if (pairs < 0) return pairs;
    struct program p = {.count = 0};
    begin(&p);
    decide(&p, allowed, COUNT(allowed), SECCOMP_RET_ALLOW);
    decide(&p, speaking, COUNT(speaking), SECCOMP_RET_ALLOW);
    // The resolver asks how much there is to read. ioctl_tty(2)
    equal(&p, SYS_ioctl, 0, 4);
    load(&p, offsetof(struct seccomp_data, args[1]));
    equal(&p, FIONREAD, 0, 1);
    result(&p, SECCOMP_RET_ALLOW);
    result(&p, denied);
    // No local socket but one end of a pair: see below.
    equal(&p, SYS_socket, 0, 6);
    load(&p, offsetof(struct seccomp_data, args[0]));
    equal(&p, AF_INET, 2, 0);
    equal(&p, AF_INET6, 1, 0);
    equal(&p, AF_NETLINK, 0, 1);
    result(&p, SECCOMP_RET_ALLOW);
    result(&p, SECCOMP_RET_ERRNO | EAFNOSUPPORT);
    clones(&p, CLONE_THREAD, SECCOMP_RET_ALLOW, denied);
    result(&p, denied);
    return apply(&p);
}

long sp_task_git_filter(int network) {
    long pairs = sp_narrow_pairs();
    if (pairs < 0) return pairs;
    struct program p = {.count = 0};
    begin(&p);
#ifdef __x86_64__
    // x32 shares the architecture's value and numbers its calls from bit 30. seccomp(2)
    add(&p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000u, 0, 1));
    result(&p, SECCOMP_RET_KILL_PROCESS);
#endif
    decide(&p, refused, COUNT(refused), denied);
    // A namespace of its own would open the kernel's privileged interfaces again.
    clones(
        &p, CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP,
        denied, SECCOMP_RET_ALLOW);
    // No local socket but one end of a pair of streams: Landlock has no say in who answers behind one, and some, such as a
    // message bus, start programs for whoever has the caller's id. The name service falls back to asking over UDP.
    equal(&p, SYS_socket, 0, 6);
    load(&p, offsetof(struct seccomp_data, args[0]));
    equal(&p, network ? AF_INET : -1, 3, 0);
    equal(&p, network ? AF_INET6 : -1, 2, 0);
    equal(&p, network ? AF_NETLINK : -1, 1, 0);
    result(&p, SECCOMP_RET_ERRNO | EAFNOSUPPORT);
    result(&p, SECCOMP_RET_ALLOW);
    result(&p, SECCOMP_RET_ALLOW);
    return apply(&p);
}
