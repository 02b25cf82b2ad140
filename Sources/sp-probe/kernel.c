// SPDX-License-Identifier: Apache-2.0
// Section 4.2: namespaces, clone3, io_uring, truncated arguments, stacked filters, other processes' memory.
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static void reap(long pid) {
    if (pid > 0) waitpid((pid_t)pid, NULL, 0);
}

// K01. Every new user namespace is a fresh set of capabilities in front of kernel code that trusts them.
static void unshare_flags(struct sp_outcome *o, const struct sp_probe *p) {
    sp_verdict(o, sp_call(SYS_unshare, p->a, 0, 0, 0, 0, 0), p->what);
}
static void clone_flags(struct sp_outcome *o, const struct sp_probe *p) {
    long pid = sp_call(SYS_clone, p->a | SIGCHLD, 0, 0, 0, 0, 0);
    if (pid == 0) _exit(0);
    reap(pid);
    sp_verdict(o, pid, p->what);
}
struct clone3_arguments {
    unsigned long flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
};
static void clone3_flags(struct sp_outcome *o, const struct sp_probe *p) {
    struct clone3_arguments arguments = {.flags = (unsigned long)p->a, .exit_signal = SIGCHLD};
    long pid = sp_call(SYS_clone3, (long)&arguments, sizeof arguments, 0, 0, 0, 0);
    if (pid == 0) _exit(0);
    reap(pid);
    sp_verdict(o, pid, p->what);
}
static void many_attempts(struct sp_outcome *o, const struct sp_probe *p) {
    long result = -EPERM;
    for (int i = 0; i < 2000 && result < 0; i++) {
        pid_t pid = i % 100 ? 0 : fork();
        if (pid == 0 && i % 100 == 0) {
            _exit(sp_call(SYS_unshare, CLONE_NEWUSER, 0, 0, 0, 0, 0) >= 0);
        }
        int status = 0;
        if (pid > 0 && waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 1) result = 0;
        if (result < 0) result = sp_call(SYS_unshare, CLONE_NEWUSER, 0, 0, 0, 0, 0);
    }
    sp_verdict(o, result, p->what);
}
static void join_namespace(struct sp_outcome *o, const struct sp_probe *p) {
    int fd = open(p->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return sp_refused(o, errno, "open %s", p->path);
    sp_verdict(o, sp_call(SYS_setns, fd, 0, 0, 0, 0, 0), p->what);
}

// K04. A ring opens files and sockets without a system call that a filter could see.
static void ring_setup(struct sp_outcome *o, const struct sp_probe *p) {
    unsigned char parameters[120] = {0};
    sp_verdict(o, sp_call(SYS_io_uring_setup, 1, (long)parameters, 0, 0, 0, 0), p->what);
}
static void ring_other(struct sp_outcome *o, const struct sp_probe *p) {
    sp_reached(o, sp_call(p->a, -1, 0, 0, 0, 0, 0), p->what);
}

// K07. What the filter says of a number that no architecture has: an allow-list says no.
static void unknown_number(struct sp_outcome *o, const struct sp_probe *p) {
    long r = sp_call(p->a, 0, 0, 0, 0, 0, 0);
    // ENOSYS is what the kernel itself answers, so here it proves nothing either way; EPERM is the filter's.
    if (sp_world.control && r == -ENOSYS) return sp_missing(o, "every kernel answers ENOSYS to number %ld", p->a);
    sp_verdict(o, r, p->what);
}

// K10. A listener of its own must not come into being, and no filter: their compiled form fills a room of the whole host's.
static long load_allow_all(unsigned flags, unsigned action) {
    struct sock_filter code[] = {BPF_STMT(BPF_RET | BPF_K, action)};
    struct sock_fprog program = {1, code};
    return sp_call(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, (long)&program, 0, 0, 0);
}
static void second_listener(struct sp_outcome *o, const struct sp_probe *p) {
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    sp_verdict(o, load_allow_all(SECCOMP_FILTER_FLAG_NEW_LISTENER, SECCOMP_RET_ALLOW), p->what);
}
static void allow_again(struct sp_outcome *o, const struct sp_probe *p) {
    long loaded = load_allow_all(0, SECCOMP_RET_ALLOW);
    long result = sp_call(SYS_unshare, CLONE_NEWUSER, 0, 0, 0, 0, 0);
    if (result < 0) return sp_refused(o, (int)-result, "unshare after a filter of our own (%ld)", loaded);
    sp_escaped(o, "%s", p->what);
}
static void own_filter(struct sp_outcome *o, const struct sp_probe *p) {
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    sp_verdict(o, load_allow_all(0, SECCOMP_RET_ALLOW), p->what);
}
static void own_filter_by_prctl(struct sp_outcome *o, const struct sp_probe *p) {
    struct sock_filter code[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    struct sock_fprog program = {1, code};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    sp_verdict(o, sp_call(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, (long)&program, 0, 0, 0), p->what);
}
static void socket_filter(struct sp_outcome *o, const struct sp_probe *p) {
    struct sock_filter code[] = {BPF_STMT(BPF_RET | BPF_K, 0xFFFF)};
    struct sock_fprog program = {1, code};
    int one = 1;
    long fd = sp_call(SYS_socket, AF_INET, SOCK_DGRAM, 0, 0, 0, 0);
    if (fd < 0) return sp_broken(o, (int)-fd, "socket");
    // Only sockets that share a port have a filter in common.
    if (setsockopt((int)fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) < 0) return sp_broken(o, errno, "SO_REUSEPORT");
    sp_verdict(o, sp_call(SYS_setsockopt, fd, SOL_SOCKET, p->a, (long)&program, sizeof program, 0), p->what);
}
static void strict_mode_off(struct sp_outcome *o, const struct sp_probe *p) {
    (void)p;
    long mode = sp_call(SYS_prctl, PR_GET_SECCOMP, 0, 0, 0, 0, 0);
    if (mode == SECCOMP_MODE_FILTER) return sp_observed(o, "ABSENT", "a filter is in force");
    sp_escaped(o, "prctl says seccomp mode %ld", mode);
}

// K12. Memory and descriptors of pid 1.
static void copy_memory(struct sp_outcome *o, const struct sp_probe *p) {
    char byte = 0;
    struct iovec local = {&byte, 1}, remote = {&byte, 1};
    sp_verdict(o, sp_call(p->a, sp_world.target, (long)&local, 1, (long)&remote, 1, 0), p->what);
}
static void steal_descriptor(struct sp_outcome *o, const struct sp_probe *p) {
    long pidfd = sp_call(SYS_pidfd_open, sp_world.target, 0, 0, 0, 0, 0);
    if (pidfd < 0) return sp_refused(o, (int)-pidfd, "pidfd_open");
    sp_verdict(o, sp_call(SYS_pidfd_getfd, pidfd, 0, 0, 0, 0, 0), p->what);
}
static void compare(struct sp_outcome *o, const struct sp_probe *p) {
    sp_verdict(o, sp_call(SYS_kcmp, getpid(), sp_world.target, 0, 0, 0, 0), p->what);
}
static void trace_sibling(struct sp_outcome *o, const struct sp_probe *p) {
    pid_t pid = sp_spawn_idle();
    if (pid < 0) return sp_broken(o, errno, "fork");
    pid_t sibling = fork();
    if (sibling == 0) _exit(sp_call(SYS_ptrace, PTRACE_SEIZE, pid, 0, 0, 0, 0) < 0 ? errno : 0);
    int status = 0;
    if (waitpid(sibling, &status, 0) != sibling) return sp_broken(o, errno, "waitpid");
    if (!WIFEXITED(status)) return sp_observed(o, "SIGSYS", "%s", p->what);
    kill(pid, SIGKILL);
    reap(pid);
    sp_verdict(o, -WEXITSTATUS(status), p->what);
}

// K15, K30. Code without a file: no execution list is claimed, so what counts is that it is just as confined.
static void execute_memory(struct sp_outcome *o, const struct sp_probe *p) {
    int fd = (int)sp_call(SYS_memfd_create, (long)"probe", MFD_CLOEXEC, 0, 0, 0, 0);
    if (fd < 0) return sp_refused(o, -fd, "memfd_create");
    int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (self < 0) return sp_refused(o, errno, "open /proc/self/exe");
    char buffer[65536];
    ssize_t n;
    while ((n = read(self, buffer, sizeof buffer)) > 0)
        if (write(fd, buffer, (size_t)n) != n) return sp_broken(o, errno, "write the copy");
    pid_t pid = fork();
    if (pid == 0) {
        char *const arguments[] = {"sp-probe", "do", "unshare-user", NULL};
        int sink = open("/dev/null", O_WRONLY);
        dup2(sink, 1);
        _exit(sp_call(SYS_execveat, fd, (long)"", (long)arguments, (long)(char *[]){NULL}, AT_EMPTY_PATH, 0) < 0 ? 126
                                                                                                              : 0);
    }
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) return sp_broken(o, EIO, "%s", p->what);
    if (WEXITSTATUS(status) == 126) return sp_refused(o, EPERM, "execveat of a memory file");
    if (WEXITSTATUS(status) == 0) return sp_escaped(o, "a program from memory may do what the task may not");
    sp_observed(o, "EPERM", "a program from memory runs and is as confined as its parent");
}

// K28. SECCOMP_FILTER_FLAG_SPEC_ALLOW would show as a thread whose speculation nobody may restrict any more.
static void speculation(struct sp_outcome *o, const struct sp_probe *p) {
    long before = sp_call(SYS_prctl, PR_GET_SPECULATION_CTRL, p->a, 0, 0, 0, 0);
    if (before < 0) return sp_missing(o, "PR_GET_SPECULATION_CTRL answers %s", sp_errno_name((int)-before));
    if (before == PR_SPEC_NOT_AFFECTED || before == PR_SPEC_ENABLE || before == PR_SPEC_DISABLE)
        return sp_missing(o, "this processor leaves no choice per process (%ld)", before);
    if (sp_world.control) return sp_escaped(o, "speculation control answers %ld", before);
    long r = sp_call(SYS_prctl, PR_SET_SPECULATION_CTRL, p->a, PR_SPEC_FORCE_DISABLE, 0, 0, 0);
    if (r < 0) return sp_escaped(o, "speculation can no longer be restricted: %s", sp_errno_name((int)-r));
    sp_observed(o, "ABSENT", "the filter left speculation control to the kernel");
}

#define WITH(id, what, fn, a) {id, what, fn, NULL, NULL, a, 0, 0, 0}
static const struct sp_probe rows[] = {
    WITH("K01a", "unshare a user namespace", unshare_flags, CLONE_NEWUSER),
    WITH("K01b", "clone into a user namespace", clone_flags, CLONE_NEWUSER),
    WITH("K01c", "clone3 into a user namespace", clone3_flags, CLONE_NEWUSER),
    WITH("K01d", "unshare user, mount and network together", unshare_flags, CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET),
    WITH("K01e", "unshare a user namespace two thousand times", many_attempts, 0),
    WITH("K01f", "unshare a mount namespace", unshare_flags, CLONE_NEWNS),
    WITH("K01g", "unshare a network namespace", unshare_flags, CLONE_NEWNET),
    WITH("K01h", "unshare a pid namespace", unshare_flags, CLONE_NEWPID),
    WITH("K01i", "unshare a cgroup namespace", unshare_flags, CLONE_NEWCGROUP),
    WITH("K01j", "clone into a network namespace", clone_flags, CLONE_NEWNET),
    {"K01k", "join the network namespace of pid 1", join_namespace, NULL, "/proc/self/ns/net", 0, 0, 0, 0},
    WITH("K02a", "clone3 without any flag", clone3_flags, 0),
    WITH("R31a", "unshare user, mount and cgroup together", unshare_flags,
         CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWCGROUP),
    WITH("K04a", "set up a ring", ring_setup, 0),
    WITH("K04b", "enter a ring", ring_other, SYS_io_uring_enter),
    WITH("K04c", "register with a ring", ring_other, SYS_io_uring_register),
    WITH("K07a", "call a number that no kernel has", unknown_number, 9999),
    WITH("K10a", "install a listener of one's own", second_listener, 0),
    WITH("K10b", "allow by a second filter what the first refuses", allow_again, 0),
    WITH("K10c", "run without a filter", strict_mode_off, 0),
    WITH("K10d", "fill the kernel's room for compiled filters", own_filter, 0),
    WITH("K10e", "fill it by prctl", own_filter_by_prctl, 0),
    WITH("K10f", "fill it by filters of sockets", socket_filter, SO_ATTACH_FILTER),
    WITH("K10g", "fill it by filters of groups of sockets", socket_filter, SO_ATTACH_REUSEPORT_CBPF),
    WITH("K12b", "read the memory of pid 1", copy_memory, SYS_process_vm_readv),
    WITH("K12c", "write the memory of pid 1", copy_memory, SYS_process_vm_writev),
    WITH("K12d", "take a descriptor of pid 1", steal_descriptor, 0),
    WITH("K12e", "compare with pid 1", compare, 0),
    WITH("K12f", "trace a sibling", trace_sibling, 0),
    WITH("K15a", "execute a program from memory", execute_memory, 0),
    WITH("K28a", "find speculation allowed by the filter", speculation, PR_SPEC_STORE_BYPASS),
};
const struct sp_table sp_kernel_table = SP_TABLE(rows);
