// SPDX-License-Identifier: Apache-2.0
#include "sp_task_view.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// Linux 5.14, younger than the oldest headers we build with. mount_setattr(2)
#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif

static long set_attributes(int view, uint64_t set, uint64_t clear, int names) {
    struct mount_attr attributes = {.attr_set = set, .attr_clr = clear, .propagation = 1 << 18 /* MS_PRIVATE */,
                                    .userns_fd = (uint64_t)(names < 0 ? 0 : names)};
    return syscall(SYS_mount_setattr, view, "", AT_EMPTY_PATH, &attributes, sizeof attributes) < 0 ? -errno : 0;
}

long sp_task_view(int directory) {
    int view = (int)syscall(SYS_open_tree, directory, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
    if (view < 0) return -errno;
    long result = set_attributes(view,
                                 MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC |
                                     MOUNT_ATTR_NOSYMFOLLOW | MOUNT_ATTR_NOATIME,
                                 MOUNT_ATTR__ATIME, -1);
    if (result < 0) {
        close(view);
        return result;
    }
    return view;
}

static long write_map(int pid, const char *name, uint32_t inside, uint32_t outside) {
    char path[64], text[64];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    int length = snprintf(text, sizeof text, "%u %u 1\n", inside, outside);
    int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0) return -errno;
    long result = write(file, text, (size_t)length) == length ? 0 : -errno;
    close(file);
    return result;
}

// Runs in the child of a fork: only async-signal-safe calls, no return. It waits until its parent has what it came for.
static void hold_namespace(int ready, int done) {
    char byte = 0;
    if (syscall(SYS_unshare, CLONE_NEWUSER) < 0) _exit(1);
    if (write(ready, &byte, 1) != 1) _exit(1);
    while (read(done, &byte, 1) < 0 && errno == EINTR) continue;
    _exit(0);
}

// The namespace with one owner in it, as a descriptor: nobody is left inside.
static long one_owner(uint32_t owner, uint32_t owner_group, uint32_t uid, uint32_t gid) {
    int ready[2], done[2];
    if (pipe2(ready, O_CLOEXEC) < 0) return -errno;
    if (pipe2(done, O_CLOEXEC) < 0) {
        long failed = -errno;
        close(ready[0]);
        close(ready[1]);
        return failed;
    }
    pid_t child = fork();
    if (child == 0) {
        close(ready[0]);
        close(done[1]);
        hold_namespace(ready[1], done[0]);
    }
    long result = child < 0 ? -errno : 0;
    close(ready[1]);
    close(done[0]);
    char byte;
    ssize_t got = 0;
    while (result == 0 && (got = read(ready[0], &byte, 1)) < 0 && errno == EINTR) continue;
    if (result == 0 && got != 1) result = -EPERM;
    if (result == 0) result = write_map(child, "uid_map", owner, uid);
    if (result == 0) result = write_map(child, "gid_map", owner_group, gid);
    if (result == 0) {
        char path[64];
        snprintf(path, sizeof path, "/proc/%d/ns/user", child);
        result = open(path, O_RDONLY | O_CLOEXEC);
        if (result < 0) result = -errno;
    }
    close(ready[0]);
    close(done[1]);
    if (child > 0) {
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR) continue;
    }
    return result;
}

long sp_task_view_as(int view, uint32_t owner, uint32_t owner_group, uint32_t uid, uint32_t gid) {
    long names = one_owner(owner, owner_group, uid, gid);
    if (names < 0) return names;
    long result = set_attributes(view, MOUNT_ATTR_IDMAP, 0, (int)names);
    close((int)names);
    return result;
}
