// SPDX-License-Identifier: Apache-2.0
// filter-names FILTER - prints what a compiled filter answers to each system call: its name, a space and the errno, 0 if allowed.
//
// The OCI runtimes take names, not a compiled filter. Reading them out of the filter that all others load keeps the contest
// fair; a call that the filter allows for some arguments only is tried with all arguments zero. Calls that it answers in any
// other way (notification, kill) are left out: the runtimes then refuse them with EPERM.
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_INSTRUCTIONS = 4096 };

static uint32_t word_at(const struct seccomp_data *_Nonnull data, uint32_t offset) {
    uint32_t word = 0;
    if (offset <= sizeof *data - sizeof word) memcpy(&word, (const char *)data + offset, sizeof word);
    return word;
}

// The filter's answer; only what libseccomp emits is known here (seccomp(2), classic BPF over seccomp_data).
static uint32_t answer(const struct sock_filter *_Nonnull filter, size_t count, const struct seccomp_data *_Nonnull data) {
    uint32_t value = 0;
    for (size_t i = 0; i < count; i++) {
        const struct sock_filter *at = &filter[i];
        int taken = 0;
        switch (at->code) {
        case BPF_LD | BPF_W | BPF_ABS: value = word_at(data, at->k); continue;
        case BPF_ALU | BPF_AND | BPF_K: value &= at->k; continue;
        case BPF_RET | BPF_K: return at->k;
        case BPF_JMP | BPF_JA: i += at->k; continue;
        case BPF_JMP | BPF_JEQ | BPF_K: taken = value == at->k; break;
        case BPF_JMP | BPF_JGT | BPF_K: taken = value > at->k; break;
        case BPF_JMP | BPF_JGE | BPF_K: taken = value >= at->k; break;
        case BPF_JMP | BPF_JSET | BPF_K: taken = (value & at->k) != 0; break;
        default:
            fprintf(stderr, "error: instruction %zu has the unknown code 0x%x.\n", i, at->code);
            exit(125);
        }
        i += taken ? at->jt : at->jf;
    }
    return SECCOMP_RET_KILL_PROCESS;
}

int main(int argc, char *_Nonnull *_Nonnull argv) {
    static struct sock_filter filter[MOST_INSTRUCTIONS];
    FILE *file = argc == 2 ? fopen(argv[1], "re") : NULL;
    if (!file) {
        fprintf(stderr, "error: cannot read the filter: %s.\n", argc == 2 ? strerror(errno) : "usage: filter-names FILTER");
        return 125;
    }
    size_t count = fread(filter, sizeof *filter, MOST_INSTRUCTIONS, file);
    fclose(file);
    int printed = 0;
    for (int number = 0; number < 600; number++) {
        struct seccomp_data data = {.nr = number, .arch = AUDIT_ARCH_X86_64};
        uint32_t action = answer(filter, count, &data), kind = action & SECCOMP_RET_ACTION_FULL;
        if (kind != SECCOMP_RET_ALLOW && kind != SECCOMP_RET_ERRNO) continue;
        char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86_64, number);
        if (!name) continue;
        printf("%s %u\n", name, kind == SECCOMP_RET_ALLOW ? 0 : action & SECCOMP_RET_DATA);
        printed++;
        free(name);
    }
    if (!printed) fprintf(stderr, "error: the filter answers no system call that libseccomp knows.\n");
    return printed ? 0 : 125;
}
