// SPDX-License-Identifier: Apache-2.0
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

struct sp_world sp_world = {.control = 0, .target = 1};

static void say(struct sp_outcome *o, enum sp_kind kind, const char *name, const char *format, va_list list) {
    o->kind = kind;
    snprintf(o->name, sizeof o->name, "%s", name);
    vsnprintf(o->text, sizeof o->text, format, list);
    // One line per attempt is the whole protocol: names found on the way must not break it.
    for (char *c = o->text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127) *c = '?';
}

#define SAY(kind, name)                \
    va_list list;                      \
    va_start(list, format);            \
    say(o, kind, name, format, list);  \
    va_end(list)

void sp_refused(struct sp_outcome *o, int error, const char *format, ...) { SAY(SP_REFUSED, sp_errno_name(error)); }
void sp_observed(struct sp_outcome *o, const char *word, const char *format, ...) { SAY(SP_REFUSED, word); }
void sp_escaped(struct sp_outcome *o, const char *format, ...) { SAY(SP_ESCAPED, "ESCAPE"); }
void sp_missing(struct sp_outcome *o, const char *format, ...) { SAY(SP_MISSING, "MISSING"); }
void sp_broken(struct sp_outcome *o, int error, const char *format, ...) { SAY(SP_BROKEN, sp_errno_name(error)); }

void sp_verdict(struct sp_outcome *o, long result, const char *what) {
    if (result < 0)
        sp_refused(o, (int)-result, "%s", what);
    else
        sp_escaped(o, "%s returned %ld", what, result);
}

void sp_reached(struct sp_outcome *o, long result, const char *what) {
    if (result == -EPERM || result == -ENOSYS)
        sp_refused(o, (int)-result, "%s", what);
    else if (result < 0)
        sp_escaped(o, "%s reached the kernel: %s", what, sp_errno_name((int)-result));
    else
        sp_escaped(o, "%s returned %ld", what, result);
}

long sp_call(long number, long a, long b, long c, long d, long e, long f) {
    long result = syscall(number, a, b, c, d, e, f);
    return result == -1 ? -errno : result;
}

pid_t sp_spawn_idle(void) {
    int ready[2];
    if (pipe(ready) != 0) return -1;
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) _exit(0);
        close(ready[0]);
        close(ready[1]);
        for (;;) pause();
    }
    int error = errno;
    close(ready[1]);
    // Waits for the end of file: a child that is stopped before it asked for the death signal would stay for ever.
    char byte;
    if (pid > 0)
        while (read(ready[0], &byte, 1) < 0 && errno == EINTR) {}
    close(ready[0]);
    errno = error;
    return pid;
}

long sp_slurp(const char *path, char *buffer, size_t size) {
    buffer[0] = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -errno;
    size_t used = 0;
    while (used + 1 < size) {
        ssize_t got = read(fd, buffer + used, size - 1 - used);
        if (got < 0) {
            int error = errno;
            close(fd);
            return -error;
        }
        if (got == 0) break;
        used += (size_t)got;
    }
    buffer[used] = 0;
    close(fd);
    return (long)used;
}

const char *sp_errno_name(int error) {
    const char *name = strerrorname_np(error);
    return name ? name : "EUNKNOWN";
}
