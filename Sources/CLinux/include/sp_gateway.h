// SPDX-License-Identifier: Apache-2.0
// How sallyport-gateway moves bytes and descriptors; sp_gateway_confine.h has what it gives up. Every function returns -errno on failure.
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "sp_gateway_confine.h"

// ---- datagrams with descriptors -------------------------------------------------------------------------------------

#define SP_GATEWAY_DESCRIPTORS 8

/// Receives one datagram. Descriptors that came with it are close-on-exec; when there are more than fit, or the
/// datagram is longer than the buffer, all of them are closed and -EMSGSIZE is returned. 0 means the peer is gone.
static inline long sp_gateway_receive(
    int socket, void *_Nonnull buffer, size_t size, int *_Nonnull descriptors, int *_Nonnull count) {
    union {
        char bytes[CMSG_SPACE(sizeof(int) * SP_GATEWAY_DESCRIPTORS)];
        struct cmsghdr align;
    } control;
    struct iovec part = {.iov_base = buffer, .iov_len = size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    *count = 0;
    ssize_t received;
    do received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    while (received < 0 && errno == EINTR);
    if (received < 0) return -errno;
    for (struct cmsghdr *part_header = CMSG_FIRSTHDR(&message); part_header;
         part_header = CMSG_NXTHDR(&message, part_header)) {
        if (part_header->cmsg_level != SOL_SOCKET || part_header->cmsg_type != SCM_RIGHTS) continue;
        int present = (int)((part_header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        for (int index = 0; index < present; index++) {
            int descriptor;
            memcpy(&descriptor, CMSG_DATA(part_header) + sizeof(int) * (size_t)index, sizeof descriptor);
            if (*count < SP_GATEWAY_DESCRIPTORS) descriptors[(*count)++] = descriptor;
            else close(descriptor);
        }
    }
    if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
        for (int index = 0; index < *count; index++) close(descriptors[index]);
        *count = 0;
        return -EMSGSIZE;
    }
    return received;
}

/// Sends one datagram with descriptors, which stay open here. `flags` adds to MSG_NOSIGNAL.
static inline long sp_gateway_send(
    int socket, const void *_Nonnull buffer, size_t size, const int *_Nullable descriptors, int count, int flags) {
    union {
        char bytes[CMSG_SPACE(sizeof(int) * SP_GATEWAY_DESCRIPTORS)];
        struct cmsghdr align;
    } control;
    if (count < 0 || count > SP_GATEWAY_DESCRIPTORS || (count > 0 && !descriptors)) return -EINVAL;
    struct iovec part = {.iov_base = (void *)buffer, .iov_len = size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (count > 0) {
        memset(control.bytes, 0, sizeof control.bytes);
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)count);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)count);
        memcpy(CMSG_DATA(header), descriptors, sizeof(int) * (size_t)count);
    }
    ssize_t sent;
    do sent = sendmsg(socket, &message, MSG_NOSIGNAL | flags);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : sent;
}

// ---- moving bytes ---------------------------------------------------------------------------------------------------

static inline long sp_gateway_read(int descriptor, void *_Nonnull buffer, size_t size) {
    ssize_t count;
    do count = read(descriptor, buffer, size);
    while (count < 0 && errno == EINTR);
    return count < 0 ? -errno : count;
}

static inline long sp_gateway_write(int descriptor, const void *_Nonnull buffer, size_t size) {
    ssize_t count;
    do count = write(descriptor, buffer, size);
    while (count < 0 && errno == EINTR);
    return count < 0 ? -errno : count;
}

static inline int sp_gateway_poll(struct pollfd *_Nonnull set, size_t count, int timeout_ms) {
    int ready;
    do ready = poll(set, count, timeout_ms);
    while (ready < 0 && errno == EINTR);
    return ready < 0 ? -errno : ready;
}

static inline int sp_gateway_set_nonblocking(int descriptor) {
    int flags = fcntl(descriptor, F_GETFL);
    if (flags < 0) return -errno;
    return fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}

/// 1 when reads and writes of this description return instead of waiting.
static inline int sp_gateway_is_nonblocking(int descriptor) {
    int flags = fcntl(descriptor, F_GETFL);
    return flags < 0 ? -errno : (flags & O_NONBLOCK) != 0;
}

static inline int64_t sp_gateway_realtime_ms(void) {
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) < 0) return -errno;
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// ---- terminals and roles --------------------------------------------------------------------------------------------

static inline int sp_gateway_set_window(int pty_master, uint16_t rows, uint16_t columns) {
    struct winsize size = {.ws_row = rows, .ws_col = columns};
    return ioctl(pty_master, TIOCSWINSZ, &size) < 0 ? -errno : 0;
}

/// The character that ends input on this pty: 0...255, or -ENODATA when it reads character by character and has none.
static inline int sp_gateway_end_of_input(int pty_master) {
    struct termios mode;
    if (tcgetattr(pty_master, &mode) < 0) return -errno;
    if (!(mode.c_lflag & ICANON)) return -ENODATA;
    return mode.c_cc[VEOF];
}

/// 0 when the descriptor is the master side of a pty.
static inline int sp_gateway_expect_pty_master(int descriptor) {
    unsigned int number;
    return ioctl(descriptor, TIOCGPTN, &number) < 0 ? -errno : 0;
}

/// 0 when the descriptor is a stream socket.
static inline int sp_gateway_expect_stream(int descriptor) {
    int type = 0;
    socklen_t size = sizeof type;
    if (getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) < 0) return -errno;
    return type == SOCK_STREAM ? 0 : -EPROTOTYPE;
}

/// 0 when the descriptor is a regular file that can only grow.
static inline int sp_gateway_expect_append_file(int descriptor) {
    struct stat status;
    if (fstat(descriptor, &status) < 0) return -errno;
    if (!S_ISREG(status.st_mode)) return -EINVAL;
    int flags = fcntl(descriptor, F_GETFL);
    if (flags < 0) return -errno;
    return (flags & O_ACCMODE) == O_WRONLY && (flags & O_APPEND) ? 0 : -EINVAL;
}
