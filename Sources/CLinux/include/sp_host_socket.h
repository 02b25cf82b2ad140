// SPDX-License-Identifier: Apache-2.0
// Connections to Unix sockets of the host. Every function returns -errno on failure.
#pragma once

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#pragma clang assume_nonnull begin

/// The name of the socket file that is open as `target` (O_PATH).
///
/// By descriptor: the file that was looked at is the one that is connected to, whatever has its name by then.
static inline struct sockaddr_un sp_address_of(int target) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d", target);
    return address;
}

/// A non-blocking connection to the socket file that is open as `target`; EAGAIN where its queue is full.
static inline long sp_connect_local(int target) {
    struct sockaddr_un address = sp_address_of(target);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -errno;
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

/// The same as another user, of no other group and without capability: whom the service sees, and whose rights the
/// socket's mode is asked for, is not the caller. unix(7), SO_PEERCRED; credentials(7)
///
/// The one who connects is a process that ends with it: a thread has ids of its own, but the service would see this
/// process's number, and find root's there. It connects a socket that it shares with this one. fork(2)
static inline long sp_connect_local_as(int target, uid_t user) {
    struct sockaddr_un address = sp_address_of(target);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -errno;
    pid_t child = fork();
    if (child == 0) {
        // Only calls of the kernel from here on: this process may have other threads. signal-safety(7)
        if (syscall(SYS_setgroups, 0, NULL) < 0 || syscall(SYS_setresgid, user, user, user) < 0 ||
            syscall(SYS_setresuid, user, user, user) < 0 ||
            connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
            _exit(errno);
        _exit(0);
    }
    int status = 0;
    long result = child < 0 ? -errno : 0;
    while (child > 0 && waitpid(child, &status, 0) < 0)
        if (errno != EINTR) {
            result = -errno;
            break;
        }
    if (result == 0 && !WIFEXITED(status)) result = -EIO;
    if (result == 0) result = -WEXITSTATUS(status);
    if (result < 0) {
        close(fd);
        return result;
    }
    return fd;
}

#pragma clang assume_nonnull end
