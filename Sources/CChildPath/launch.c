// SPDX-License-Identifier: Apache-2.0
// clone3 with shared memory: the parent's page tables are never copied, so the cost of a start does not grow with
// the parent's heap (a copying clone of a 1 GB parent costs 64 ms). The child gets a stack of its own, so the parent
// goes on at once: it writes the id maps while the child is still being made ready (no CLONE_VFORK).
#include <errno.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/securebits.h>
#include <signal.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "raw.h"
#include "sp_child.h"
#include "walk.h"

enum { STACK_BYTES = 64 * 1024 };
// One launch at a time per process: the caller waits for the child to execute or end before it starts another.
static _Alignas(16) unsigned char child_stack[STACK_BYTES];

// What the tasks of a user namespace take of a user's share (inotify instances, queued signals, message queues) counts
// against whoever made it as well: made by root, all sessions and the host's root would share one allowance. The calling
// thread alone is therefore another user for the length of the clone; the capabilities it keeps decide as before.
// namespaces(7) on /proc/sys/user
struct owner_change {
    long bits, parent;
    int death;
};
static long become(uint32_t owner, struct owner_change *change) {
    // A change of credentials clears it. prctl(2)
    long error = sp_sys(SYS_prctl, PR_GET_PDEATHSIG, &change->death);
    if (error < 0) return error;
    change->parent = sp_sys(SYS_getppid);
    change->bits = sp_sys(SYS_prctl, PR_GET_SECUREBITS);
    if (change->bits < 0) return change->bits;
    error = sp_sys(SYS_prctl, PR_SET_SECUREBITS, change->bits | SECBIT_NO_SETUID_FIXUP);
    if (error < 0) return error;
    error = sp_sys(SYS_setresuid, -1, owner, -1);
    if (error < 0) sp_sys(SYS_prctl, PR_SET_SECUREBITS, change->bits);
    return error;
}
static long return_from(const struct owner_change *change) {
    long error = sp_sys(SYS_setresuid, -1, 0, -1);
    if (error < 0) return error;
    error = sp_sys(SYS_prctl, PR_SET_SECUREBITS, change->bits);
    if (error < 0 || !change->death) return error;
    error = sp_sys(SYS_prctl, PR_SET_PDEATHSIG, change->death);
    // It ended meanwhile.
    long self = sp_sys(SYS_getpid);
    if (error == 0 && sp_sys(SYS_getppid) != change->parent) sp_sys(SYS_kill, self, change->death);
    return error;
}

pid_t sp_launch(const struct sp_plan *plan, int32_t *pidfd) {
    struct clone_args args = {
        .flags = plan->clone_flags | CLONE_VM | CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
        .pidfd = (uint64_t)(uintptr_t)pidfd,
        .exit_signal = SIGCHLD,
        .stack = (uint64_t)(uintptr_t)child_stack,
        .stack_size = STACK_BYTES,
        .cgroup = (uint64_t)(plan->cgroup_fd < 0 ? 0 : plan->cgroup_fd),
    };
    long ret;
    struct owner_change change = {0};
    if (plan->owner && (ret = become(plan->owner, &change)) < 0) return (pid_t)ret;
#if defined(__x86_64__)
    // The child returns from the system call on an empty stack: nothing of this frame may be used there, so the
    // plan travels in a register that the kernel preserves.
    register const struct sp_plan *kept __asm__("r12") = plan;
    __asm__ volatile(
        "syscall\n\t"
        "test %%rax, %%rax\n\t"
        "jnz 1f\n\t"
        "xor %%ebp, %%ebp\n\t"
        "mov %%r12, %%rdi\n\t"
        "call sp_walk\n\t"
        "ud2\n"
        "1:"
        : "=a"(ret)
        : "a"(SYS_clone3), "D"(&args), "S"(sizeof args), "r"(kept)
        : "rcx", "r11", "memory");
#elif defined(__aarch64__)
    register long x8 __asm__("x8") = SYS_clone3;
    register long x0 __asm__("x0") = (long)&args;
    register long x1 __asm__("x1") = (long)sizeof args;
    register const struct sp_plan *kept __asm__("x19") = plan;
    __asm__ volatile(
        "svc 0\n\t"
        "cbnz x0, 1f\n\t"
        "mov x29, xzr\n\t"
        "mov x0, x19\n\t"
        "bl sp_walk\n\t"
        "brk 1\n"
        "1:"
        : "+r"(x0)
        : "r"(x8), "r"(x1), "r"(kept)
        : "x30", "memory", "cc");
    ret = x0;
#endif
    long error = plan->owner ? return_from(&change) : 0;
    if (error == 0 || ret < 0) return (pid_t)ret;
    // Nobody goes on from a state that is not understood.
    sp_sys(SYS_pidfd_send_signal, *pidfd, SIGKILL, 0, 0);
    return (pid_t)error;
}

long sp_limit_files(uint32_t owner, pid_t pid, uint64_t files) {
    struct rlimit limit = {.rlim_cur = files, .rlim_max = files};
    struct owner_change change = {0};
    long error = owner ? become(owner, &change) : 0;
    if (error < 0) return error;
    long result = sp_sys(SYS_prlimit64, pid, RLIMIT_NOFILE, &limit, NULL);
    error = owner ? return_from(&change) : 0;
    return error < 0 ? error : result;
}
