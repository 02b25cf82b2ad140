// SPDX-License-Identifier: Apache-2.0
// Stands in for a session's process: says that it began, works for no time, says how it ended, and exits.
//
// What is measured with it is the daemon alone: no sandbox, no repository.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void put(const char *directory, const char *name, const char *text) {
    char new[4096], old[4096];
    snprintf(new, sizeof new, "%s/.%s.new", directory, name);
    snprintf(old, sizeof old, "%s/%s", directory, name);
    int file = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0 || write(file, text, strlen(text)) < 0 || fsync(file) < 0 || close(file) < 0 || rename(new, old) < 0) {
        perror(old);
        exit(125);
    }
}

int main(int count, char **words) {
    const char *directory = NULL;
    for (int i = 1; i + 1 < count; i++)
        if (!strcmp(words[i], "--session")) directory = words[i + 1];
    if (!directory) return 125;
    char boot[64] = "", stat[4096] = "", text[8192];
    int file = open("/proc/sys/kernel/random/boot_id", O_RDONLY);
    ssize_t length = read(file, boot, sizeof boot - 1);
    boot[length > 0 ? length - 1 : 0] = 0;
    file = open("/proc/self/stat", O_RDONLY);
    if (read(file, stat, sizeof stat - 1) <= 0) return 125;
    // The 22nd field, counted behind the name: it may have blanks in it. proc_pid_stat(5)
    char *field = strrchr(stat, ')') + 2, *rest = NULL;
    field = strtok_r(field, " ", &rest);
    for (int i = 3; i < 22; i++) field = strtok_r(NULL, " ", &rest);
    snprintf(text, sizeof text, "{\"version\":1,\"pid\":%d,\"start\":\"%s\",\"boot\":\"%s\"}\n", getpid(), field, boot);
    put(directory, "begun.json", text);
    put(directory, "end.json",
        "{\"version\":1,\"report\":{\"outcome\":\"verified\",\"success\":true,\"reason\":\"done\",\"branch\":null,"
        "\"commit\":null,\"pull_request\":null,\"evidence\":null,\"spending\":null}}\n");
    return 0;
}
