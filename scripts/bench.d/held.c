// SPDX-License-Identifier: Apache-2.0
// held CONTENDERS K ERRORS - K sandboxes of each contender at once, each holding `cat`: time until all answer, memory while
// they stand, time until all are gone.
//
// A sandbox is up when the byte written to it comes back. A contender of which one is not up is tried with half as many,
// and the row says how many stood. Memory is the proportional set size of all that descends from
// this program, and what the kernel's own counters grew by (slabs, stacks, page tables, per-cpu).
#include "contenders.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

// The sum of the fields of a /proc file that `names` lists, each with a space before it and its colon: " Pid:" is not "PPid:".
static long sum_fields(const char *_Nonnull path, const char *_Nonnull names) {
    FILE *file = fopen(path, "re");
    if (!file) return 0; // The process ended while we looked.
    char line[256], key[64] = " ";
    long value, sum = 0;
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "%62s %ld", key + 1, &value) == 2 && strstr(names, key)) sum += value;
    fclose(file);
    return sum;
}

static long parent_of(long pid) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/status", pid);
    return sum_fields(path, " PPid:");
}

static int descends(long pid) {
    for (int depth = 0; pid > 1 && depth < 64; depth++)
        if ((pid = parent_of(pid)) == getpid()) return 1;
    return 0;
}

static long pss_of_descendants(void) {
    DIR *directory = opendir("/proc");
    if (!directory) sp_fail("cannot open /proc: %s.", strerror(errno));
    long sum = 0;
    for (struct dirent *entry; (entry = readdir(directory));) {
        char path[64];
        long pid = isdigit((unsigned char)entry->d_name[0]) ? atol(entry->d_name) : 0;
        if (!pid || !descends(pid)) continue;
        snprintf(path, sizeof path, "/proc/%ld/smaps_rollup", pid);
        sum += sum_fields(path, " Pss:");
    }
    closedir(directory);
    return sum;
}

static long kernel_memory(void) { return sum_fields("/proc/meminfo", " Slab: KernelStack: PageTables: Percpu:"); }

// Once outside the count: page cache, plan cache.
static void warm_up(const struct sp_contender *_Nonnull contender, int errors) {
    int null = open("/dev/null", O_RDWR | O_CLOEXEC), status;
    pid_t child = sp_start(contender, null, null, errors);
    if (waitpid(child, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status))
        sp_fail("%s does not work. Its own message is at the end of the errors file.", contender->name);
    close(null);
}

// How long one may take to come up after all were started, in milliseconds.
enum { PATIENCE = 60000 };

// 0 when not all came up: then all were ended, and nothing is printed.
static int measure(const struct sp_contender *_Nonnull contender, int many, int errors) {
    int (*pipes)[2] = calloc((size_t)many, sizeof *pipes);
    pid_t *children = calloc((size_t)many, sizeof *children);
    long kernel = kernel_memory();
    uint64_t began = sp_now();
    for (int i = 0; i < many; i++) {
        int in[2], out[2];
        if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC)) sp_fail("cannot make pipes: %s.", strerror(errno));
        children[i] = sp_start(contender, in[0], out[1], errors);
        close(in[0]);
        close(out[1]);
        pipes[i][0] = out[0];
        pipes[i][1] = in[1];
        (void)!write(in[1], "x", 1); // To one that has ended already; it is found below.
    }
    int standing = 0;
    for (int i = 0; i < many; i++) {
        char byte;
        struct pollfd answer = {.fd = pipes[i][0], .events = POLLIN};
        standing += poll(&answer, 1, standing == i ? PATIENCE : 0) == 1 && read(pipes[i][0], &byte, 1) == 1;
    }
    double up = (double)(sp_now() - began) / 1e6;
    kernel = kernel_memory() - kernel;
    long pss = pss_of_descendants();

    began = sp_now();
    for (int i = 0; i < many; i++) close(pipes[i][1]);
    for (int i = 0; i < many; i++) {
        int status;
        if (waitpid(children[i], &status, 0) < 0) sp_fail("cannot wait for %s: %s.", contender->name, strerror(errno));
        if (standing == many && (!WIFEXITED(status) || WEXITSTATUS(status)))
            sp_fail("%s ended with wait status 0x%x.", contender->name, status);
        close(pipes[i][0]);
    }
    double gone = (double)(sp_now() - began) / 1e6;
    while (waitpid(-1, NULL, WNOHANG) > 0) {} // What they orphaned came to us.
    if (standing == many) printf("%-34s %5d %10.0f %10.1f %10.0f %12.0f %12.0f\n", contender->name, many, up, many * 1000.0 / up, gone,
           (double)pss / many, (double)kernel / many);
    fflush(stdout);
    free(pipes);
    free(children);
    return standing == many;
}

static void measure_most(const struct sp_contender *_Nonnull contender, int many, int errors) {
    warm_up(contender, errors);
    while (!measure(contender, many, errors)) {
        printf("%-34s %5d do not come up; see the errors file\n", contender->name, many);
        if ((many /= 2) < 1) sp_fail("not one of %s came up. Look at the end of the errors file.", contender->name);
    }
}

int main(int argc, char *_Nonnull *_Nonnull argv) {
    if (argc != 4 || atoi(argv[2]) < 1) sp_fail("usage: held CONTENDERS K ERRORS");
    static struct sp_contender list[SP_MAX_CONTENDERS];
    int count = sp_read_contenders(argv[1], list);
    int errors = open(argv[3], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (errors < 0) sp_fail("cannot open %s: %s.", argv[3], strerror(errno));
    // Two descriptors for each, and a peer that forks away must still be found below us.
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    signal(SIGPIPE, SIG_IGN);
    printf("%-34s %5s %10s %10s %10s %12s %12s\n", "contender", "K", "all up ms", "per second", "gone ms", "Pss kB each",
           "kernel kB each");
    for (int i = 0; i < count; i++) measure_most(&list[i], atoi(argv[2]), errors);
    return 0;
}
