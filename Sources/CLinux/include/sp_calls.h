// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/keyctl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#pragma clang assume_nonnull begin

#define SP_RET(expr) \
    do { \
        long sp_r_ = (long)(expr); \
        return sp_r_ < 0 ? -(long)errno : sp_r_; \
    } while (0)

static inline long sp_openat2(int dir, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
    struct open_how how = {.flags = flags | O_CLOEXEC, .mode = mode, .resolve = resolve};
    SP_RET(syscall(SYS_openat2, dir, path, &how, sizeof how));
}
static inline long sp_open(const char *path, int flags, unsigned mode) { SP_RET(open(path, flags | O_CLOEXEC, mode)); }
static inline long sp_read(int fd, void *buffer, size_t n) { SP_RET(read(fd, buffer, n)); }
static inline long sp_write(int fd, const void *buffer, size_t n) { SP_RET(write(fd, buffer, n)); }
/// For a socket: what it takes at once, -EAGAIN when that is nothing.
static inline long sp_write_at_once(int fd, const void *buffer, size_t n) {
    SP_RET(send(fd, buffer, n, MSG_DONTWAIT | MSG_NOSIGNAL));
}
static inline long sp_pread(int fd, void *buffer, size_t n, int64_t at) { SP_RET(pread(fd, buffer, n, at)); }
static inline long sp_pwrite(int fd, const void *buffer, size_t n, int64_t at) { SP_RET(pwrite(fd, buffer, n, at)); }
static inline long sp_close(int fd) { SP_RET(close(fd)); }
/// Opens /dev/null in place of each of descriptors 0-2 that the caller closed: the next file opened would take its
/// number and be read as input or written as output (CWE-403).
static inline long sp_ensure_standard_descriptors(void) {
    for (int fd = 0; fd < 3; fd++) {
        if (fcntl(fd, F_GETFD) >= 0) continue;
        int null = open("/dev/null", O_RDWR);
        if (null < 0) return -errno;
        if (null != fd) return -EBADF;
    }
    return 0;
}
static inline long sp_close_from(unsigned first) { SP_RET(syscall(SYS_close_range, first, ~0u, 0)); }
static inline long sp_mkdirat(int dir, const char *path, unsigned mode) { SP_RET(mkdirat(dir, path, mode)); }
static inline long sp_unlinkat(int dir, const char *path, int flags) { SP_RET(unlinkat(dir, path, flags)); }
static inline long sp_renameat2(int d1, const char *p1, int d2, const char *p2, unsigned flags) {
    SP_RET(syscall(SYS_renameat2, d1, p1, d2, p2, flags));
}
static inline long sp_symlinkat(const char *target, int dir, const char *path) { SP_RET(symlinkat(target, dir, path)); }
static inline long sp_readlinkat(int dir, const char *path, char *buffer, size_t n) {
    SP_RET(readlinkat(dir, path, buffer, n));
}
static inline long sp_mknodat(int dir, const char *path, unsigned mode, uint64_t device) {
    SP_RET(mknodat(dir, path, mode, device));
}
static inline long sp_fchmod(int fd, unsigned mode) { SP_RET(fchmod(fd, mode)); }
/// Sets the time of modification and leaves that of access; a symlink is not followed.
static inline long sp_set_modified(int dir, const char *path, int64_t nanoseconds) {
    // Rounded down, as the clock is before 1970 too. utimensat(2)
    int64_t seconds = nanoseconds / 1000000000 - (nanoseconds % 1000000000 < 0);
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
                                {.tv_sec = seconds, .tv_nsec = nanoseconds - seconds * 1000000000}};
    SP_RET(utimensat(dir, path, times, AT_SYMLINK_NOFOLLOW));
}
static inline long sp_fchmodat(int dir, const char *path, unsigned mode) { SP_RET(fchmodat(dir, path, mode, 0)); }
static inline long sp_fchown(int fd, unsigned uid, unsigned gid) { SP_RET(fchown(fd, uid, gid)); }
static inline long sp_fchownat(int dir, const char *path, unsigned uid, unsigned gid) {
    SP_RET(fchownat(dir, path, uid, gid, AT_SYMLINK_NOFOLLOW));
}
static inline long sp_ftruncate(int fd, int64_t size) { SP_RET(ftruncate(fd, size)); }
static inline long sp_fsync(int fd) { SP_RET(fsync(fd)); }
static inline long sp_statx(int dir, const char *path, int flags, unsigned mask, struct statx *out) {
    SP_RET(statx(dir, path, flags, mask, out));
}
static inline long sp_fdup_above(int fd, int floor) { SP_RET(fcntl(fd, F_DUPFD_CLOEXEC, floor)); }
static inline long sp_set_cloexec(int fd, int on) { SP_RET(fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0)); }
static inline long sp_set_nonblocking(int fd, int on) {
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0) return -errno;
    SP_RET(fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK));
}
static inline long sp_status_flags(int fd) { SP_RET(fcntl(fd, F_GETFL)); }
static inline long sp_set_pipe_size(int fd, int bytes) { SP_RET(fcntl(fd, F_SETPIPE_SZ, bytes)); }
static inline long sp_pipe_size(int fd) { SP_RET(fcntl(fd, F_GETPIPE_SZ)); }
/// How many bytes wait to be read.
static inline long sp_readable(int fd) {
    int count = 0;
    if (ioctl(fd, FIONREAD, &count) < 0) return -errno;
    return count;
}
/// Waits for a thread, -ETIMEDOUT when it still runs after so many milliseconds.
static inline long sp_join(pthread_t thread, int milliseconds) {
    struct timespec end;
    if (clock_gettime(CLOCK_MONOTONIC, &end) < 0) return -errno;
    end.tv_sec += milliseconds / 1000;
    end.tv_nsec += milliseconds % 1000 * 1000000;
    if (end.tv_nsec >= 1000000000) {
        end.tv_nsec -= 1000000000;
        end.tv_sec++;
    }
    return -pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &end);
}
static inline long sp_add_seals(int fd) {
    SP_RET(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE));
}
static inline long sp_memfd(const char *name) {
    long fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    SP_RET(fd);
}
static inline long sp_pipe(int *_Nonnull ends, int flags) { SP_RET(pipe2(ends, O_CLOEXEC | flags)); }
static inline long sp_socketpair_seqpacket(int *_Nonnull ends) {
    SP_RET(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends));
}
static inline long sp_flock(int fd, int how) { SP_RET(flock(fd, how)); }
// A lock of the open file, as flock's, which can also be asked after without being taken. fcntl(2), "Open file description
// locks"
static inline long sp_lock(int fd) {
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    SP_RET(fcntl(fd, F_OFD_SETLK, &whole));
}
/// 1 while somebody else holds the lock.
static inline long sp_is_locked(int fd) {
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_OFD_GETLK, &whole) < 0) return -errno;
    return whole.l_type != F_UNLCK;
}
static inline long sp_splice(int in, int out, size_t n, unsigned flags) {
    SP_RET(splice(in, NULL, out, NULL, n, flags));
}
static inline long sp_sendfile(int out, int in, size_t n) { SP_RET(sendfile(out, in, NULL, n)); }
static inline long sp_getdents(int fd, void *buffer, size_t n) { SP_RET(syscall(SYS_getdents64, fd, buffer, n)); }
static inline long sp_random(void *buffer, size_t n) { SP_RET(getrandom(buffer, n, 0)); }
static inline long sp_dup2(int from, int to) { SP_RET(dup3(from, to, 0)); }

// Mounts
static inline long sp_open_tree(int dir, const char *path, unsigned flags) {
    SP_RET(syscall(SYS_open_tree, dir, path, flags | OPEN_TREE_CLOEXEC));
}
// A clone is a peer of the mount it was taken from wherever that one is shared, which systemd makes of all mounts. Private, no
// mount travels between host and sandbox, and pivot_root does not refuse it with EINVAL. mount_namespaces(7), pivot_root(2)
static inline long sp_mount_setattr(int fd, unsigned flags, uint64_t set, uint64_t clear, int userns) {
    struct mount_attr attributes = {.attr_set = set, .attr_clr = clear, .propagation = 1 << 18 /* MS_PRIVATE */,
                                    .userns_fd = (uint64_t)(userns < 0 ? 0 : userns)};
    SP_RET(syscall(SYS_mount_setattr, fd, "", flags | AT_EMPTY_PATH, &attributes, sizeof attributes));
}

// Processes
// Threads that allocate a few buffers share the heap; each would otherwise reserve and fault in one of its own. mallopt(3)
// It grows in one step instead of six, and is not given back between them.
static inline void sp_one_heap(void) {
    (void)mallopt(M_ARENA_MAX, 1);
    (void)mallopt(M_TOP_PAD, 512 << 10);
}
/// Moves the calling thread off a processor once, if it may run on another; where it runs later is the kernel's choice.
static inline void sp_leave_processor(int processor) {
    cpu_set_t all;
    if (processor < 0 || sched_getaffinity(0, sizeof all, &all) < 0 || !CPU_ISSET(processor, &all)) return;
    cpu_set_t others = all;
    CPU_CLR(processor, &others);
    if (CPU_COUNT(&others) > 0 && sched_setaffinity(0, sizeof others, &others) == 0)
        (void)sched_setaffinity(0, sizeof all, &all);
}
static inline long sp_pidfd_open(int pid) { SP_RET(syscall(SYS_pidfd_open, pid, 0)); }
static inline long sp_pidfd_signal(int pidfd, int signal, unsigned flags) {
    SP_RET(syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, flags));
}
static inline long sp_wait_pidfd(int pidfd, int *code, int *status) {
    siginfo_t info = {0};
    long r = waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED);
    *code = info.si_code;
    *status = info.si_status;
    SP_RET(r);
}
static inline long sp_kill(int pid, int signal) { SP_RET(kill(pid, signal)); }
static inline long sp_prctl(int op, unsigned long a, unsigned long b) { SP_RET(prctl(op, a, b, 0, 0)); }
static inline long sp_setrlimit(int resource, uint64_t soft, uint64_t hard) {
    struct rlimit limit = {.rlim_cur = soft, .rlim_max = hard};
    SP_RET(setrlimit((__rlimit_resource_t)resource, &limit));
}
/// A key that belongs to a user id and lives as long as this process. add_key(2), keyctl(2)
static inline long sp_claim_ids(unsigned owner) {
    char name[32];
    snprintf(name, sizeof name, "sallyport:%u", owner);
    long key = syscall(SYS_add_key, "keyring", name, NULL, 0, KEY_SPEC_PROCESS_KEYRING);
    if (key < 0) return -errno;
    if (syscall(SYS_keyctl, KEYCTL_CHOWN, key, owner, -1) < 0) return -errno;
    return key;
}
static inline long sp_unclaim(long key) { SP_RET(syscall(SYS_keyctl, KEYCTL_UNLINK, key, KEY_SPEC_PROCESS_KEYRING)); }
static inline uint64_t sp_rlimit_hard(int resource) {
    struct rlimit limit = {0};
    return getrlimit((__rlimit_resource_t)resource, &limit) < 0 ? 0 : limit.rlim_max;
}

// Waiting
static inline long sp_eventfd(void) { SP_RET(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }
static inline long sp_epoll_create(void) { SP_RET(epoll_create1(EPOLL_CLOEXEC)); }
static inline long sp_epoll_add(int epoll, int fd, uint32_t events, uint64_t token) {
    struct epoll_event event = {.events = events, .data = {.u64 = token}};
    SP_RET(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
}
static inline long sp_epoll_change(int epoll, int fd, uint32_t events, uint64_t token) {
    struct epoll_event event = {.events = events, .data = {.u64 = token}};
    SP_RET(epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event));
}
static inline long sp_epoll_remove(int epoll, int fd) { SP_RET(epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL)); }
/// Waits for one event at a time; 0 means that timeout_ms passed.
static inline long sp_epoll_wait(int epoll, uint32_t *events, uint64_t *token, int timeout_ms) {
    struct epoll_event event;
    long n = epoll_wait(epoll, &event, 1, timeout_ms);
    if (n > 0) {
        *events = event.events;
        *token = event.data.u64;
    }
    SP_RET(n);
}
/// Tells of changes without waiting for them; a read finds nothing rather than block. inotify(7)
static inline long sp_inotify_create(void) { SP_RET(inotify_init1(IN_CLOEXEC | IN_NONBLOCK)); }
static inline long sp_inotify_add(int instance, const char *path, uint32_t mask) {
    SP_RET(inotify_add_watch(instance, path, mask));
}
static inline long sp_timer_create(void) { SP_RET(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)); }
static inline long sp_timer_set(int fd, uint64_t milliseconds) {
    struct itimerspec when = {.it_value = {(time_t)(milliseconds / 1000), (long)(milliseconds % 1000) * 1000000}};
    SP_RET(timerfd_settime(fd, 0, &when, NULL));
}
static inline uint64_t sp_clock_ns(int clock) {
    struct timespec t = {0};
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}
/// Waits until one of two descriptors is ready or has hung up: bit 0 for the first, bit 1 for the second.
static inline long sp_poll_two(int first, int second) {
    struct pollfd p[2] = {{.fd = first, .events = POLLIN}, {.fd = second, .events = POLLIN}};
    int r;
    do r = poll(p, 2, -1);
    while (r < 0 && errno == EINTR);
    return r < 0 ? -errno : (p[0].revents != 0) | (p[1].revents != 0) << 1;
}
static inline long sp_poll_one(int fd, short events, int timeout_ms) {
    struct pollfd p = {.fd = fd, .events = events};
    long n = poll(&p, 1, timeout_ms);
    if (n < 0) return -errno;
    return n == 0 ? 0 : p.revents;
}

/// The most descriptors that one message of ours carries.
enum { SP_RIGHTS = 64 };

/// Receives one message and up to `room` descriptors (close-on-exec); returns its size, *count set.
static inline long sp_receive(int socket, void *bytes, size_t n, int *fds, int room, int *count) {
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(SP_RIGHTS * sizeof(int))];
    struct iovec iov = {.iov_base = bytes, .iov_len = n};
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    *count = 0;
    long got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    if (got < 0) return -errno;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
        int held = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        for (int i = 0; i < held; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + (size_t)i * sizeof fd, sizeof fd);
            if (*count < room) fds[(*count)++] = fd;
            else close(fd);
        }
    }
    if (message.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) {
        // The caller gets nothing of it, so nobody else would close these.
        while (*count > 0) close(fds[--*count]);
        return -EMSGSIZE;
    }
    return got;
}
/// Sends bytes with descriptors as one message; `fds` may be NULL where `count` is 0.
static inline long sp_send(int socket, const void *bytes, size_t n, const int *_Nullable fds, int count) {
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(SP_RIGHTS * sizeof(int))] = {0};
    struct iovec iov = {.iov_base = (void *)bytes, .iov_len = n};
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
    if (count > SP_RIGHTS) return -EINVAL;
    if (count > 0) {
        message.msg_control = control;
        message.msg_controllen = CMSG_SPACE((size_t)count * sizeof(int));
        struct cmsghdr *c = CMSG_FIRSTHDR(&message);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
        memcpy(CMSG_DATA(c), fds, (size_t)count * sizeof(int));
    }
    SP_RET(sendmsg(socket, &message, MSG_NOSIGNAL));
}

// Terminals
static inline long sp_window_size(int fd, uint16_t *rows, uint16_t *columns) {
    struct winsize size = {0};
    long r = ioctl(fd, TIOCGWINSZ, &size);
    *rows = size.ws_row;
    *columns = size.ws_col;
    SP_RET(r);
}
static inline long sp_set_window_size(int fd, uint16_t rows, uint16_t columns) {
    struct winsize size = {.ws_row = rows, .ws_col = columns};
    SP_RET(ioctl(fd, TIOCSWINSZ, &size));
}

// Seccomp notifications
struct sp_refusal {
    uint64_t id;
    uint32_t number;
    uint32_t architecture;
};
/// Takes the next refused call; its arguments, which the workload wrote, are not read.
static inline long sp_notification_receive(int listener, struct sp_refusal *out) {
    struct seccomp_notif notification = {0};
    long r = ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &notification);
    out->id = notification.id;
    out->number = (uint32_t)notification.data.nr;
    out->architecture = notification.data.arch;
    SP_RET(r);
}
static inline long sp_notification_refuse(int listener, uint64_t id, int error) {
    struct seccomp_notif_resp response = {.id = id, .error = -error};
    SP_RET(ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response));
}
static inline long sp_landlock_abi(void) { SP_RET(syscall(SYS_landlock_create_ruleset, NULL, 0, 1)); }

#pragma clang assume_nonnull end
