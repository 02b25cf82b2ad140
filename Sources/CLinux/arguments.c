// SPDX-License-Identifier: Apache-2.0
#include "sp_arguments.h"

static int count;
static char *_Nullable const *_Nullable words;

// libc hands main's arguments to constructors as well. Swift's own CommandLine finds them by a search of the stack, for
// which it has libc read /proc/self/maps: a twentieth of a millisecond.
static __attribute__((constructor)) void keep(int argc, char *_Nullable *_Nullable argv) {
    count = argc;
    words = argv;
}

int sp_argument_count(void) { return count; }
const char *_Nullable sp_argument(int number) { return number >= 0 && number < count ? words[number] : NULL; }
