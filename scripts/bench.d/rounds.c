// SPDX-License-Identifier: Apache-2.0
// rounds CONTENDERS ROUNDS ERRORS - wall time of each contender from its start until its end, one of each per round, in an
// order that is shuffled anew for each round, with a pause between two: a neighbour's load then falls on all of them alike.
//
// The first contender is the one that the others are compared with: a ratio above 1 says that it takes longer than they do.
// What the contenders write on standard error goes to the file ERRORS. One that fails ends the bench.
#include "contenders.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

// The kernel destroys network namespaces and groups after their last process has ended, under locks that the next start
// wants: without a pause each contender would pay for the one before it.
enum { SETTLE_MICROSECONDS = 20000 };

static double one_run(const struct sp_contender *_Nonnull contender, int null, int errors) {
    int status;
    usleep(SETTLE_MICROSECONDS);
    uint64_t began = sp_now();
    pid_t child = sp_start(contender, null, null, errors);
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR) sp_fail("cannot wait for %s: %s.", contender->name, strerror(errno));
    double taken = (double)(sp_now() - began) / 1e6;
    if (!WIFEXITED(status) || WEXITSTATUS(status))
        sp_fail("%s ended with wait status 0x%x. Its own message is at the end of the errors file.", contender->name, status);
    return taken;
}

static void shuffle(int *_Nonnull order, int count) {
    for (int i = count - 1; i > 0; i--) {
        int other = (int)(random() % (i + 1)), kept = order[i];
        order[i] = order[other];
        order[other] = kept;
    }
}

int main(int argc, char *_Nonnull *_Nonnull argv) {
    if (argc != 4) sp_fail("usage: rounds CONTENDERS ROUNDS ERRORS");
    static struct sp_contender list[SP_MAX_CONTENDERS];
    int count = sp_read_contenders(argv[1], list), rounds = atoi(argv[2]);
    if (rounds < 1) sp_fail("ROUNDS must be at least 1.");
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int errors = open(argv[3], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (null < 0 || errors < 0) sp_fail("cannot open /dev/null or %s: %s.", argv[3], strerror(errno));
    srandom((unsigned)sp_now());

    static double *values[SP_MAX_CONTENDERS];
    int order[SP_MAX_CONTENDERS];
    for (int i = 0; i < count; i++) {
        values[i] = calloc((size_t)rounds, sizeof **values);
        order[i] = i;
        // Once outside the count: page cache, plan cache, and a first look whether it works at all.
        one_run(&list[i], null, errors);
    }
    for (int round = 0; round < rounds; round++) {
        shuffle(order, count);
        for (int i = 0; i < count; i++) values[order[i]][round] = one_run(&list[order[i]], null, errors);
    }
    printf("%-34s %5s %10s %10s %10s %10s\n", "contender", "n", "p10 ms", "median ms", "ours: p10", "median");
    double first[2];
    sp_sort(values[0], rounds);
    first[0] = sp_quantile(values[0], rounds, 1);
    first[1] = sp_quantile(values[0], rounds, 5);
    for (int i = 0; i < count; i++) sp_print_row(list[i].name, values[i], rounds, i ? first : NULL);
    return 0;
}
