// SPDX-License-Identifier: Apache-2.0
// Prints the seccomp filters of a process as the kernel holds them, so that a test can compute their verdict for any
// architecture and number. Needs CAP_SYS_ADMIN and a kernel with CHECKPOINT_RESTORE. ptrace(2)
#include "probe.h"

#include <errno.h>
#include <linux/filter.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define GET_FILTER 0x420c
#define LONGEST 4096

int sp_filter_dump(const char *pid_text) {
    static struct sock_filter code[LONGEST];
    char *end;
    long pid = strtol(pid_text, &end, 10);
    if (*end || pid <= 1) {
        fprintf(stderr, "sp-probe: \"%s\" is not a process id\n", pid_text);
        return 2;
    }
    long r = sp_call(SYS_ptrace, PTRACE_SEIZE, pid, 0, 0, 0, 0);
    if (r == 0) r = sp_call(SYS_ptrace, PTRACE_INTERRUPT, pid, 0, 0, 0, 0);
    int status;
    if (r < 0 || waitpid((pid_t)pid, &status, 0) != pid) {
        fprintf(stderr, "sp-probe: cannot stop process %ld: %s\n", pid, sp_errno_name(r < 0 ? (int)-r : errno));
        return 2;
    }
    int filters = 0;
    for (long index = 0;; index++) {
        long length = sp_call(SYS_ptrace, GET_FILTER, pid, index, (long)code, 0, 0);
        if (length == -ENOENT && filters > 0) break;
        if (length < 0 || length > LONGEST) {
            fprintf(stderr, "sp-probe: cannot read filter %ld: %s\n", index, sp_errno_name((int)-length));
            filters = 0;
            break;
        }
        filters++;
        printf("filter\t%ld\t%ld\n", index, length);
        for (long i = 0; i < length; i++)
            printf("%u\t%u\t%u\t%u\n", code[i].code, code[i].jt, code[i].jf, code[i].k);
    }
    sp_call(SYS_ptrace, PTRACE_DETACH, pid, 0, 0, 0, 0);
    return filters > 0 ? 0 : 2;
}
