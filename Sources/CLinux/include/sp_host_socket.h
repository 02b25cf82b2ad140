// SPDX-License-Identifier: Apache-2.0
// Connections to Unix sockets of the host. Every function returns -errno on failure.
#pragma once

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#pragma clang assume_nonnull begin

/// A non-blocking connection to the socket file that is open as `target` (O_PATH); EAGAIN where its queue is full.
///
/// By descriptor: the file that was looked at is the one that is connected to, whatever has its name by then.
static inline long sp_connect_local(int target) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d", target);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -errno;
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

struct sp_connection {
    int target;
    uid_t user;
    long result;
};

static void *_Nullable sp_connect_thread(void *argument) {
    struct sp_connection *wanted = argument;
    // By number: the kernel keeps ids for each thread, and the wrappers of libc would change those of all. nptl(7)
    if (syscall(SYS_setgroups, 0, NULL) < 0 || syscall(SYS_setresgid, wanted->user, wanted->user, wanted->user) < 0 ||
        syscall(SYS_setresuid, wanted->user, wanted->user, wanted->user) < 0)
        wanted->result = -errno;
    else
        wanted->result = sp_connect_local(wanted->target);
    return NULL;
}

/// The same as another user, of no other group and without capability: whom the service sees, and whose rights the
/// socket's mode is asked for, is not the caller. unix(7), SO_PEERCRED; credentials(7)
///
/// In a thread of its own, which ends with it, since an id that was given up cannot be had back.
static inline long sp_connect_local_as(int target, uid_t user) {
    struct sp_connection wanted = {.target = target, .user = user};
    pthread_t thread;
    int error = pthread_create(&thread, NULL, sp_connect_thread, &wanted);
    if (error != 0) return -error;
    pthread_join(thread, NULL);
    return wanted.result;
}

#pragma clang assume_nonnull end
