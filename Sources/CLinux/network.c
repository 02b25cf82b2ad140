// SPDX-License-Identifier: Apache-2.0
#include "sp_network.h"

enum { STACK_BYTES = 256 * 1024 };

struct errand {
    int user, network;
    void (*body)(void *_Nullable);
    void *_Nullable context;
    long error;
};

static int run(void *_Nonnull argument) {
    struct errand *e = argument;
    // The user namespace first: it brings the rights over the other. Only a process with one thread may enter it.
    if (setns(e->user, CLONE_NEWUSER) < 0 || setns(e->network, CLONE_NEWNET) < 0) e->error = -errno;
    else e->body(e->context);
    _exit(0);
}

long sp_run_in_network(int user, int network, void (*_Nonnull body)(void *_Nullable), void *_Nullable context) {
    struct errand e = {.user = user, .network = network, .body = body, .context = context};
    char *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED) return -errno;
    int pid = clone(run, stack + STACK_BYTES, CLONE_VM | CLONE_FILES | CLONE_VFORK | SIGCHLD, &e);
    long error = pid < 0 ? -errno : 0;
    int status = 0;
    while (pid > 0 && waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) {
            error = -errno;
            break;
        }
    if (!error && (!WIFEXITED(status) || WEXITSTATUS(status))) error = -ECHILD;
    munmap(stack, STACK_BYTES);
    return error ? error : e.error;
}
