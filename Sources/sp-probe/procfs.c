// SPDX-License-Identifier: Apache-2.0
// R27-R32 and the kernel's information files of K11, K27: what /proc, /sys and /dev give or take.
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// Opening for writing is the whole attempt: the control must not change the host's own setting.
static void open_writable(struct sp_outcome *o, const struct sp_probe *p) {
    int fd = open(p->path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return sp_refused(o, errno, "open %s for writing", p->path);
    close(fd);
    sp_escaped(o, "%s is open for writing", p->path);
}

static void open_readable(struct sp_outcome *o, const struct sp_probe *p) {
    char bytes[512];
    int fd = open(p->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return sp_refused(o, errno, "open %s", p->path);
    ssize_t n = read(fd, bytes, sizeof bytes);
    int error = errno;
    close(fd);
    // An empty ring buffer is still an open one.
    if (n < 0 && error == EAGAIN) return sp_escaped(o, "%s is open", p->path);
    if (n < 0) return sp_refused(o, error, "read %s", p->path);
    if (n == 0) return sp_observed(o, "EMPTY", "%s has nothing in it", p->path);
    sp_escaped(o, "read %zd bytes of %s", n, p->path);
}

// kallsyms may be listed without addresses; an address is what defeats the kernel's randomisation.
static void kernel_addresses(struct sp_outcome *o, const struct sp_probe *p) {
    char bytes[4096];
    long n = sp_slurp(p->path, bytes, sizeof bytes);
    if (n < 0) return sp_refused(o, (int)-n, "read %s", p->path);
    if (n == 0) return sp_observed(o, "EMPTY", "%s has nothing in it", p->path);
    for (char *line = strtok(bytes, "\n"); line; line = strtok(NULL, "\n"))
        if (strspn(line, "0") < strcspn(line, " ")) return sp_escaped(o, "an address: %.60s", line);
    sp_observed(o, "ZERO", "%s hides its addresses", p->path);
}

// R27. A core file is made by the host's handler, with the host's rights, from the task's memory.
static void raise_core_limit(struct sp_outcome *o, const struct sp_probe *p) {
    struct rlimit limit = {4096, 4096};
    sp_verdict(o, setrlimit(RLIMIT_CORE, &limit) == 0 ? 0 : -errno, p->what);
}
static void dump_core(struct sp_outcome *o, const struct sp_probe *p) {
    (void)p;
    pid_t pid = fork();
    if (pid < 0) return sp_broken(o, errno, "fork");
    if (pid == 0) {
        raise(SIGSEGV);
        _exit(0);
    }
    int status;
    if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status)) return sp_broken(o, ECHILD, "no crash");
    if (WCOREDUMP(status)) return sp_escaped(o, "a crash dumped core");
    sp_observed(o, "ABSENT", "a crash leaves no core");
}
static void allow_core(const struct sp_probe *p) {
    (void)p;
    struct rlimit limit;
    if (getrlimit(RLIMIT_CORE, &limit) != 0) _exit(9);
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_CORE, &limit) != 0) _exit(9);
}

// R30. The kernel's log.
static void kernel_log(struct sp_outcome *o, const struct sp_probe *p) {
    char bytes[256];
    sp_verdict(o, sp_call(SYS_syslog, 3 /* SYSLOG_ACTION_READ_ALL */, (long)bytes, sizeof bytes, 0, 0, 0), p->what);
}

// R32. The only cgroup that a sandbox may know is its own root.
static void cgroup_paths(struct sp_outcome *o, const struct sp_probe *p) {
    (void)p;
    char bytes[4096];
    long n = sp_slurp("/proc/self/cgroup", bytes, sizeof bytes);
    if (n <= 0) return sp_refused(o, n < 0 ? (int)-n : ENOENT, "read /proc/self/cgroup");
    for (char *line = strtok(bytes, "\n"); line; line = strtok(NULL, "\n")) {
        const char *path = strrchr(line, ':');
        if (path && strcmp(path + 1, "/") != 0) return sp_escaped(o, "a cgroup path of the host: %.120s", line);
    }
    if (sp_world.control) return sp_missing(o, "the host's own processes are in its root cgroup");
    sp_observed(o, "ABSENT", "every cgroup path is /");
}

#define WRITE(id, path) {id, "open " path " for writing", open_writable, NULL, path, 0, 0, 0, SP_PATH_MAY_BE_MISSING}
#define READ(id, path) {id, "read " path, open_readable, NULL, path, 0, 0, 0, SP_PATH_MAY_BE_MISSING}
static const struct sp_probe rows[] = {
    WRITE("R27a", "/proc/sys/kernel/core_pattern"),
    {"R27b", "raise the limit on core files", raise_core_limit, NULL, NULL, 0, 0, 0, 0},
    {"R27c", "dump core by crashing", dump_core, allow_core, NULL, 0, 0, 0, 0},
    WRITE("R28a", "/sys/kernel/uevent_helper"),
    WRITE("R28b", "/proc/sys/kernel/modprobe"),
    WRITE("R28c", "/proc/sys/fs/binfmt_misc/register"),
    WRITE("R28d", "/proc/sys/kernel/hotplug"),
    WRITE("R28e", "/proc/sys/vm/overcommit_memory"),
    WRITE("R28f", "/proc/sys/kernel/ns_last_pid"),
    WRITE("R28g", "/proc/sys/kernel/randomize_va_space"),
    WRITE("R29a", "/proc/sysrq-trigger"),
    WRITE("R29b", "/proc/sys/kernel/sysrq"),
    READ("R30a", "/proc/kcore"),
    {"R30b", "read kernel addresses", kernel_addresses, NULL, "/proc/kallsyms", 0, 0, 0, SP_PATH_MAY_BE_MISSING},
    READ("R30c", "/proc/kmsg"),
    READ("R30d", "/dev/kmsg"),
    READ("R30e", "/proc/timer_list"),
    READ("R30f", "/proc/sched_debug"),
    READ("R30g", "/proc/keys"),
    READ("R30h", "/proc/interrupts"),
    {"R30i", "read the kernel's log by syslog", kernel_log, NULL, NULL, 0, 0, 0, 0},
    READ("R30j", "/proc/kpagecount"),
    READ("R30k", "/proc/slabinfo"),
    READ("R30l", "/proc/latency_stats"),
    READ("R30m", "/proc/key-users"),
    READ("R30n", "/proc/vmallocinfo"),
    READ("R32a", "/sys/fs/cgroup/cgroup.procs"),
    WRITE("R32b", "/sys/fs/cgroup/memory/cgroup.procs"),
    WRITE("R32c", "/sys/fs/cgroup/cgroup.procs"),
    {"R32d", "learn a cgroup path of the host", cgroup_paths, NULL, NULL, 0, 0, 0, 0},
    READ("K27a", "/sys/class/powercap/intel-rapl:0/energy_uj"),
    READ("K27b", "/sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count"),
    READ("K27c", "/sys/devices/system/cpu/vulnerabilities/meltdown"),
    READ("K27d", "/proc/schedstat"),
    READ("K27f", "/proc/interrupts"),
};
const struct sp_table sp_procfs_table = SP_TABLE(rows);
