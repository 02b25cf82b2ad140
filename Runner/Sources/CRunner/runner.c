// SPDX-License-Identifier: Apache-2.0
#include "sp_runner.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
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

static pid_t start(const char *const *argv, const char *const *environment, const struct sp_start *how) {
    pid_t child = fork();
    if (child != 0) {
        // On both sides, so that the group exists whoever runs first. setpgid(2)
        if (child > 0) setpgid(child, child);
        return child;
    }
    setpgid(0, 0);
    int input = open(how->input ? how->input : "/dev/null", O_RDONLY);
    if (input < 0) _exit(126);
    if (input != 0) {
        dup2(input, 0);
        close(input);
    }
    if (how->standard_output >= 0) dup2(how->standard_output, 1);
    if (how->joins_errors) dup2(1, 2);
    signal(SIGPIPE, SIG_DFL);
    execve(argv[0], (char *const *)argv, (char *const *)environment);
    _exit(errno == ENOENT ? 127 : 126);
}

static void record(int status, struct sp_end *end) {
    end->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    end->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

long sp_begin(const char *const *argv, const char *const *environment, const struct sp_start *how) {
    pid_t child = start(argv, environment, how);
    return child < 0 ? -errno : child;
}

long sp_await(int child, int events, char *buffer, size_t room, int64_t deadline_ms) {
    // The child is ours and not reaped here, so its id cannot name another process.
    int pidfd = (int)syscall(SYS_pidfd_open, child, 0);
    if (pidfd < 0) return -errno;
    struct pollfd polled[2] = {{.fd = pidfd, .events = POLLIN}, {.fd = events, .events = POLLIN}};
    for (;;) {
        int64_t left = deadline_ms > 0 ? deadline_ms - sp_milliseconds() : -1;
        if (deadline_ms > 0 && left <= 0) return finish_open(pidfd, -ETIME);
        int ready = poll(polled, 2, left > INT32_MAX ? INT32_MAX : (int)left);
        if (ready < 0 && errno != EINTR) return finish_open(pidfd, -errno);
        if (ready <= 0) continue;
        if (polled[1].revents & POLLIN) {
            ssize_t got = read(events, buffer, room);
            if (got > 0) return finish_open(pidfd, got);
        }
        if (polled[0].revents) return finish_open(pidfd, 0);
    }
}

// The parent of a process, from the fourth field of its stat; what stands in brackets may hold anything. proc(5)
static pid_t parent_of(const char *name) {
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/%.20s/stat", name);
    long length = sp_read_file(path, text, sizeof text - 1);
    if (length <= 0) return -1;
    text[length] = 0;
    const char *end = strrchr(text, ')');
    int parent = -1;
    return end && sscanf(end + 1, " %*c %d", &parent) == 1 ? parent : -1;
}

static int kill_children(void) {
    DIR *processes = opendir("/proc");
    if (!processes) return 0;
    int count = 0;
    struct dirent *entry;
    pid_t own = getpid();
    while ((entry = readdir(processes))) {
        if (entry->d_name[0] < '1' || entry->d_name[0] > '9') continue;
        if (parent_of(entry->d_name) == own && kill((pid_t)atoi(entry->d_name), SIGKILL) == 0) count++;
    }
    closedir(processes);
    return count;
}

// Killed children hand us theirs, so this goes round until there is none. What forks faster than it dies ends it: the
// sandbox goes away soon, and nothing here protects the host.
static int kill_leftovers(void) {
    int count = 0, status = 0;
    for (int round = 0; round < 200;) {
        pid_t ended = waitpid(-1, &status, WNOHANG);
        if (ended < 0) return count;
        if (ended == 0) {
            if (kill_children() == 0) return count;
            ended = waitpid(-1, &status, 0);
            round++;
        }
        // What ended by itself before was no leftover.
        if (ended > 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) count++;
    }
    return count;
}

long sp_finish(int child, int timed_out, struct sp_end *end) {
    int status = 0;
    memset(end, 0, sizeof *end);
    end->timed_out = timed_out;
    // After its end this does nothing; before it the whole group goes.
    if (timed_out) kill(-child, SIGKILL);
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) return -errno;
    }
    kill(-child, SIGKILL);
    record(status, end);
    end->killed = kill_leftovers();
    return 0;
}

long sp_adopt_orphans(void) { return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0 ? -errno : 0; }

long sp_make_fifo(const char *path) {
    if (mkfifo(path, 0600) < 0) return -errno;
    int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

long sp_capture(const char *const *argv, const char *const *environment, char *buffer, size_t room,
                struct sp_end *end) {
    int ends[2];
    memset(end, 0, sizeof *end);
    if (pipe2(ends, O_CLOEXEC) < 0) return -errno;
    struct sp_start how = {.input = NULL, .standard_output = ends[1]};
    pid_t child = start(argv, environment, &how);
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

long sp_remove(const char *path) { return unlink(path) < 0 ? -errno : 0; }
long sp_is_full(const char *path) {
    struct statvfs status;
    if (statvfs(path, &status) < 0) return -errno;
    return status.f_bavail == 0 || (status.f_files > 0 && status.f_favail == 0);
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

void sp_pause(int64_t milliseconds) {
    int64_t end = sp_milliseconds() + milliseconds;
    for (int64_t left = milliseconds; left > 0; left = end - sp_milliseconds()) poll(NULL, 0, (int)left);
}

const char *sp_error_text(int number) { return strerror(number); }
