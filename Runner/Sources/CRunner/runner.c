// SPDX-License-Identifier: Apache-2.0
#include "sp_runner.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

// The seed of Swift's Hasher; musl has no arc4random_buf.
void arc4random_buf(void *buffer, size_t count) {
    char *at = buffer;
    while (count > 0) {
        ssize_t got = getrandom(at, count > 256 ? 256 : count, 0);
        if (got <= 0) abort();
        at += got;
        count -= (size_t)got;
    }
}

static long finish_open(int fd, long result) {
    close(fd);
    return result;
}

static pid_t start(const char *const *argv, const char *const *environment, int standard_output, sigset_t *mask) {
    pid_t child = fork();
    if (child != 0) {
        // On both sides, so that the group exists whoever runs first. setpgid(2)
        if (child > 0) setpgid(child, child);
        return child;
    }
    setpgid(0, 0);
    int null = open("/dev/null", O_RDONLY);
    if (null >= 0 && null != 0) {
        dup2(null, 0);
        close(null);
    }
    if (standard_output >= 0) dup2(standard_output, 1);
    sigprocmask(SIG_SETMASK, mask, NULL);
    signal(SIGPIPE, SIG_DFL);
    execve(argv[0], (char *const *)argv, (char *const *)environment);
    _exit(errno == ENOENT ? 127 : 126);
}

static void record(int status, struct sp_end *end) {
    end->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    end->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static long await(pid_t child, int64_t timeout_ms, const sigset_t *watched, struct sp_end *end) {
    int64_t deadline = timeout_ms > 0 ? sp_milliseconds() + timeout_ms : 0;
    int status = 0;
    for (;;) {
        pid_t ended = waitpid(child, &status, WNOHANG);
        if (ended < 0) return -errno;
        if (ended == child) break;
        // SIGCHLD is blocked, so one that came since the check above is pending here and none is missed.
        if (deadline == 0) {
            sigwaitinfo(watched, NULL);
            continue;
        }
        int64_t left = deadline - sp_milliseconds();
        if (left <= 0) {
            end->timed_out = 1;
            kill(-child, SIGKILL);
            if (waitpid(child, &status, 0) < 0) return -errno;
            break;
        }
        struct timespec wait = {left / 1000, (long)(left % 1000) * 1000000};
        sigtimedwait(watched, NULL, &wait);
    }
    record(status, end);
    kill(-child, SIGKILL);
    return 0;
}

long sp_run(const char *const *argv, const char *const *environment, int standard_output, int64_t timeout_ms,
            struct sp_end *end) {
    sigset_t watched, before;
    memset(end, 0, sizeof *end);
    sigemptyset(&watched);
    sigaddset(&watched, SIGCHLD);
    sigprocmask(SIG_BLOCK, &watched, &before);
    pid_t child = start(argv, environment, standard_output, &before);
    long result = child < 0 ? -errno : await(child, timeout_ms, &watched, end);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return result;
}

long sp_capture(const char *const *argv, const char *const *environment, char *buffer, size_t room,
                struct sp_end *end) {
    int ends[2];
    sigset_t mask;
    memset(end, 0, sizeof *end);
    sigprocmask(SIG_SETMASK, NULL, &mask);
    if (pipe2(ends, O_CLOEXEC) < 0) return -errno;
    pid_t child = start(argv, environment, ends[1], &mask);
    if (child < 0) {
        close(ends[1]);
        return finish_open(ends[0], -errno);
    }
    close(ends[1]);
    size_t used = 0;
    char rest[4096];
    long result = 0;
    for (;;) {
        ssize_t got = used < room ? read(ends[0], buffer + used, room - used) : read(ends[0], rest, sizeof rest);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) {
            if (got < 0) result = -errno;
            break;
        }
        if (used == room) result = -EFBIG;
        else used += (size_t)got;
    }
    close(ends[0]);
    int status = 0;
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) return -errno;
    }
    record(status, end);
    return result < 0 ? result : (long)used;
}

long sp_become(const char *const *argv, const char *const *environment) {
    signal(SIGPIPE, SIG_DFL);
    execve(argv[0], (char *const *)argv, (char *const *)environment);
    return -errno;
}

long sp_write_all(int fd, const char *bytes, size_t count) {
    while (count > 0) {
        ssize_t done = write(fd, bytes, count);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return -errno;
        bytes += done;
        count -= (size_t)done;
    }
    return 0;
}

long sp_keep_private(int fd) { return fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ? -errno : 0; }

static long put_file(const char *path, int flags, const char *bytes, size_t count) {
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0644);
    if (fd < 0) return -errno;
    return finish_open(fd, sp_write_all(fd, bytes, count));
}

long sp_write_file(const char *path, const char *bytes, size_t count) {
    return put_file(path, O_TRUNC, bytes, count);
}

long sp_append_file(const char *path, const char *bytes, size_t count) {
    return put_file(path, O_APPEND, bytes, count);
}

long sp_read_file(const char *path, char *buffer, size_t room) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -errno;
    size_t used = 0;
    while (used < room) {
        ssize_t got = read(fd, buffer + used, room - used);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return finish_open(fd, -errno);
        if (got == 0) return finish_open(fd, (long)used);
        used += (size_t)got;
    }
    char more;
    return finish_open(fd, read(fd, &more, 1) == 0 ? (long)used : -EFBIG);
}

long sp_is_executable(const char *path) { return access(path, X_OK) < 0 ? -errno : 0; }
void sp_ignore_broken_pipes(void) { signal(SIGPIPE, SIG_IGN); }
long sp_change_directory(const char *path) { return chdir(path) < 0 ? -errno : 0; }

const char *sp_environment(size_t index) {
    for (size_t i = 0; environ && environ[i]; i++) {
        if (i == index) return environ[i];
    }
    return NULL;
}

int64_t sp_milliseconds(void) {
    struct timespec t = {0};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

const char *sp_error_text(int number) { return strerror(number); }
