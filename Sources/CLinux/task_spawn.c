// SPDX-License-Identifier: Apache-2.0
#include "sp_task_spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { most_descriptors = 8 };

// Runs in the child of a fork: only async-signal-safe calls, no return. signal-safety(7)
static void become(const char *path, char *const *argv, char *const *environment, const int *descriptors, int count,
                   int report, pid_t parent) {
    int held[most_descriptors];
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
    // The parent may have ended before the line above took effect. prctl(2)
    if (getppid() != parent) _exit(125);
    struct sigaction plain = {.sa_handler = SIG_DFL};
    for (int number = 1; number < 32; number++) sigaction(number, &plain, NULL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve(path, argv, environment);
failed:;
    int reason = errno;
    ssize_t ignored = write(report, &reason, sizeof reason);
    (void)ignored;
    _exit(125);
}

long sp_task_spawn(const char *path, char *const *argv, char *const *environment, const int *descriptors, int count) {
    int ends[2];
    if (count > most_descriptors) return -EINVAL;
    if (pipe2(ends, O_CLOEXEC) < 0) return -errno;
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid_t parent = getpid();
    pid_t child = fork();
    if (child == 0) become(path, argv, environment, descriptors, count, ends[1], parent);
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

long sp_task_become(const char *path, char *const *argv) { return execve(path, argv, environ) < 0 ? -errno : 0; }
