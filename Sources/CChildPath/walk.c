// SPDX-License-Identifier: Apache-2.0
// The child's only loop: do each step, report the first that fails, execute.
#include "walk.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>

#include "raw.h"

enum { MAX_ARGUMENTS = 65536 };

static __attribute__((noreturn)) void fail(const struct sp_plan *plan, uint32_t label, long error) {
    struct sp_failure report = {.label = label, .error = (int32_t)-error};
    // Nothing can be done if the report is not read: the parent then sees only that no program was executed.
    (void)sp_sys(SYS_write, plan->report_fd, &report, sizeof report);
    for (;;) sp_sys(SYS_exit_group, 125);
}

// Descriptors below 32 are where SP_DUP puts the ones the program is to see; keep ours out of that way.
enum { FIRST_KEPT_FD = 64 };

long sp_keep(struct sp_walk_state *w, uint64_t slot, long fd) {
    if (fd < 0) return fd;
    if (slot >= SP_SLOTS) return -EINVAL;
    long kept = sp_sys(SYS_fcntl, fd, F_DUPFD_CLOEXEC, FIRST_KEPT_FD);
    sp_sys(SYS_close, fd);
    if (kept < 0) return kept;
    w->slots[slot] = (int32_t)kept;
    return 0;
}

// Fault point: the supervisor's other thread kills the whole supervisor when it reads this byte, as kill -9 at this
// very step would; the end of file is its death. Then the walk goes on, as the walk of an orphan would.
static void stop_here(const struct sp_plan *plan) {
    char byte = 1;
    if (sp_sys(SYS_write, plan->stop_fd, &byte, 1) == 1) (void)sp_sys(SYS_read, plan->stop_fd, &byte, 1);
}

static long step(struct sp_walk_state *w, const struct sp_step *s) {
    switch ((enum sp_op)s->op) {
    case SP_PRIVATE: case SP_FILESYSTEM: case SP_ATTACH: case SP_ATTACH_AT: case SP_CLONE_TREE: case SP_CHDIR_FD:
    case SP_MAKE: case SP_OPEN: case SP_READ_ONLY: case SP_MASK: case SP_PIVOT: case SP_CHDIR:
        return sp_step_mount(w, s);
    case SP_IDS: case SP_KEYRING: case SP_LANDLOCK_CREATE: case SP_LANDLOCK_ALLOW: case SP_LANDLOCK_RESTRICT:
    case SP_BOUNDING: case SP_CAPABILITIES: case SP_SECUREBITS: case SP_NO_NEW_PRIVILEGES: case SP_SECCOMP:
    case SP_UNDUMPABLE:
        return sp_step_privilege(w, s);
    case SP_WRITE: case SP_UNSHARE: case SP_WAIT_BYTE: case SP_LOOPBACK_UP: case SP_HOSTNAME: case SP_RLIMIT:
    case SP_PTY: case SP_SEND: case SP_DUP: case SP_DEATH_SIGNAL: case SP_SETNS: case SP_CLOSE_FROM: case SP_SETSID:
    case SP_UMASK: case SP_CLOSE: case SP_EXIT:
        return sp_step_process(w, s);
    case SP_NETLINK: case SP_SOCKET: case SP_SOCKET_OPTION: case SP_SOCKET_FILTER: case SP_BIND: case SP_LISTEN:
        return sp_step_network(w, s);
    }
    return -EINVAL;
}

// The arrays of pointers that execve wants are written over the arrays of offsets, which are laid out 8 bytes apart
// for this purpose; the block is the child's alone until it executes.
static char *const *pointers(const struct sp_plan *plan, const char *blob, uint32_t offset) {
    uint64_t *slots = (uint64_t *)(uintptr_t)(blob + offset);
    (void)plan;
    for (uint32_t i = 0; i < MAX_ARGUMENTS; i++) {
        if (slots[i] == SP_NONE) {
            slots[i] = 0;
            break;
        }
        slots[i] = (uint64_t)(uintptr_t)(blob + slots[i]);
    }
    return (char *const *)slots;
}

static void begin(struct sp_walk_state *w, const struct sp_plan *plan) {
    w->plan = plan;
    w->steps = (const struct sp_step *)(plan + 1);
    w->blob = (const char *)(w->steps + plan->step_count);
    w->root = -1;
    for (int i = 0; i < SP_SLOTS; i++) {
        w->slots[i] = -1;
        // Or the compiler makes a call of memset of this loop.
        __asm__ volatile("");
    }
}

// 0, or the errno of the step that failed.
static long walk(struct sp_walk_state *w, uint32_t *label) {
    for (uint32_t i = 0; i < w->plan->step_count; i++) {
        *label = w->steps[i].label;
        if (w->plan->stop_fd >= 0 && *label == w->plan->stop_label) stop_here(w->plan);
        long error = step(w, &w->steps[i]);
        if (error < 0) return error;
    }
    return 0;
}

int32_t sp_walk_here(const struct sp_plan *plan, int32_t *slots, struct sp_failure *failure) {
    struct sp_walk_state w;
    begin(&w, plan);
    uint32_t label = 0;
    long error = walk(&w, &label);
    for (int i = 0; i < SP_SLOTS; i++) {
        slots[i] = w.slots[i];
        __asm__ volatile("");
    }
    *failure = (struct sp_failure){.label = label, .error = (int32_t)-error};
    return error < 0 ? -1 : 0;
}

void sp_walk(const struct sp_plan *plan) {
    struct sp_walk_state w;
    begin(&w, plan);
    uint32_t label = 0;
    long failed = walk(&w, &label);
    if (failed < 0) fail(plan, label, failed);
    char *const *argv = pointers(plan, w.blob, plan->argv);
    char *const *envp = pointers(plan, w.blob, plan->envp);
    uint64_t unblocked = 0;
    // Every signal was blocked around clone; the program starts with none blocked. signal(7)
    sp_sys(SYS_rt_sigprocmask, SIG_SETMASK, &unblocked, 0, sizeof unblocked);
    long error = sp_sys(SYS_execveat, plan->exec_fd, "", argv, envp, AT_EMPTY_PATH);
    fail(plan, plan->exec_label, error);
}

const char *sp_op_name(uint16_t op) {
    static const char *const names[] = {
        [SP_WRITE] = "write", [SP_UNSHARE] = "unshare", [SP_WAIT_BYTE] = "wait_byte", [SP_IDS] = "ids",
        [SP_LOOPBACK_UP] = "loopback_up", [SP_HOSTNAME] = "hostname", [SP_PRIVATE] = "private",
        [SP_FILESYSTEM] = "filesystem", [SP_ATTACH] = "attach", [SP_ATTACH_AT] = "attach_at",
        [SP_CLONE_TREE] = "clone_tree", [SP_CHDIR_FD] = "chdir_fd", [SP_MAKE] = "make", [SP_OPEN] = "open",
        [SP_READ_ONLY] = "read_only", [SP_MASK] = "mask", [SP_PIVOT] = "pivot", [SP_CHDIR] = "chdir",
        [SP_KEYRING] = "keyring", [SP_RLIMIT] = "rlimit", [SP_LANDLOCK_CREATE] = "landlock_create",
        [SP_LANDLOCK_ALLOW] = "landlock_allow", [SP_LANDLOCK_RESTRICT] = "landlock_restrict",
        [SP_BOUNDING] = "bounding", [SP_CAPABILITIES] = "capabilities", [SP_SECUREBITS] = "securebits",
        [SP_NO_NEW_PRIVILEGES] = "no_new_privileges", [SP_SECCOMP] = "seccomp", [SP_PTY] = "pty", [SP_SEND] = "send",
        [SP_DUP] = "dup", [SP_DEATH_SIGNAL] = "death_signal", [SP_UNDUMPABLE] = "undumpable", [SP_SETNS] = "setns",
        [SP_CLOSE_FROM] = "close_from", [SP_SETSID] = "setsid", [SP_UMASK] = "umask", [SP_CLOSE] = "close", [SP_EXIT] = "exit",
        [SP_NETLINK] = "netlink", [SP_SOCKET] = "socket", [SP_SOCKET_OPTION] = "socket_option",
        [SP_SOCKET_FILTER] = "socket_filter", [SP_BIND] = "bind", [SP_LISTEN] = "listen",
    };
    return op < sizeof names / sizeof *names ? names[op] : NULL;
}
