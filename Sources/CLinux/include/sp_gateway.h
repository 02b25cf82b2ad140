// SPDX-License-Identifier: Apache-2.0
// What sallyport-gateway asks of the kernel. Every function returns -errno on failure.
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

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

// ---- confinement ----------------------------------------------------------------------------------------------------

/// Occupies 0, 1 and 2 where they are closed, so that a diagnostic of the runtime cannot land in a descriptor that
/// arrives later and takes the number. Neither read(2) nor write(2) does anything on an epoll descriptor.
static inline int sp_gateway_reserve_stdio(void) {
    for (int descriptor = 0; descriptor < 3; descriptor++) {
        if (fcntl(descriptor, F_GETFD) >= 0) continue;
        int placeholder = epoll_create1(EPOLL_CLOEXEC);
        if (placeholder < 0) return -errno;
        if (placeholder != descriptor) {
            close(placeholder);
            return -EBADF;
        }
    }
    return 0;
}

/// No core file, no ptrace and no /proc/<pid>/mem by another process of this id. prctl(2), PR_SET_DUMPABLE.
static inline int sp_gateway_set_undumpable(void) {
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ? -errno : 0;
}

static inline int sp_gateway_limit(int resource, uint64_t value) {
    struct rlimit limit = {.rlim_cur = value, .rlim_max = value};
    struct rlimit present;
    if (getrlimit((__rlimit_resource_t)resource, &present) < 0) return -errno;
    if (present.rlim_max < value) return 0;
    return setrlimit((__rlimit_resource_t)resource, &limit) < 0 ? -errno : 0;
}

/// Lowers what this process may use to what moving bytes between five descriptors takes.
static inline int sp_gateway_set_limits(void) {
    static const struct { int resource; uint64_t value; } limits[] = {
        {RLIMIT_CORE, 0},
        {RLIMIT_NOFILE, 16},
        {RLIMIT_NPROC, 0},
        {RLIMIT_DATA, 64u << 20},
        {RLIMIT_AS, 256u << 20},
        {RLIMIT_MEMLOCK, 0},
        {RLIMIT_MSGQUEUE, 0},
        {RLIMIT_SIGPENDING, 32},
    };
    for (size_t index = 0; index < sizeof limits / sizeof limits[0]; index++) {
        int result = sp_gateway_limit(limits[index].resource, limits[index].value);
        if (result < 0) return result;
    }
    // A write past RLIMIT_FSIZE or to a lost terminal is an error to report, not a signal to die of.
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    if (sigaction(SIGPIPE, &ignore, NULL) < 0 || sigaction(SIGXFSZ, &ignore, NULL) < 0) return -errno;
    return 0;
}

static inline int sp_gateway_limit_file_size(uint64_t bytes) { return sp_gateway_limit(RLIMIT_FSIZE, bytes); }

/// 1 when real, effective or saved user id is 0.
static inline int sp_gateway_has_user_zero(void) {
    uid_t real, effective, saved;
    // By number: the wrapper needs _GNU_SOURCE, which an importing module may not define.
    if (syscall(SYS_getresuid, &real, &effective, &saved) < 0) return -errno;
    return real == 0 || effective == 0 || saved == 0;
}

/// 1 when any of the five capability sets holds anything. capabilities(7)
static inline int sp_gateway_has_capabilities(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
    if (syscall(SYS_capget, &header, data) < 0) return -errno;
    for (int index = 0; index < _LINUX_CAPABILITY_U32S_3; index++)
        if (data[index].permitted | data[index].effective | data[index].inheritable) return 1;
    for (int capability = 0; capability < 64; capability++) {
        int bounding = prctl(PR_CAPBSET_READ, capability, 0, 0, 0);
        if (bounding < 0) return errno == EINVAL && capability > 0 ? 0 : -errno;  // past the kernel's last one
        if (bounding) return 1;
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, capability, 0, 0) > 0) return 1;
    }
    return 0;
}

static inline int sp_gateway_has_no_new_privs(void) {
    int value = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
    return value < 0 ? -errno : value;
}

/// 1 when a seccomp filter is loaded.
static inline int sp_gateway_has_filter(void) {
    int mode = prctl(PR_GET_SECCOMP, 0, 0, 0, 0);
    return mode < 0 ? -errno : mode == SECCOMP_MODE_FILTER;
}

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_restrict_self 446
#endif

/// Gives up every right that this kernel's Landlock knows, with no exception; descriptors that are open stay usable.
///
/// The supervisor cannot do this beforehand, because the exec of this program needs a right on its file.
/// -ENOSYS or -EOPNOTSUPP: this kernel has no Landlock.
static inline int sp_gateway_forbid_files(void) {
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, 1u /* LANDLOCK_CREATE_RULESET_VERSION */);
    if (abi < 0) return -errno;
    // Rights by ABI: landlock(7), "Landlock ABI versions".
    struct { uint64_t files, network, scoped; } rights = {
        .files = abi >= 5 ? 0xffff : abi >= 3 ? 0x7fff : abi == 2 ? 0x3fff : 0x1fff,
        .network = abi >= 4 ? 0x3 : 0,
        .scoped = abi >= 6 ? 0x3 : 0,
    };
    size_t size = abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
    long ruleset = syscall(SYS_landlock_create_ruleset, &rights, size, 0u);
    if (ruleset < 0) return -errno;
    int result = syscall(SYS_landlock_restrict_self, (int)ruleset, 0u) < 0 ? -errno : 0;
    close((int)ruleset);
    return result;
}

/// Ends this process when it ever calls execve or execveat: its first filter had to allow the exec that started it.
static inline int sp_gateway_forbid_exec(void) {
#if defined(__x86_64__)
    const uint32_t native = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
    const uint32_t native = AUDIT_ARCH_AARCH64;
#else
#error "name this architecture's AUDIT_ARCH"
#endif
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, native, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_execve, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_execveat, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof code / sizeof code[0], .filter = code};
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0u, &program) < 0 ? -errno : 0;
}
