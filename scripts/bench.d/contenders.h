// SPDX-License-Identifier: Apache-2.0
// The list of contenders that a bench reads, and how one is started: without a shell, by the same call for all.
#pragma once
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

enum { SP_MAX_CONTENDERS = 16, SP_MAX_ARGUMENTS = 96 };

struct sp_contender {
    char *_Nonnull name;
    char *_Nullable argv[SP_MAX_ARGUMENTS + 1];
    // Opened read-only as this descriptor in the child (bwrap takes its filter that way); -1 for none.
    int descriptor;
    char *_Nullable descriptor_path;
};

// Reads one contender a line: name, then arguments, separated by tabs. An argument `@9=PATH` opens PATH as descriptor 9
// instead of being passed; `%i` in an argument becomes a number that no other start of this bench has.
int sp_read_contenders(const char *_Nonnull path, struct sp_contender *_Nonnull list);

// Starts one with the given standard streams; standard error goes to `errors`. Ends the bench when it cannot.
pid_t sp_start(const struct sp_contender *_Nonnull contender, int input, int output, int errors);

// Nanoseconds of CLOCK_MONOTONIC.
uint64_t sp_now(void);

// Sorts the values, and prints them at the tenth percentile and the median, each in milliseconds, followed by the ratio of
// `first` (may be null: no ratio) to them.
void sp_print_row(const char *_Nonnull name, double *_Nonnull values, int count, const double *_Nullable first);

// The value at `tenths` of the sorted list.
double sp_quantile(const double *_Nonnull sorted, int count, int tenths);
void sp_sort(double *_Nonnull values, int count);

__attribute__((noreturn, format(printf, 1, 2))) void sp_fail(const char *_Nonnull format, ...);
