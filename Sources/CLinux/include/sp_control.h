// SPDX-License-Identifier: Apache-2.0
// A named socket of one session, and what the kernel says of whoever comes to it. Every function returns -errno on failure.
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "sp_calls.h"

#pragma clang assume_nonnull begin

/// The address of a name in an open directory: a whole path may be longer than the 107 bytes there are. unix(7)
static inline long sp_control_address(int directory, const char *name, struct sockaddr_un *out) {
    memset(out, 0, sizeof *out);
    out->sun_family = AF_UNIX;
    int length = snprintf(out->sun_path, sizeof out->sun_path, "/proc/self/fd/%d/%s", directory, name);
    return length > 0 && (size_t)length < sizeof out->sun_path ? 0 : -ENAMETOOLONG;
}

/// A listening socket of this type under a new name; only its owner and root can connect.
static inline long sp_local_listen(int directory, const char *name, int type, int backlog) {
    struct sockaddr_un address;
    long bad = sp_control_address(directory, name, &address);
    if (bad < 0) return bad;
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -errno;
    // The mode of the name is that of the socket, less the umask, from the moment it exists. unix(7), fchmod(2)
    if (fchmod(fd, 0600) < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, backlog) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

static inline long sp_control_listen(int directory, const char *name, int backlog) {
    return sp_local_listen(directory, name, SOCK_SEQPACKET, backlog);
}

/// A listening SOCK_STREAM socket to which everybody can connect who finds its name.
static inline long sp_open_listen(int directory, const char *name, int backlog) {
    long fd = sp_local_listen(directory, name, SOCK_STREAM, backlog);
    if (fd >= 0 && fchmodat(directory, name, 0666, 0) < 0) {
        int error = errno;
        close((int)fd);
        return -error;
    }
    return fd;
}

static inline long sp_local_connect(int directory, const char *name, int type) {
    struct sockaddr_un address;
    long bad = sp_control_address(directory, name, &address);
    if (bad < 0) return bad;
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

static inline long sp_control_connect(int directory, const char *name) {
    return sp_local_connect(directory, name, SOCK_SEQPACKET);
}

/// The same for bytes in order, without the sender's boundaries.
static inline long sp_stream_connect(int directory, const char *name) {
    return sp_local_connect(directory, name, SOCK_STREAM);
}

/// A listening SOCK_STREAM socket for its owner and root.
static inline long sp_stream_listen(int directory, const char *name, int backlog) {
    return sp_local_listen(directory, name, SOCK_STREAM, backlog);
}

/// A listening SOCK_SEQPACKET socket to which everybody can connect who finds its name, and who is judged then.
static inline long sp_public_listen(int directory, const char *name, int backlog) {
    long fd = sp_local_listen(directory, name, SOCK_SEQPACKET, backlog);
    if (fd >= 0 && fchmodat(directory, name, 0666, 0) < 0) {
        int error = errno;
        close((int)fd);
        return -error;
    }
    return fd;
}

/// Has whoever sends descriptors to a connection of this listener get EPERM. Left in a queue they are closed by us, and a socket with
/// SO_LINGER keeps whoever closes it last waiting. Linux 6.16; ENOPROTOOPT before. socket(7), af_unix.c
static inline long sp_refuse_descriptors(int listener) {
    int no = 0;
    return setsockopt(listener, SOL_SOCKET, 83 /* SO_PASSRIGHTS */, &no, sizeof no) < 0 ? -errno : 0;
}

static inline long sp_control_accept(int listener) {
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

/// Takes nothing more and forgets what is there. A socket that is closed over unread messages is a reset for its peer, who
/// would see that in place of the answer. net/unix/af_unix.c, unix_release_sock
static inline long sp_control_hang_up(int fd) {
    char byte;
    if (shutdown(fd, SHUT_RD) < 0) return -errno;
    while (recv(fd, &byte, 1, MSG_DONTWAIT) > 0) {}
    return 0;
}

/// The next message without taking it: its whole size, of which up to `room` bytes are copied; 0 at the end.
///
/// Descriptors that came with it stay in it. Whoever takes them, and even whoever drops them unseen, can be the one who
/// closes a file for the last time, which takes as long as its sender likes: SO_LINGER of socket(7).
static inline long sp_control_peek(int fd, void *bytes, size_t room) {
    SP_RET(recv(fd, bytes, room, MSG_PEEK | MSG_DONTWAIT | MSG_TRUNC));
}

/// From here on each look (``sp_control_peek``) goes on behind what the last one saw. socket(7), SO_PEEK_OFF
static inline long sp_control_peek_on(int fd) {
    int start = 0;
    SP_RET(setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &start, sizeof start));
}

/// A look at the first message, of which nothing is asked: its size, and in *more whether something that goes beside the
/// bytes was left out. recvmsg(2), MSG_CTRUNC
static inline long sp_control_glance(int fd, int *more) {
    char byte;
    struct iovec iov = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
    long got = recvmsg(fd, &message, MSG_PEEK | MSG_DONTWAIT);
    *more = got >= 0 && (message.msg_flags & MSG_CTRUNC) != 0;
    SP_RET(got);
}

/// Takes nothing more and forgets what is there, but no message with descriptors: 1 where one is left, and 0 where none is
/// and a close does not make anybody wait. What else it cannot tell counts as one.
static inline long sp_control_forget(int fd) {
    const int none = -1, on = 1, off = 0;
    char byte;
    int more;
    setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &none, sizeof none);
    if (shutdown(fd, SHUT_RD) < 0) return 1;
    for (;;) {
        long got = sp_control_glance(fd, &more);
        if (got < 0) return got == -EAGAIN ? 0 : 1;
        if (more) return 1;
        if (got == 0) {
            // The end, or a message without a byte: only that one has its sender's credentials. unix(7), SO_PASSCRED
            setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
            got = sp_control_glance(fd, &more);
            setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &off, sizeof off);
            if (got < 0) return 1;
            if (!more) return 0;
        }
        // Nobody else takes from it: this is the one that was looked at.
        if (recv(fd, &byte, 1, MSG_DONTWAIT) < 0) return 1;
    }
}

/// Has a child process hang up on whoever sent descriptors; the caller closes its own and reaps the child, which ends when
/// the last of them is closed, or when it is killed: an exit does not wait for any. net/ipv4/af_inet.c, inet_release
static inline long sp_control_forget_apart(int fd) {
    pid_t child = fork();
    if (child != 0) return child < 0 ? -errno : child;
    // Others' connections are none of its business, nor is it to hold them open.
    if (fd > 0) syscall(SYS_close_range, 0, (unsigned)fd - 1, 0);
    syscall(SYS_close_range, (unsigned)fd + 1, ~0u, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sp_control_hang_up(fd);
    _exit(0);
}

/// Who connected: the kernel's word, taken when the connection was made. socket(7), SO_PEERCRED
static inline long sp_peer(int fd, uint32_t *uid, int32_t *pid) {
    struct ucred credentials;
    socklen_t size = sizeof credentials;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0) return -errno;
    *uid = credentials.uid;
    *pid = credentials.pid;
    return 0;
}

/// The primary group of whoever connected, and up to `room` of its other groups; returns how many of those there are, or
/// -ERANGE where they are more. socket(7), SO_PEERGROUPS (4.13)
static inline long sp_peer_groups(int fd, uint32_t *primary, uint32_t *others, int room) {
    struct ucred credentials;
    socklen_t size = sizeof credentials;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0) return -errno;
    *primary = credentials.gid;
    size = (socklen_t)((size_t)room * sizeof *others);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, others, &size) < 0) return -errno;
    return (long)(size / sizeof *others);
}

/// A pidfd of whoever connected, which can be no process that got its number since; -ENOPROTOOPT before Linux 6.5.
static inline long sp_peer_pidfd(int fd) {
    int pidfd = -1;
    socklen_t size = sizeof pidfd;
    if (getsockopt(fd, SOL_SOCKET, 77 /* SO_PEERPIDFD */, &pidfd, &size) < 0) return -errno;
    return pidfd;
}

/// Has the kernel send a signal to this process whenever something comes, or nothing can come any more. fcntl(2), F_SETSIG
static inline long sp_signal_on_input(int fd, int number) {
    if (fcntl(fd, F_SETOWN, getpid()) < 0 || fcntl(fd, F_SETSIG, number) < 0) return -errno;
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_ASYNC | O_NONBLOCK) < 0) return -errno;
    return 0;
}

/// The flags that a descriptor was opened with: fcntl(2), F_GETFL.
static inline long sp_open_flags(int fd) {
    int flags = fcntl(fd, F_GETFL);
    return flags < 0 ? -errno : flags;
}

/// The type of a socket and its family; -ENOTSOCK for anything else.
static inline long sp_socket_kind(int fd, int *family, int *type) {
    socklen_t size = sizeof *family;
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, family, &size) < 0) return -errno;
    size = sizeof *type;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, type, &size) < 0) return -errno;
    return 0;
}

/// 1 when a socket listens.
static inline long sp_is_listening(int fd) {
    int value = 0;
    socklen_t size = sizeof value;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &size) < 0) return -errno;
    return value;
}

/// 1 for a file in memory that nobody can change any more, so that reading it neither waits nor races; 0 for any other.
/// fcntl(2), F_GET_SEALS
static inline long sp_is_sealed(int fd) {
    const int wanted = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;
    int seals = fcntl(fd, F_GET_SEALS);
    return seals >= 0 && (seals & wanted) == wanted;
}

#pragma clang assume_nonnull end
