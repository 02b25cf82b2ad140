// SPDX-License-Identifier: Apache-2.0
#include "gateway_testing.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

// The test process has threads: between fork and exec only system calls.
static int drop_capabilities(void) {
    for (int capability = 0; capability < 64; capability++)
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0) {
            if (errno == EINVAL && capability > 0) break;
            return -1;
        }
    return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

static int empty_sets(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
    return (int)syscall(SYS_capset, &header, data);
}

static int child(const struct sp_test_gateway *how) {
    if (dup2(how->executable, 4) < 0 && how->executable != 4) return 70;
    if (how->control != 3 && dup2(how->control, 3) < 0) return 71;
    if (fcntl(4, F_SETFD, FD_CLOEXEC) < 0 || fcntl(3, F_SETFD, 0) < 0) return 72;
    if (syscall(SYS_close_range, 5u, ~0u, 0u) < 0) return 73;
    close(0);
    close(1);
    close(2);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (how->drops_capabilities && drop_capabilities() < 0) return 74;
    if (how->user != 0) {
        if (!how->drops_capabilities && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0) return 75;
        if (syscall(SYS_setgroups, 0, NULL) < 0) return 76;
        if (syscall(SYS_setresgid, how->user, how->user, how->user) < 0) return 77;
        if (syscall(SYS_setresuid, how->user, how->user, how->user) < 0) return 78;
    }
    if (how->drops_capabilities && empty_sets() < 0) return 79;
    if (how->sets_no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return 80;
    if (how->filter) {
        struct sock_fprog program = {
            .len = (unsigned short)(how->filter_bytes / sizeof(struct sock_filter)),
            .filter = (struct sock_filter *)how->filter,
        };
        if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0u, &program) < 0) return 81;
    }
    char *const arguments[] = {"sallyport-gateway", NULL};
    char *const environment[] = {NULL};
    syscall(SYS_execveat, 4, "", arguments, environment, AT_EMPTY_PATH);
    return 82;
}

pid_t sp_test_gateway_start(const struct sp_test_gateway *how) {
    // Descriptors 3 and 4 are overwritten in the child, so neither source may sit on the other's number.
    int executable = fcntl(how->executable, F_DUPFD_CLOEXEC, 10);
    if (executable < 0) return -errno;
    int control = fcntl(how->control, F_DUPFD_CLOEXEC, 10);
    if (control < 0) {
        int failure = errno;
        close(executable);
        return -failure;
    }
    struct sp_test_gateway moved = *how;
    moved.executable = executable;
    moved.control = control;
    pid_t process = fork();
    if (process == 0) _exit(child(&moved));
    int failure = errno;
    close(executable);
    close(control);
    return process < 0 ? -failure : process;
}

int sp_test_pidfd(pid_t process) {
    long descriptor = syscall(SYS_pidfd_open, process, 0u);
    return descriptor < 0 ? -errno : (int)descriptor;
}

int sp_test_open_pty(int *master, int *slave, int flags) {
    char name[64];
    int opened = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (opened < 0) return -errno;
    *slave = -1;
    if (grantpt(opened) == 0 && unlockpt(opened) == 0 && ptsname_r(opened, name, sizeof name) == 0)
        *slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC | flags);
    if (*slave < 0) {
        int failure = errno;
        close(opened);
        return -failure;
    }
    *master = opened;
    return 0;
}

int sp_test_memory_file(void) {
    int file = memfd_create("test", MFD_CLOEXEC);
    return file < 0 ? -errno : file;
}
