// SPDX-License-Identifier: Apache-2.0
// Processes of a broker: one for each connection. Every function returns -errno on failure.
#pragma once
#include <fcntl.h>
#include <linux/filter.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <time.h>

#include "sp_calls.h"
#include "sp_pairs.h"

#pragma clang assume_nonnull begin

/// Doubles a process that has one thread only: 0 in the child, which goes on as if nothing had happened. fork(2)
static inline long sp_fork(void) { SP_RET(fork()); }

/// Blocks SIGCHLD and returns a descriptor that becomes readable when a child has ended. signalfd(2)
static inline long sp_watch_children(void) {
    sigset_t children;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &children, NULL) < 0) return -errno;
    SP_RET(signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK));
}

/// Takes one child that has ended: its id, or 0 when there is none. waitpid(2)
static inline long sp_reap_any(int *status) { SP_RET(waitpid(-1, status, WNOHANG)); }
static inline long sp_reap(int pid, int *status) {
    long got;
    do got = waitpid(pid, status, 0);
    while (got < 0 && errno == EINTR);
    SP_RET(got);
}

/// Leads a group of processes of its own, and ends with the process that started it.
static inline long sp_lead_group(void) {
    if (setpgid(0, 0) < 0) return -errno;
    SP_RET(prctl(PR_SET_PDEATHSIG, SIGKILL));
}

/// Sets a plain handler and ignores what would end a process for writing to one that is gone.
static inline long sp_ignore_signal(int number) {
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    SP_RET(sigaction(number, &ignore, NULL));
}

static inline void sp_on_alarm(int number) { (void)number; }

/// Takes an exclusive lock, -ETIMEDOUT when somebody else still has it after so many seconds. flock(2)
///
/// SIGALRM has a handler that does nothing from here on, and is not blocked. The alarm is this thread's own, since
/// alarm(2) may wake any, and comes again and again: one that comes right before the call below wakes nobody.
static inline long sp_lock_within(int fd, unsigned seconds) {
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) return 0;
    if (errno != EWOULDBLOCK) return -errno;
    struct sigaction wake = {.sa_handler = sp_on_alarm};  // without SA_RESTART: the call is to end
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGALRM};
    event._sigev_un._tid = (int)syscall(SYS_gettid);
    struct itimerspec when = {.it_value = {.tv_sec = seconds}, .it_interval = {.tv_nsec = 100000000}};
    sigset_t alarms;
    timer_t timer;
    sigemptyset(&alarms);
    sigaddset(&alarms, SIGALRM);
    if (sigaction(SIGALRM, &wake, NULL) < 0 || sigprocmask(SIG_UNBLOCK, &alarms, NULL) < 0) return -errno;
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) < 0) return -errno;
    long result = timer_settime(timer, 0, &when, NULL) < 0 || flock(fd, LOCK_EX) < 0 ? -(long)errno : 0;
    timer_delete(timer);
    return result == -EINTR ? -ETIMEDOUT : result;
}

/// Refuses new threads and new namespaces from here on, in this process and in every program that it starts.
///
/// A process with one thread may fork and go on in any code; one with two may not. fork(2), clone(2)
static inline int sp_broker_filter_clone(void) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K,
                 CLONE_THREAD | CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
                     CLONE_NEWCGROUP,
                 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof code / sizeof code[0], .filter = code};
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0u, &program) < 0 ? -errno : 0;
}

/// Keeps this process, and all that it starts, in the group by which it is ended. Where it may not start anything either, a
/// new process or thread ends it, and so does the wish to leave the group.
static inline int sp_broker_keep_group(int may_start) {
    const uint32_t leaving = may_start ? SECCOMP_RET_ERRNO | EPERM : SECCOMP_RET_KILL_PROCESS;
    const uint32_t starting = may_start ? SECCOMP_RET_ALLOW : SECCOMP_RET_KILL_PROCESS;
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_setsid, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_setpgid, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, leaving),
#ifdef __x86_64__
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_fork, 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_vfork, 2, 0),
#endif
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, starting),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof code / sizeof code[0], .filter = code};
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0u, &program) < 0 ? -errno : 0;
}

/// Narrows a model broker to what it does from now on: sockets of TCP and UDP, pairs of local streams, and files opened for
/// reading only.
///
/// Its first filter had to allow the exec that started it, the route socket, and what its libraries do at their start. libcurl
/// wakes itself by a pair. Landlock leaves no file of the host to be read.
static inline int sp_model_narrow(void) {
    const int pairs = sp_narrow_pairs();
    if (pairs < 0) return pairs;
    enum { TYPE_MASK = 0xf, WRITES = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC };
    // Numbers are places in this list. Without open(2), whose flags stand elsewhere; arm64 has none.
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
#if defined(__x86_64__)
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_open, 15, 0),                    // 1: to 17
#else
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 437 /* openat2 */, 15, 0),           // 1: to 17
#endif
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_execve, 13, 0),                  // 2: to 16
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_execveat, 12, 0),                // 3: to 16
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 3),                   // 4: else to 8
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, WRITES, 10, 0),                     // 6: to 17
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 6),                   // 8: else to 15
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 2 /* AF_INET */, 1, 0),              // 10: to 12
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 10 /* AF_INET6 */, 0, 5),            // 11: else to 17
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, TYPE_MASK),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 2 /* SOCK_DGRAM; SOCK_STREAM is 1 */, 2, 0),  // 14: to 17
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),                            // 15
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),                     // 16
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),                   // 17
    };
    struct sock_fprog program = {.len = sizeof code / sizeof code[0], .filter = code};
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0u, &program) < 0 ? -errno : 0;
}

#pragma clang assume_nonnull end
