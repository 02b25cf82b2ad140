// SPDX-License-Identifier: Apache-2.0
// Capabilities, identities, keyrings, priorities, clocks, signals: R38, R40, K11, K13, K16, K25, K26, K28, K29.
#include "probe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

static void *wait_forever(void *unused) {
    (void)unused;
    for (;;) pause();
}

// R38. CVE-2022-24769, CVE-2022-29162. A thread started later has to be as bare as the first one.
static void capability_sets(struct sp_outcome *o, const struct sp_probe *p) {
    (void)p;
    pthread_t thread;
    int error = pthread_create(&thread, NULL, wait_forever, NULL);
    if (error) return sp_broken(o, error, "pthread_create");
    DIR *dir = opendir("/proc/self/task");
    if (!dir) return sp_broken(o, errno, "opendir /proc/self/task");
    int threads = 0, lines = 0;
    struct dirent *entry;
    while ((entry = readdir(dir))) {
        if (entry->d_name[0] == '.') continue;
        char path[300], status[8192];
        snprintf(path, sizeof path, "/proc/self/task/%s/status", entry->d_name);
        if (sp_slurp(path, status, sizeof status) < 0) return sp_broken(o, EIO, "cannot read %s", path);
        threads++;
        for (char *line = strtok(status, "\n"); line; line = strtok(NULL, "\n")) {
            if (strncmp(line, "Cap", 3) != 0) continue;
            lines++;
            if (strspn(line + 8, "0") != strlen(line + 8)) return sp_escaped(o, "thread %s: %s", entry->d_name, line);
        }
    }
    closedir(dir);
    if (threads < 2 || lines != threads * 5) return sp_broken(o, EIO, "%d threads, %d sets seen", threads, lines);
    sp_observed(o, "ABSENT", "all five capability sets of %d threads are empty", threads);
}

static void raise_capability(struct sp_outcome *o, const struct sp_probe *p) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {{.effective = 1u << CAP_CHOWN, .permitted = 1u << CAP_CHOWN}, {0}};
    sp_verdict(o, sp_call(SYS_capset, (long)&header, (long)data, 0, 0, 0, 0), p->what);
}

static void raise_ambient(struct sp_outcome *o, const struct sp_probe *p) {
    if (sp_world.control) {
        struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
        struct __user_cap_data_struct data[2];
        memset(data, 0, sizeof data);
        if (sp_call(SYS_capget, (long)&header, (long)data, 0, 0, 0, 0) < 0) return sp_broken(o, errno, "capget");
        data[0].inheritable = data[0].permitted;
        if (sp_call(SYS_capset, (long)&header, (long)data, 0, 0, 0, 0) < 0) return sp_broken(o, errno, "capset");
    }
    sp_verdict(o, sp_call(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0, 0), p->what);
}

static void clear_securebits(struct sp_outcome *o, const struct sp_probe *p) {
    sp_verdict(o, sp_call(SYS_prctl, PR_SET_SECUREBITS, 0, 0, 0, 0, 0), p->what);
}

static void new_privileges(struct sp_outcome *o, const struct sp_probe *p) {
    (void)p;
    long value = sp_call(SYS_prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0, 0);
    if (value != 1) return sp_escaped(o, "no_new_privs is %ld", value);
    sp_observed(o, "ABSENT", "no_new_privs is set");
}

static void become(struct sp_outcome *o, const struct sp_probe *p) {
    sp_verdict(o, sp_call(p->a, 0, 0, 0, 0, 0, 0), p->what);
}

// R40. A file capability set here would be honoured by a mount elsewhere.
static void file_capability(struct sp_outcome *o, const struct sp_probe *p) {
    // Version 2, CAP_SETUID permitted and effective. capabilities(7), "File capability extended attribute versioning"
    static const unsigned char value[20] = {1, 0, 0, 2, 0x80};
    int fd = open("R40-file", O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
    if (fd < 0) return sp_broken(o, errno, "create a file in the current directory");
    long result = fsetxattr(fd, p->path, value, sizeof value, 0) == 0 ? 0 : -errno;
    close(fd);
    unlink("R40-file");
    sp_verdict(o, result, p->what);
}

// K11. Keys of a session keyring are reachable by serial number from any namespace.
static void keyctl_call(struct sp_outcome *o, const struct sp_probe *p) {
    sp_reached(o, sp_call(SYS_keyctl, p->a, p->b, 0, 0, 0, 0), p->what);
}
static void add_a_key(struct sp_outcome *o, const struct sp_probe *p) {
    sp_reached(o, sp_call(SYS_add_key, (long)"user", (long)"sp-probe", (long)"x", 1, -2 /* process keyring */, 0),
               p->what);
}
static void request_a_key(struct sp_outcome *o, const struct sp_probe *p) {
    sp_reached(o, sp_call(SYS_request_key, (long)"user", (long)"sp-probe", 0, 0, 0, 0), p->what);
}

static void set_personality(struct sp_outcome *o, const struct sp_probe *p) {
    sp_verdict(o, sp_call(SYS_personality, p->a, 0, 0, 0, 0, 0), p->what);
}

// K25. Values that the kernel refuses after the capability check: the host's clock must survive the control.
static void adjust_clock(struct sp_outcome *o, const struct sp_probe *p) {
    struct timex change = {.modes = ADJ_TICK, .tick = 0};
    long r = p->a == SYS_adjtimex ? sp_call(p->a, (long)&change, 0, 0, 0, 0, 0)
                                  : sp_call(p->a, CLOCK_REALTIME, (long)&change, 0, 0, 0, 0);
    sp_reached(o, r, p->what);
}
static void set_clock(struct sp_outcome *o, const struct sp_probe *p) {
    struct timespec invalid = {.tv_sec = -1, .tv_nsec = -1};
    // settimeofday checks the value before the right, so only a filter or a bad zone pointer tells them apart.
    long r = p->a == SYS_settimeofday ? sp_call(p->a, (long)&invalid, 0, 0, 0, 0, 0)
                                      : sp_call(p->a, CLOCK_REALTIME, (long)&invalid, 0, 0, 0, 0);
    sp_reached(o, r, p->what);
}

// K26. A task that outranks the host's own processes stops them.
static void realtime(struct sp_outcome *o, const struct sp_probe *p) {
    struct sched_param parameter = {.sched_priority = 1};
    sp_verdict(o, sp_call(SYS_sched_setscheduler, 0, SCHED_FIFO, (long)&parameter, 0, 0, 0), p->what);
}
static void nice_up(struct sp_outcome *o, const struct sp_probe *p) {
    sp_verdict(o, sp_call(SYS_setpriority, PRIO_PROCESS, 0, -20, 0, 0, 0), p->what);
}
static void io_realtime(struct sp_outcome *o, const struct sp_probe *p) {
    sp_verdict(o, sp_call(SYS_ioprio_set, 1, 0, (1 << 13) | 0, 0, 0, 0), p->what);
}
static void out_of_oom(struct sp_outcome *o, const struct sp_probe *p) {
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0) return sp_refused(o, errno, "open oom_score_adj");
    sp_verdict(o, write(fd, "-1000", 5) < 0 ? -errno : 0, p->what);
}

// K29. Signals, and descriptors that carry them, to a process that is not of this sandbox.
static void signal_target(struct sp_outcome *o, const struct sp_probe *p) {
    sp_verdict(o, kill(sp_world.target, (int)p->a) == 0 ? 0 : -errno, p->what);
}
static void pidfd_signal(struct sp_outcome *o, const struct sp_probe *p) {
    long fd = sp_call(SYS_pidfd_open, sp_world.target, 0, 0, 0, 0, 0);
    if (fd < 0) return sp_refused(o, (int)-fd, "pidfd_open");
    sp_verdict(o, sp_call(SYS_pidfd_send_signal, fd, SIGCONT, 0, 0, 0, 0), p->what);
}
static void other_limits(struct sp_outcome *o, const struct sp_probe *p) {
    struct rlimit limit;
    sp_verdict(o, sp_call(SYS_prlimit64, sp_world.target, RLIMIT_NOFILE, 0, (long)&limit, 0, 0), p->what);
}

#define PLAIN(id, what, fn) {id, what, fn, NULL, NULL, 0, 0, 0, 0}
#define WITH(id, what, fn, a) {id, what, fn, NULL, NULL, a, 0, 0, 0}
static const struct sp_probe rows[] = {
    PLAIN("R38a", "find a capability in any thread", capability_sets),
    PLAIN("R38b", "raise a capability", raise_capability),
    PLAIN("R38c", "raise an ambient capability", raise_ambient),
    PLAIN("R38d", "clear the securebits", clear_securebits),
    PLAIN("R38e", "find no_new_privs unset", new_privileges),
    {"R40a", "give a file a capability", file_capability, NULL, "security.capability", 0, 0, 0, 0},
    WITH("K16a", "setuid to inside root", become, SYS_setuid),
    WITH("K16b", "setgid to inside root", become, SYS_setgid),
    WITH("K16c", "drop supplementary groups", become, SYS_setgroups),
    {"K11a", "read the user keyring", keyctl_call, NULL, NULL, 11 /* KEYCTL_READ */, -4 /* user keyring */, 0, 0},
    {"K11b", "join a session keyring", keyctl_call, NULL, NULL, 1 /* KEYCTL_JOIN_SESSION_KEYRING */, 0, 0, 0},
    PLAIN("K11c", "add a key", add_a_key),
    PLAIN("K11d", "request a key", request_a_key),
    WITH("K13a", "switch off address randomisation", set_personality, 0x0040000),
    WITH("K13b", "make every readable page executable", set_personality, 0x0400000),
    WITH("K13c", "pretend an old kernel", set_personality, 0x0020000),
    WITH("K25a", "adjust the clock by adjtimex", adjust_clock, SYS_adjtimex),
    WITH("K25b", "adjust the clock by clock_adjtime", adjust_clock, SYS_clock_adjtime),
    WITH("K25c", "set the clock by settimeofday", set_clock, SYS_settimeofday),
    WITH("K25d", "set the clock by clock_settime", set_clock, SYS_clock_settime),
    PLAIN("K26a", "take a real-time priority", realtime),
    PLAIN("K26b", "take nice -20", nice_up),
    PLAIN("K26c", "take a real-time input and output class", io_realtime),
    {"K26d", "be spared by the out-of-memory killer", out_of_oom, NULL, NULL, 0, 0, 0, SP_NEEDS_SYS_RESOURCE},
    WITH("K29a", "probe pid 1 with a signal", signal_target, 0),
    WITH("K29b", "stop pid 1", signal_target, SIGSTOP),
    PLAIN("K29c", "signal pid 1 through a pidfd", pidfd_signal),
    PLAIN("K29d", "read the limits of pid 1", other_limits),
};
const struct sp_table sp_privilege_table = SP_TABLE(rows);
