// SPDX-License-Identifier: Apache-2.0
// The few things a program without libc needs: system calls, string length, a decimal number.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

#include "../CChildPath/raw.h"

static inline size_t length(const char *s) {
    size_t n = 0;
    while (s[n]) n++;
    return n;
}

/// Reads a decimal number and moves past it and one following blank.
static inline uint32_t number(const char **s) {
    uint32_t n = 0;
    while (**s >= '0' && **s <= '9') n = n * 10 + (uint32_t)(*(*s)++ - '0');
    if (**s == ' ') (*s)++;
    return n;
}
