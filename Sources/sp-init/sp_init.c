// SPDX-License-Identifier: Apache-2.0
// sp-init: pid 1 of the sandbox. Already filtered and under Landlock when it starts; it gives up its last three
// capabilities before any byte of the workload runs, reaps everything, and reports the workload's end.
//
// It handles no signal: with an empty capability set it could not signal another uid anyway, so it hands the
// supervisor a pidfd of the workload and the supervisor signals from outside.
#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/prctl.h>
#include <linux/securebits.h>
#include <signal.h>
#include <sys/socket.h>

#include "../CChildPath/include/sp_init.h"
#include "exec.h"
#include "start.h"

static __attribute__((noreturn)) void leave(int code) {
    for (;;) sp_sys(SYS_exit_group, code);
}

static void report(uint32_t kind, int32_t value, long pidfd) {
    struct sp_init_report record = {.kind = kind, .value = value};
    _Alignas(struct cmsghdr) unsigned char control[CMSG_SPACE(sizeof(int32_t))] = {0};
    struct iovec bytes = {.iov_base = &record, .iov_len = sizeof record};
    struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1};
    if (pidfd >= 0) {
        struct cmsghdr *header = (struct cmsghdr *)control;
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int32_t));
        *(int32_t *)CMSG_DATA(header) = (int32_t)pidfd;
        message.msg_control = control;
        message.msg_controllen = sizeof control;
    }
    // A supervisor that is gone cannot be told; its death has already ended this namespace (PDEATHSIG).
    (void)sp_sys(SYS_sendmsg, SP_INIT_STATUS_FD, &message, MSG_NOSIGNAL);
}

static __attribute__((noreturn)) void give_up(long error) {
    report(SP_INIT_FAILED, (int32_t)-error, -1);
    leave(125);
}

static void must(long result) {
    if (result < 0) give_up(result);
}

// Out of the bounding set first, while CAP_SETPCAP is still there; then no exec can bring anything back.
// capabilities(7), "Securebits"
static void lock_privileges(void) {
    static const int kept[] = {CAP_SETUID, CAP_SETGID};
    for (unsigned i = 0; i < sizeof kept / sizeof *kept; i++) must(sp_sys(SYS_prctl, PR_CAPBSET_DROP, kept[i]));
    must(sp_sys(SYS_prctl, PR_SET_SECUREBITS,
                SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
                    SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED));
    must(sp_sys(SYS_prctl, PR_CAPBSET_DROP, CAP_SETPCAP));
}

static long drop_capabilities(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    struct __user_cap_data_struct none[2] = {{0, 0, 0}, {0, 0, 0}};
    return sp_sys(SYS_capset, &header, none);
}

static void take_terminal(void) {
    for (int fd = 0; fd < 3; fd++)
        if (sp_sys(SYS_ioctl, fd, TIOCSCTTY, 0) == 0) return;
}

// A pipe numbered above everything that is the workload's.
static void make_pipe(int ends[2]) {
    must(sp_sys(SYS_pipe2, ends, O_CLOEXEC));
    for (int i = 0; i < 2; i++) {
        long kept = sp_sys(SYS_fcntl, ends[i], F_DUPFD_CLOEXEC, 32);
        must(kept);
        sp_sys(SYS_close, ends[i]);
        ends[i] = (int)kept;
    }
}

struct setup {
    uint32_t flags, uid, gid;
    int confined, failed;  // pipe ends of the child
};

static __attribute__((noreturn)) void fail(const struct setup *s, uint32_t kind, long error) {
    struct sp_init_report record = {.kind = kind, .value = (int32_t)-error};
    (void)sp_sys(SYS_write, s->failed, &record, sizeof record);
    leave(125);
}

// Until its exec this process is ours: it reports itself and takes the supervisor's word itself, so that a start does not
// wait for pid 1 to be scheduled twice in between.
static __attribute__((noreturn)) void workload(const struct setup *s, char **argv, char **envp) {
    long error = 0;
    if (s->flags & SP_INIT_SET_IDS) {
        error = sp_sys(SYS_setgroups, 0, NULL);
        if (error >= 0) error = sp_sys(SYS_setresgid, s->gid, s->gid, s->gid);
        if (error >= 0) error = sp_sys(SYS_setresuid, s->uid, s->uid, s->uid);
        if (error >= 0) error = drop_capabilities();
    }
    if (error >= 0) error = sp_sys(SYS_setsid);
    if (error >= 0 && s->flags & SP_INIT_TERMINAL) take_terminal();
    // Nothing of the workload runs before pid 1 has no capability left and the supervisor has read back from the
    // kernel what this process now is.
    char byte;
    if (error >= 0 && sp_sys(SYS_read, s->confined, &byte, 1) != 1) leave(125);
    long pid = error < 0 ? error : sp_sys(SYS_getpid);
    long pidfd = pid < 0 ? pid : sp_sys(SYS_pidfd_open, pid, 0);
    if (pidfd < 0) fail(s, SP_INIT_FAILED, pidfd);
    report(SP_INIT_STARTED, (int32_t)pid, pidfd);
    (void)sp_sys(SYS_close, pidfd);
    if (sp_sys(SYS_read, SP_INIT_STATUS_FD, &byte, 1) != 1) leave(125);
    uint64_t none = 0;
    sp_sys(SYS_rt_sigprocmask, SIG_SETMASK, &none, 0, sizeof none);
    fail(s, SP_INIT_EXEC_FAILED, execute(argv, envp));
}

static int32_t reap_until(long main_pid) {
    for (;;) {
        int status = 0;
        long pid = sp_sys(SYS_wait4, -1, &status, 0, 0);
        if (pid == main_pid) return status;
        if (pid < 0 && pid != -EINTR) give_up(pid);
    }
}

__attribute__((noreturn, used)) void sp_main(long *stack) {
    char **argv = (char **)(stack + 1);
    char **envp = argv + stack[0] + 1;
    // The workload can execute this file again (a script's #!/proc/self/exe); that is no session. CVE-2019-5736
    if (sp_sys(SYS_getpid) != 1) leave(125);
    must(sp_sys(SYS_prctl, PR_SET_DUMPABLE, 0));
    // A program in memory is called memfd:... after its file, which says nothing to whoever reads ps. execveat(2)
    must(sp_sys(SYS_prctl, PR_SET_NAME, "sp-init"));
    if (stack[0] < 3) give_up(-EINVAL);
    const char *numbers = argv[1];
    struct setup s = {0};
    s.flags = number(&numbers);
    s.uid = number(&numbers);
    s.gid = number(&numbers);
    if (!(s.flags & SP_INIT_KEEP_3)) (void)sp_sys(SYS_close, 3);
    if (!(s.flags & SP_INIT_KEEP_4)) (void)sp_sys(SYS_close, 4);
    must(sp_sys(SYS_close_range, 5, ~0u, CLOSE_RANGE_CLOEXEC));
    uint64_t all = ~0ull;
    must(sp_sys(SYS_rt_sigprocmask, SIG_SETMASK, &all, 0, sizeof all));
    if (s.flags & SP_INIT_SET_IDS) lock_privileges();

    int confined[2], failed[2];
    make_pipe(confined);
    make_pipe(failed);
    s.confined = confined[0];
    s.failed = failed[1];
    long pid = sp_sys(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    must(pid);
    if (pid == 0) {
        (void)sp_sys(SYS_close, confined[1]);
        workload(&s, argv + 2, envp);
    }
    must(drop_capabilities());
    (void)sp_sys(SYS_close, failed[1]);
    (void)sp_sys(SYS_close, confined[0]);
    char byte = 1;
    // EPIPE: the child could not take its place and has said why.
    long told = sp_sys(SYS_write, confined[1], &byte, 1);
    if (told < 0 && told != -EPIPE) give_up(told);
    // The workload's ends of stdio and of the channels are its own from here on: pid 1 holding them would keep a
    // reader waiting for an end of file that never comes.
    for (int fd = 0; fd < 5; fd++) (void)sp_sys(SYS_close, fd);
    int32_t status = reap_until(pid);
    // Its end is closed by exec, or by its death at the latest: this never waits.
    struct sp_init_report failure;
    if (sp_sys(SYS_read, failed[0], &failure, sizeof failure) == sizeof failure) report(failure.kind, failure.value, -1);
    else report(SP_INIT_EXITED, status, -1);
    leave(0);
}

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall sp_main\n");
#elif defined(__aarch64__)
__asm__(".globl _start\n_start:\n\tmov x29, xzr\n\tmov x30, xzr\n\tmov x0, sp\n\tbl sp_main\n");
#endif

// The package manager links executables through a renamed main; this program starts at _start.
int main(void) { return 125; }
