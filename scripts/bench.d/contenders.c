// SPDX-License-Identifier: Apache-2.0
#include "contenders.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

extern char *_Nullable *_Nonnull environ;

void sp_fail(const char *_Nonnull format, ...) {
    va_list list;
    va_start(list, format);
    fflush(stdout);
    fputs("error: ", stderr);
    vfprintf(stderr, format, list);
    fputc('\n', stderr);
    va_end(list);
    exit(125);
}

uint64_t sp_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void parse_line(char *_Nonnull line, struct sp_contender *_Nonnull into) {
    char *rest = line;
    into->name = strsep(&rest, "\t");
    into->descriptor = -1;
    int count = 0;
    for (char *field; (field = strsep(&rest, "\t"));) {
        if (field[0] == '@' && strchr(field, '=')) {
            into->descriptor = atoi(field + 1);
            into->descriptor_path = strchr(field, '=') + 1;
        } else if (count < SP_MAX_ARGUMENTS) {
            into->argv[count++] = field;
        } else {
            sp_fail("contender %s has more than %d arguments.", into->name, SP_MAX_ARGUMENTS);
        }
    }
    if (!count) sp_fail("contender %s has no command.", into->name);
}

int sp_read_contenders(const char *_Nonnull path, struct sp_contender *_Nonnull list) {
    FILE *file = fopen(path, "re");
    if (!file) sp_fail("cannot read %s: %s.", path, strerror(errno));
    int count = 0;
    char *line = NULL;
    size_t size = 0;
    for (ssize_t length; (length = getline(&line, &size, file)) > 0; line = NULL, size = 0) {
        if (line[length - 1] == '\n') line[length - 1] = 0;
        if (!line[0]) continue;
        if (count == SP_MAX_CONTENDERS) sp_fail("%s names more than %d contenders.", path, SP_MAX_CONTENDERS);
        parse_line(line, &list[count++]);
    }
    fclose(file);
    if (!count) sp_fail("%s names no contender.", path);
    return count;
}

// Replaces `%i` in one argument; the result lives until the next start.
static char *_Nonnull numbered(char *_Nonnull argument, unsigned number) {
    static char text[8][256];
    static int next;
    char *mark = strstr(argument, "%i");
    if (!mark) return argument;
    char *out = text[next++ % 8];
    snprintf(out, sizeof text[0], "%.*s%u%s", (int)(mark - argument), argument, number, mark + 2);
    return out;
}

pid_t sp_start(const struct sp_contender *_Nonnull contender, int input, int output, int errors) {
    static unsigned number;
    char *argv[SP_MAX_ARGUMENTS + 1] = {0};
    number++;
    for (int i = 0; contender->argv[i]; i++) argv[i] = numbered(contender->argv[i], number);
    // posix_spawn shares memory and suspends the caller as vfork does, so the size of this program is not measured.
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input, 0);
    posix_spawn_file_actions_adddup2(&actions, output, 1);
    posix_spawn_file_actions_adddup2(&actions, errors, 2);
    if (contender->descriptor >= 0)
        posix_spawn_file_actions_addopen(&actions, contender->descriptor, contender->descriptor_path, O_RDONLY, 0);
    // pasta takes a SIGPIPE that is ignored already for a failure to have it ignored.
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t ignored_here;
    sigemptyset(&ignored_here);
    sigaddset(&ignored_here, SIGPIPE);
    posix_spawnattr_setsigdefault(&attributes, &ignored_here);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    pid_t child;
    int error = posix_spawnp(&child, argv[0], &actions, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (error) sp_fail("cannot start %s (%s): %s.", contender->name, argv[0], strerror(error));
    return child;
}

static int compare(const void *_Nonnull left, const void *_Nonnull right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

void sp_sort(double *_Nonnull values, int count) { qsort(values, (size_t)count, sizeof *values, compare); }

double sp_quantile(const double *_Nonnull sorted, int count, int tenths) {
    int index = count * tenths / 10;
    return sorted[index < count ? index : count - 1];
}

void sp_print_row(const char *_Nonnull name, double *_Nonnull values, int count, const double *_Nullable first) {
    sp_sort(values, count);
    double low = sp_quantile(values, count, 1), middle = sp_quantile(values, count, 5);
    printf("%-34s %5d %10.2f %10.2f", name, count, low, middle);
    if (first) printf(" %9.2fx %9.2fx", first[0] / low, first[1] / middle);
    putchar('\n');
}
