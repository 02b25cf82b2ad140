// SPDX-License-Identifier: Apache-2.0
// Descriptors, terminal, limits, name and life line of the process.
#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/if.h>
#include <linux/prctl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/socket.h>

#include "raw.h"
#include "walk.h"

static long loopback_up(void) {
    long fd = sp_sys(SYS_socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return fd;
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    enum { SIOCSIFFLAGS_ = 0x8914 };
    long error = sp_sys(SYS_ioctl, fd, SIOCSIFFLAGS_, &request);
    sp_sys(SYS_close, fd);
    return error;
}

// The pty is made in the session's own devpts, so that ttyname(3) works inside and no host terminal is involved.
static long make_pty(struct sp_walk_state *w, const struct sp_step *s) {
    long outer = sp_sys(SYS_openat, AT_FDCWD, "dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (outer < 0) return outer;
    int unlocked = 0;
    long error = sp_sys(SYS_ioctl, outer, TIOCSPTLCK, &unlocked);
    long inner = error < 0 ? error : sp_sys(SYS_ioctl, outer, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (inner >= 0) error = sp_sys(SYS_fchown, inner, s->fd, -1);
    if (inner < 0) error = inner;
    if (error >= 0) error = sp_keep(w, s->a, outer);
    if (error >= 0) error = sp_keep(w, s->b, inner);
    return error;
}

static long send_slots(struct sp_walk_state *w, const struct sp_step *s) {
    _Alignas(struct cmsghdr) unsigned char control[CMSG_SPACE(SP_SLOTS * sizeof(int32_t))];
    struct cmsghdr *header = (struct cmsghdr *)control;
    int32_t *fds = (int32_t *)CMSG_DATA(header);
    int count = 0;
    for (int i = 0; i < SP_SLOTS; i++)
        if (s->a >> i & 1) fds[count++] = w->slots[i];
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN((size_t)count * sizeof(int32_t));
    uint64_t mask = s->a;  // tells the receiver which slots follow, in order
    struct iovec bytes = {.iov_base = &mask, .iov_len = sizeof mask};
    struct msghdr message = {
        .msg_iov = &bytes,
        .msg_iovlen = 1,
        .msg_control = control,
        .msg_controllen = CMSG_SPACE((size_t)count * sizeof(int32_t)),
    };
    long sent = sp_sys(SYS_sendmsg, sp_fd(w, s->fd), &message, MSG_NOSIGNAL);
    return sent < 0 ? sent : 0;
}

// PDEATHSIG is cleared by changes of credentials, so it is set after the last one; a parent that died before it was
// set is noticed by its life line, since getppid is always 0 across a new pid namespace. prctl(2)
static long death_signal(struct sp_walk_state *w, const struct sp_step *s) {
    long error = sp_sys(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL);
    if (error < 0) return error;
    struct pollfd line = {.fd = sp_fd(w, s->fd), .events = POLLIN};
    struct timespec none = {0, 0};
    long ready = sp_sys(SYS_ppoll, &line, 1, &none, NULL, 0);
    if (ready < 0) return ready;
    return ready > 0 ? -EOWNERDEAD : 0;
}

static long wait_byte(struct sp_walk_state *w, const struct sp_step *s) {
    char byte;
    long got;
    do got = sp_sys(SYS_read, sp_fd(w, s->fd), &byte, 1);
    while (got == -EINTR);
    return got < 0 ? got : got == 1 ? 0 : -EPIPE;
}

long sp_step_process(struct sp_walk_state *w, const struct sp_step *s) {
    switch (s->op) {
    case SP_WRITE: {
        long written = sp_sys(SYS_write, sp_fd(w, s->fd), sp_data(w, s), s->len);
        return written < 0 ? written : written == (long)s->len ? 0 : -EIO;
    }
    case SP_UNSHARE:
        return sp_sys(SYS_unshare, s->a);
    case SP_WAIT_BYTE:
        return wait_byte(w, s);
    case SP_LOOPBACK_UP:
        return loopback_up();
    case SP_HOSTNAME:
        return sp_sys(SYS_sethostname, sp_data(w, s), s->len);
    case SP_RLIMIT: {
        struct { uint64_t soft, hard; } limit = {s->b, s->b};
        return sp_sys(SYS_prlimit64, 0, s->a, &limit, NULL);
    }
    case SP_PTY:
        return make_pty(w, s);
    case SP_SEND:
        return send_slots(w, s);
    case SP_DUP:
        // dup3 refuses equal numbers; there only close-on-exec has to go. dup(2)
        if (sp_fd(w, s->fd) == (int32_t)s->a) return sp_sys(SYS_fcntl, s->a, F_SETFD, 0);
        return sp_sys(SYS_dup3, sp_fd(w, s->fd), s->a, 0);
    case SP_DEATH_SIGNAL:
        return death_signal(w, s);
    case SP_SETNS:
        return sp_sys(SYS_setns, sp_fd(w, s->fd), s->a);
    case SP_CLOSE_FROM:
        // Marked, not closed: the descriptors that report and execute are needed until execve. CVE-2024-21626
        return sp_sys(SYS_close_range, s->a, ~0u, CLOSE_RANGE_CLOEXEC);
    case SP_SETSID:
        return sp_sys(SYS_setsid);
    case SP_UMASK:
        return sp_sys(SYS_umask, s->a);
    case SP_EXIT:
        for (;;) sp_sys(SYS_exit_group, 0);
    case SP_CLOSE:
        return sp_sys(SYS_close, sp_fd(w, s->fd));
    default:
        return -EINVAL;
    }
}
