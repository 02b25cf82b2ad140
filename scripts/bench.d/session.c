// SPDX-License-Identifier: Apache-2.0
// Stands in for the process of a session or of a step: says that it began, works for no time, says how it ended, and exits.
//
// What is measured with it is the daemon alone: no sandbox, no repository. It writes what the real one writes, as durably, so
// that the disk has the same to do. `said.ns` beside its last word has the moment before that: the time of a file is only as
// exact as the kernel's tick.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void fail(const char *what) {
    perror(what);
    exit(125);
}

static void put(const char *directory, const char *name, const char *text) {
    char new[4096], old[4096];
    snprintf(new, sizeof new, "%s/.%s.new", directory, name);
    snprintf(old, sizeof old, "%s/%s", directory, name);
    int parent = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int file = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (parent < 0 || file < 0 || write(file, text, strlen(text)) < 0 || fsync(file) < 0 || close(file) < 0) fail(old);
    if (rename(new, old) < 0 || fsync(parent) < 0 || close(parent) < 0) fail(old);
}

static void stamp(const char *directory) {
    char path[4096], text[64];
    struct timespec now;
    snprintf(path, sizeof path, "%s/said.ns", directory);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    clock_gettime(CLOCK_REALTIME, &now);
    int length = snprintf(text, sizeof text, "%lld", now.tv_sec * 1000000000LL + now.tv_nsec);
    if (file < 0 || write(file, text, (size_t)length) < 0 || close(file) < 0) fail(path);
}

int main(int count, char **words) {
    const char *directory = NULL;
    for (int i = 1; i + 1 < count; i++)
        if (!strcmp(words[i], "--session")) directory = words[i + 1];
    if (!directory) return 125;
    char boot[64] = "", stat[4096] = "", text[8192];
    int file = open("/proc/sys/kernel/random/boot_id", O_RDONLY);
    ssize_t length = read(file, boot, sizeof boot - 1);
    // 36 letters and a newline.
    boot[length > 0 ? length - 1 : 0] = 0;
    file = open("/proc/self/stat", O_RDONLY);
    if (read(file, stat, sizeof stat - 1) <= 0) return 125;
    // The 22nd field, counted behind the name: it may have blanks in it. proc_pid_stat(5)
    char *field = strrchr(stat, ')') + 2, *rest = NULL;
    field = strtok_r(field, " ", &rest);
    for (int i = 3; i < 22; i++) field = strtok_r(NULL, " ", &rest);
    snprintf(text, sizeof text, "{\"version\":1,\"pid\":%d,\"start\":\"%s\",\"boot\":\"%s\"}\n", getpid(), field, boot);
    put(directory, "begun.json", text);
    stamp(directory);
    int is_session = 0;
    for (int i = 1; i < count; i++) is_session |= !strcmp(words[i], "run");
    put(directory, "end.json",
        is_session ? "{\"version\":1,\"report\":{\"outcome\":\"verified\",\"success\":true,\"reason\":\"done\",\"branch\":null,"
                     "\"commit\":null,\"pull_request\":null,\"evidence\":null,\"spending\":null}}\n"
                   : "{\"version\":1,\"step\":{\"output\":{\"status\":\"success\",\"metadata\":{}},\"repeat\":false,\"code\":null}}\n");
    return 0;
}
