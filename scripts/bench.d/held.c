// SPDX-License-Identifier: Apache-2.0
// held CONTENDERS K ERRORS - K sandboxes of each contender at once, each holding `cat`: time until all answer, memory while
// they stand, time until all are gone.
//
// A sandbox is up when the byte written to it comes back. Memory is the proportional set size of all that descends from
// this program, and what the kernel's own counters grew by (slabs, stacks, page tables, per-cpu).
#include "contenders.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
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

static void measure(const struct sp_contender *_Nonnull contender, int many, int errors) {
    warm_up(contender, errors);
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
        if (write(in[1], "x", 1) != 1) sp_fail("cannot write to %s: %s.", contender->name, strerror(errno));
    }
    for (int i = 0; i < many; i++) {
        char byte;
        if (read(pipes[i][0], &byte, 1) != 1) sp_fail("%s ended before it answered. Look at the end of the errors file.", contender->name);
    }
    double up = (double)(sp_now() - began) / 1e6;
    kernel = kernel_memory() - kernel;
    long pss = pss_of_descendants();

    began = sp_now();
    for (int i = 0; i < many; i++) close(pipes[i][1]);
    for (int i = 0; i < many; i++) {
        int status;
        if (waitpid(children[i], &status, 0) < 0) sp_fail("cannot wait for %s: %s.", contender->name, strerror(errno));
        if (!WIFEXITED(status) || WEXITSTATUS(status)) sp_fail("%s ended with wait status 0x%x.", contender->name, status);
        close(pipes[i][0]);
    }
    double gone = (double)(sp_now() - began) / 1e6;
    while (waitpid(-1, NULL, WNOHANG) > 0) {} // What they orphaned came to us.
    printf("%-34s %5d %10.0f %10.1f %10.0f %12.0f %12.0f\n", contender->name, many, up, many * 1000.0 / up, gone,
           (double)pss / many, (double)kernel / many);
    fflush(stdout);
    free(pipes);
    free(children);
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
    for (int i = 0; i < count; i++) measure(&list[i], atoi(argv[2]), errors);
    return 0;
}
