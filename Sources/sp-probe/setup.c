// SPDX-License-Identifier: Apache-2.0
// Section 4.1, first half: what a sandbox is started with, and what it can learn of the processes around it.
#include "probe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void target_path(char *out, size_t size, const char *leaf) {
    snprintf(out, size, "/proc/%d/%s", (int)sp_world.target, leaf);
}

// R01. CVE-2019-5736: who can open the file that started the sandbox can write to it once it stops running.
static void overwrite_executable(struct sp_outcome *o, const struct sp_probe *p) {
    (void)p;
    char path[64];
    target_path(path, sizeof path, "exe");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return sp_refused(o, errno, "open %s", path);
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals >= 0 && (seals & F_SEAL_WRITE)) return sp_observed(o, "EPERM", "%s is a sealed memory file", path);
    struct statfs fs;
    if (fstatfs(fd, &fs) == 0 && (fs.f_flags & 1 /* ST_RDONLY */))
        return sp_observed(o, "EROFS", "%s lies on a read-only mount", path);
    sp_escaped(o, "%s is open, not sealed and on a writable mount", path);
}

// R02, R03. CVE-2024-21626: a descriptor of a host directory is a way out. 0, 1 and 2 are the session's own.
static void list_descriptors(struct sp_outcome *o, const struct sp_probe *p) {
    (void)p;
    DIR *dir = opendir("/proc/self/fd");
    if (!dir) return sp_broken(o, errno, "opendir /proc/self/fd");
    struct dirent *entry;
    while ((entry = readdir(dir))) {
        char *end;
        long fd = strtol(entry->d_name, &end, 10);
        if (end == entry->d_name || *end || fd <= 2 || fd == dirfd(dir)) continue;
        char path[64], target[160] = "?";
        snprintf(path, sizeof path, "/proc/self/fd/%ld", fd);
        ssize_t n = readlink(path, target, sizeof target - 1);
        if (n >= 0) target[n] = 0;
        return sp_escaped(o, "descriptor %ld is %s", fd, target);
    }
    closedir(dir);
    sp_observed(o, "ABSENT", "no descriptor beyond 0, 1 and 2");
}

static void enter_descriptor(struct sp_outcome *o, const struct sp_probe *p) {
    (void)p;
    for (int fd = 3; fd <= 64; fd++) {
        char path[64];
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        if (chdir(path) == 0) return sp_escaped(o, "chdir %s", path);
        if (errno != ENOENT && errno != ENOTDIR) return sp_refused(o, errno, "chdir %s", path);
    }
    sp_refused(o, ENOENT, "chdir /proc/self/fd/3 to 64");
}

static void leak_descriptor(const struct sp_probe *p) {
    (void)p;
    if (dup2(open("/", O_RDONLY | O_DIRECTORY), 9) != 9) _exit(9);
}

static void unreachable_cwd(struct sp_outcome *o, const struct sp_probe *p) {
    (void)p;
    char path[4096];
    // The raw call: glibc turns "(unreachable)" into ENOENT. getcwd(3)
    long n = sp_call(SYS_getcwd, (long)path, sizeof path, 0, 0, 0, 0);
    if (n < 0) return sp_refused(o, (int)-n, "getcwd");
    if (path[0] != '/') return sp_escaped(o, "getcwd says %s", path);
    sp_observed(o, "ABSENT", "the current directory is %s, inside the root", path);
}

static void detach_cwd(const struct sp_probe *p) {
    (void)p;
    if (umount2("/tmp", MNT_DETACH) != 0) _exit(9);
}

// R04. CVE-2016-9962: a process that is not ours must show neither its descriptors nor itself to ptrace.
static void foreign_descriptors(struct sp_outcome *o, const struct sp_probe *p) {
    char path[64];
    target_path(path, sizeof path, p->path);
    DIR *dir = opendir(path);
    if (!dir) return sp_refused(o, errno, "opendir %s", path);
    sp_escaped(o, "%s can be listed", path);
}

static void seize(struct sp_outcome *o, const struct sp_probe *p) {
    sp_verdict(o, sp_call(SYS_ptrace, p->a, sp_world.target, 0, 0, 0, 0), p->what);
}

// R21. Leaving the root upwards.
static void climb(struct sp_outcome *o, const struct sp_probe *p) {
    (void)p;
    struct stat root, here;
    if (stat("/", &root) != 0) return sp_broken(o, errno, "stat /");
    for (int i = 0; i < 256; i++)
        if (chdir("..") != 0) return sp_refused(o, errno, "chdir ..");
    if (stat(".", &here) != 0) return sp_refused(o, errno, "stat .");
    if (here.st_dev != root.st_dev || here.st_ino != root.st_ino)
        return sp_escaped(o, "256 times chdir .. left the root");
    sp_observed(o, "ABSENT", "chdir .. stays at the root");
}

static void root_without_chdir(const struct sp_probe *p) {
    (void)p;
    if (mkdir("/tmp/scratch/root", 0777) != 0 || chroot("/tmp/scratch/root") != 0) _exit(9);
}

// R25. Another process with another root is a door to that root.
static void foreign_roots(struct sp_outcome *o, const struct sp_probe *p) {
    struct stat own;
    if (stat(p->path[0] == 'r' ? "/" : ".", &own) != 0) return sp_broken(o, errno, "stat");
    DIR *dir = opendir("/proc");
    if (!dir) return sp_broken(o, errno, "opendir /proc");
    int seen = 0, refusal = 0;
    struct dirent *entry;
    while ((entry = readdir(dir))) {
        char *end, path[64];
        long pid = strtol(entry->d_name, &end, 10);
        if (end == entry->d_name || *end || pid == getpid()) continue;
        seen++;
        snprintf(path, sizeof path, "/proc/%ld/%s", pid, p->path);
        struct stat other;
        if (stat(path, &other) != 0) {
            refusal = errno;
            continue;
        }
        if (other.st_dev != own.st_dev || other.st_ino != own.st_ino)
            return sp_escaped(o, "%s is another directory than ours", path);
    }
    closedir(dir);
    if (seen == 0) return sp_broken(o, ESRCH, "/proc shows no process but this one");
    if (refusal) return sp_refused(o, refusal, "%s of %d processes", p->path, seen);
    sp_observed(o, "ABSENT", "%d processes, all with our %s", seen, p->path);
}

static void foreign_root(const struct sp_probe *p) {
    (void)p;
    int ready[2];
    if (pipe(ready) != 0 || mkdir("/tmp/scratch/jail", 0777) != 0) _exit(9);
    pid_t parent = getpid();
    if (fork() == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (chdir("/tmp/scratch/jail") != 0 || chroot("/tmp/scratch/jail") != 0) _exit(9);
        close(ready[0]);
        close(ready[1]);
        while (getppid() == parent) pause();
        _exit(0);
    }
    close(ready[1]);
    char byte;
    if (read(ready[0], &byte, 1) != 0) _exit(9);  // end of file: the child has changed its root
    close(ready[0]);
}

// R26, K12. Files of a process that only its owner or a tracer may read or write.
static void read_foreign(struct sp_outcome *o, const struct sp_probe *p) {
    char path[64], byte[16];
    target_path(path, sizeof path, p->path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return sp_refused(o, errno, "open %s", path);
    ssize_t n = read(fd, byte, sizeof byte);
    if (n < 0) return sp_refused(o, errno, "read %s", path);
    if (n == 0) return sp_observed(o, "EMPTY", "%s has nothing in it", path);
    sp_escaped(o, "read %zd bytes of %s", n, path);
}

static void open_foreign_memory(struct sp_outcome *o, const struct sp_probe *p) {
    (void)p;
    char path[64];
    target_path(path, sizeof path, "mem");
    int fd = open(path, O_RDWR | O_CLOEXEC);
    sp_verdict(o, fd < 0 ? -errno : fd, "open mem for writing");
}

static const struct sp_probe rows[] = {
    {"R01a", "open the executable of pid 1 in order to overwrite it", overwrite_executable, NULL, NULL, 0, 0, 0, 0},
    {"R02a", "find an inherited descriptor", list_descriptors, leak_descriptor, NULL, 0, 0, 0, 0},
    {"R02b", "change directory through an inherited descriptor", enter_descriptor, leak_descriptor, NULL, 0, 0, 0, 0},
    {"R02c", "start in a directory outside of the root", unreachable_cwd, detach_cwd, NULL, 0, 0, 0, 0},
    {"R04a", "list the descriptors of pid 1", foreign_descriptors, NULL, "fd", 0, 0, 0, 0},
    {"R04b", "list the memory mappings of pid 1", foreign_descriptors, NULL, "map_files", 0, 0, 0, 0},
    {"R04c", "seize pid 1 with ptrace", seize, NULL, NULL, PTRACE_SEIZE, 0, 0, 0},
    {"R21a", "climb above the root", climb, root_without_chdir, NULL, 0, 0, 0, 0},
    {"R21b", "list the root of pid 1", foreign_descriptors, NULL, "root", 0, 0, 0, 0},
    {"R25a", "find a process with another root", foreign_roots, foreign_root, "root", 0, 0, 0, 0},
    {"R25b", "find a process in another directory", foreign_roots, foreign_root, "cwd", 0, 0, 0, 0},
    {"R26a", "read the environment of pid 1", read_foreign, NULL, "environ", 0, 0, 0, 0},
    {"R26b", "read the mappings of pid 1", read_foreign, NULL, "maps", 0, 0, 0, 0},
    {"R26c", "open the memory of pid 1", open_foreign_memory, NULL, NULL, 0, 0, 0, 0},
    {"R26d", "read the auxiliary vector of pid 1", read_foreign, NULL, "auxv", 0, 0, 0, 0},
    {"K12a", "attach to pid 1 with ptrace", seize, NULL, NULL, PTRACE_ATTACH, 0, 0, 0},
};
const struct sp_table sp_setup_table = SP_TABLE(rows);
