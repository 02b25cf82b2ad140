// SPDX-License-Identifier: Apache-2.0
#include "sp_task_spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { most_descriptors = 8, first_kept = 6 };

// Signals by which somebody asks a process to stop.
static const int requests[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};
enum { requests_count = sizeof requests / sizeof *requests };

// What a child has to know of the process that started it.
struct start {
    pid_t parent;
    // The pipe on which it says why it could not.
    int report[2];
    // Whether it is the first of a pid namespace.
    int alone;
};

// Nobody reads what is written to it any more. poll(2)
static int is_unread(int pipe) {
    struct pollfd polled = {.fd = pipe};
    return poll(&polled, 1, 0) > 0 && (polled.revents & POLLERR) != 0;
}

// Runs in the child of a fork: only async-signal-safe calls, no return. signal-safety(7)
static void become(const char *path, char *const *argv, char *const *environment, const int *descriptors, int count,
                   const struct start *start) {
    int held[most_descriptors];
    int report = start->report[1];
    close(start->report[0]);
    // First out of the way of the numbers to be assigned, then into place; dup2 clears close-on-exec. dup(2)
    for (int i = 0; i < count; i++) {
        int from = descriptors[i] >= 0 ? descriptors[i] : open("/dev/null", O_RDWR | O_CLOEXEC);
        if (from < 0 || (held[i] = fcntl(from, F_DUPFD_CLOEXEC, 64)) < 0) goto failed;
    }
    if ((report = fcntl(report, F_DUPFD_CLOEXEC, 64)) < 0) _exit(125);
    for (int i = 0; i < count; i++) {
        if (dup2(held[i], i) < 0) goto failed;
    }
    // CLOSE_RANGE_CLOEXEC: the report pipe is still needed. close_range(2)
    if (syscall(SYS_close_range, (unsigned)count, ~0u, 4u) < 0) goto failed;
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0) goto failed;
    // The parent may have ended before the line above took effect. prctl(2) In a pid namespace it has no number.
    if (start->alone ? is_unread(report) : getppid() != start->parent) _exit(125);
    struct sigaction plain = {.sa_handler = SIG_DFL};
    for (int number = 1; number < 32; number++) sigaction(number, &plain, NULL);
    sigset_t mask;
    sigemptyset(&mask);
    // The first process of a namespace never hears what has no handler; what is blocked waits for sp_task_keep.
    // pid_namespaces(7)
    for (int i = 0; i < requests_count && start->alone; i++) sigaddset(&mask, requests[i]);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    execve(path, argv, environment);
failed:;
    int reason = errno;
    ssize_t ignored = write(report, &reason, sizeof reason);
    (void)ignored;
    _exit(125);
}

// A copy of this process: fork(2), or the first process of a pid namespace. clone(2)
static pid_t copy(const struct start *start) {
    if (!start->alone) return fork();
    // Whoever is not root may make one in a user namespace. It maps no id: to files the caller stays who it is.
    unsigned long flags = SIGCHLD | CLONE_NEWPID | (geteuid() == 0 ? 0 : CLONE_NEWUSER);
    return (pid_t)syscall(SYS_clone, flags, NULL, NULL, NULL, NULL);
}

static long spawn(const char *path, char *const *argv, char *const *environment, const int *descriptors, int count,
                  int alone) {
    struct start start = {.parent = getpid(), .alone = alone};
    int *ends = start.report;
    if (count > most_descriptors) return -EINVAL;
    if (pipe2(ends, O_CLOEXEC) < 0) return -errno;
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid_t child = copy(&start);
    if (child == 0) become(path, argv, environment, descriptors, count, &start);
    int failed = child < 0 ? errno : 0;
    sigprocmask(SIG_SETMASK, &before, NULL);
    close(ends[1]);
    int reason = 0;
    ssize_t got = 0;
    if (child > 0) {
        do {
            got = read(ends[0], &reason, sizeof reason);
        } while (got < 0 && errno == EINTR);
    }
    close(ends[0]);
    if (child < 0) return -failed;
    if (got == (ssize_t)sizeof reason) {
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR) continue;
        return -reason;
    }
    return child;
}

long sp_task_spawn(const char *path, char *const *argv, char *const *environment, const int *descriptors, int count) {
    return spawn(path, argv, environment, descriptors, count, 0);
}

long sp_task_spawn_alone(const char *path, char *const *argv, char *const *environment, const int *descriptors,
                         int count) {
    return spawn(path, argv, environment, descriptors, count, 1);
}

long sp_task_keep(const char *path, char *const *argv) {
    // Elsewhere the signal to everybody, below, would go to strangers.
    if (getpid() != 1) return -EPERM;
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &all, NULL);
    if (prctl(PR_SET_PDEATHSIG, SIGUSR1) < 0) return -errno;
    // Whoever started this reads what it says, and may have ended before the line above took effect.
    if (is_unread(STDOUT_FILENO)) return -ESRCH;
    pid_t child = fork();
    if (child < 0) return -errno;
    if (child == 0) {
        // CLOSE_RANGE_CLOEXEC. close_range(2)
        if (syscall(SYS_close_range, first_kept, ~0u, 4u) < 0) _exit(125);
        sigprocmask(SIG_SETMASK, &none, NULL);
        execve(path, argv, environ);
        _exit(125);
    }
    int status = 0, over = 0;
    while (!over) {
        int number = sigwaitinfo(&all, NULL);
        if (number == SIGCHLD) {
            int ended;
            pid_t which;
            while ((which = waitpid(-1, &ended, WNOHANG)) > 0) {
                if (which != child) continue;
                status = ended;
                over = 1;
            }
        } else if (number == SIGUSR1) {
            // The process that started this is gone.
            status = SIGKILL;
            over = 1;
        } else if (number > 0) {
            kill(child, number);
        }
    }
    // Everybody else in the namespace, and nobody outside. kill(2)
    kill(-1, SIGKILL);
    while (waitpid(-1, NULL, 0) > 0 || errno == EINTR) continue;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

long sp_task_become(const char *path, char *const *argv) { return execve(path, argv, environ) < 0 ? -errno : 0; }
