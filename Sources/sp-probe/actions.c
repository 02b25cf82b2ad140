// SPDX-License-Identifier: Apache-2.0
// One small deed by name, for tests that prepare the scene themselves. Prints "ACTION ok" or "ACTION ERRNO-NAME".
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

static int done(int fd) {
    if (fd >= 0) close(fd);
    return fd;
}
static int write_file(char **a) {
    int fd = open(a[0], O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) return -1;
    const char *text = a[1] ? a[1] : "x";
    ssize_t n = write(fd, text, strlen(text));
    int error = errno;
    close(fd);
    errno = error;
    return n < 0 ? -1 : 0;
}
static int read_file(char **a) {
    char bytes[4096];
    int fd = open(a[0], O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    ssize_t n = read(fd, bytes, sizeof bytes);
    return done(fd) < 0 || n < 0 ? -1 : 0;
}
static int link_file(char **a) { return link(a[0], a[1]); }
static int symlink_file(char **a) { return symlink(a[0], a[1]); }
static int rename_file(char **a) { return rename(a[0], a[1]); }
static int make_directory(char **a) { return mkdir(a[0], 0755); }
static int remove_file(char **a) { return remove(a[0]); }
static int change_mode(char **a) { return chmod(a[0], (mode_t)strtol(a[1], NULL, 8)); }
static int attribute(char **a) { return setxattr(a[0], a[1], a[2], strlen(a[2]), 0); }
static int whiteout(char **a) { return mknod(a[0], S_IFCHR, makedev(0, 0)); }
static int fifo(char **a) { return mkfifo(a[0], 0600); }
static int kill_pid(char **a) { return kill((pid_t)atol(a[0]), 0); }
static int own_signals(char **a) {
    struct f_owner_ex { int type; pid_t pid; } owner = {1 /* F_OWNER_PID */, (pid_t)atol(a[0])};
    return fcntl(0, 15 /* F_SETOWN_EX */, &owner);
}
static int unshare_user(char **a) {
    (void)a;
    return unshare(CLONE_NEWUSER);
}
static int connect_to(char **a) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strnlen(a[0], sizeof address.sun_path - 1);
    memcpy(address.sun_path, a[0], length);
    if (a[0][0] == '@') address.sun_path[0] = 0;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    return connect(fd, (struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
}
static int shared_memory(char **a) { return shmget((key_t)atol(a[0]), 0, 0); }
static int make_shared_memory(char **a) { return shmget((key_t)atol(a[0]), 4096, IPC_CREAT | IPC_EXCL | 0666); }
static int drop_shared_memory(char **a) {
    int id = shmget((key_t)atol(a[0]), 0, 0);
    return id < 0 ? -1 : shmctl(id, IPC_RMID, NULL);
}
static int crash(char **a) {
    (void)a;
    return raise(SIGSEGV);
}

/// Effective ids, for a file that would have changed them.
static int identities(char **a) {
    (void)a;
    printf("euid=%u egid=%u\n", (unsigned)geteuid(), (unsigned)getegid());
    return 0;
}
/// Becomes an ordinary user and executes: the control of a setuid file.
static int as_nobody(char **a) {
    if (setgid(65534) != 0 || setuid(65534) != 0) return -1;
    return execv(a[0], a);
}
/// Executes as on a kernel without one system call: an older kernel, for what it is asked.
static int without(char **a) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)atol(a[0]), 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof code / sizeof code[0], code};
    if (sp_call(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, (long)&program, 0, 0, 0) < 0) return -1;
    return execv(a[1], a + 1);
}
/// Prints one line, then waits for the end of standard input, then for the deed: two processes in step.
static int then(char **a);

static const struct action {
    const char *name;
    int arguments;
    int (*run)(char **a);
} actions[] = {
    {"write", 1, write_file},      {"read", 1, read_file},        {"link", 2, link_file},
    {"symlink", 2, symlink_file},  {"rename", 2, rename_file},    {"mkdir", 1, make_directory},
    {"remove", 1, remove_file},    {"chmod", 2, change_mode},     {"setxattr", 3, attribute},
    {"whiteout", 1, whiteout},     {"fifo", 1, fifo},             {"kill", 1, kill_pid},
    {"setown", 1, own_signals},    {"unshare-user", 0, unshare_user}, {"connect", 1, connect_to},
    {"shm", 1, shared_memory},     {"shm-make", 1, make_shared_memory}, {"shm-drop", 1, drop_shared_memory},
    {"crash", 0, crash},           {"ids", 0, identities},        {"as-nobody", 1, as_nobody},
    {"without", 2, without},       {"then", 1, then},
};

int sp_action(int argc, char **argv) {
    for (size_t i = 0; argc > 0 && i < sizeof actions / sizeof actions[0]; i++) {
        if (strcmp(argv[0], actions[i].name) != 0) continue;
        if (argc - 1 < actions[i].arguments) break;
        int result = actions[i].run(argv + 1);
        if (result == -2) return 2;
        printf("%s\t%s\n", argv[0], result < 0 ? sp_errno_name(errno) : "ok");
        return result < 0 ? 1 : 0;
    }
    fputs("sp-probe: no such action, or too few arguments for it\n", stderr);
    return 2;
}

static int then(char **a) {
    int count = 0;
    while (a[count]) count++;
    puts("ready");
    fflush(stdout);
    char byte;
    while (read(0, &byte, 1) > 0) {}
    int code = sp_action(count, a);
    return code == 2 ? -2 : (fflush(stdout), code == 0 ? 0 : (errno = ECANCELED, -1));
}
