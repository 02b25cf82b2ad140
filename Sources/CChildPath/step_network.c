// SPDX-License-Identifier: Apache-2.0
// Addresses, routes and sockets of the session's network namespace. They are made by whoever has the right to: the
// child while it still has its capabilities, or a thread that has entered a namespace of the host's root.
#include <errno.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <stddef.h>
#include <sys/socket.h>

#include "raw.h"
#include "walk.h"

static long make_socket(struct sp_walk_state *w, const struct sp_step *s) {
    const struct sp_socket_kind *kind = sp_data(w, s);
    if (!kind || s->len != sizeof *kind) return -EINVAL;
    return sp_keep(w, s->b, sp_sys(SYS_socket, kind->domain, kind->type, kind->protocol));
}

static long attach_filter(struct sp_walk_state *w, const struct sp_step *s) {
    struct sock_fprog program = {
        .len = (unsigned short)(s->len / sizeof(struct sock_filter)),
        .filter = (struct sock_filter *)(uintptr_t)sp_data(w, s),
    };
    return sp_sys(SYS_setsockopt, sp_fd(w, s->fd), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

static uint32_t aligned(uint32_t length) { return (length + NLMSG_ALIGNTO - 1) & ~(uint32_t)(NLMSG_ALIGNTO - 1); }

// How many of the requests ask for an answer; a block that is not a row of whole messages is never sent.
static long answers_wanted(const char *bytes, uint32_t length) {
    long wanted = 0;
    for (uint32_t at = 0; at < length;) {
        const struct nlmsghdr *request = (const struct nlmsghdr *)(bytes + at);
        if (length - at < sizeof *request || request->nlmsg_len < sizeof *request || request->nlmsg_len > length - at)
            return -EINVAL;
        if (request->nlmsg_flags & NLM_F_ACK) wanted++;
        at += aligned(request->nlmsg_len);
    }
    return wanted;
}

// The kernel works on the requests within send, so every answer is there when it returns: nothing here can wait, and
// an answer that is missing is an error. An answer is the errno of its own request. netlink(7), NLMSG_ERROR
static long converse(long fd, const char *requests, uint32_t length) {
    long waiting = answers_wanted(requests, length);
    if (waiting < 0) return waiting;
    long sent = sp_sys(SYS_sendto, fd, requests, length, MSG_NOSIGNAL, NULL, 0);
    if (sent < 0) return sent;
    _Alignas(struct nlmsghdr) char answers[4096];
    while (waiting > 0) {
        long got = sp_sys(SYS_recvfrom, fd, answers, sizeof answers, MSG_DONTWAIT, NULL, NULL);
        if (got == -EAGAIN) return -EPROTO;
        if (got < 0) return got;
        const struct nlmsghdr *answer = (const struct nlmsghdr *)answers;
        struct {
            struct nlmsghdr header;
            int32_t error;
        } const *acknowledgement = (const void *)answers;
        if (got < (long)sizeof *acknowledgement || answer->nlmsg_type != NLMSG_ERROR) return -EPROTO;
        if (acknowledgement->error) return acknowledgement->error < 0 ? acknowledgement->error : -EPROTO;
        waiting--;
    }
    return 0;
}

static long netlink(struct sp_walk_state *w, const struct sp_step *s) {
    long fd = sp_sys(SYS_socket, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, s->a);
    if (fd < 0) return fd;
    long error = converse(fd, sp_data(w, s), s->len);
    sp_sys(SYS_close, fd);
    return error;
}

long sp_step_network(struct sp_walk_state *w, const struct sp_step *s) {
    switch (s->op) {
    case SP_NETLINK:
        return netlink(w, s);
    case SP_SOCKET:
        return make_socket(w, s);
    case SP_SOCKET_OPTION:
        return sp_sys(SYS_setsockopt, sp_fd(w, s->fd), s->a, s->b, sp_data(w, s), s->len);
    case SP_SOCKET_FILTER:
        return attach_filter(w, s);
    case SP_BIND:
        return sp_sys(SYS_bind, sp_fd(w, s->fd), sp_data(w, s), s->len);
    case SP_LISTEN:
        return sp_sys(SYS_listen, sp_fd(w, s->fd), s->a);
    default:
        return -EINVAL;
    }
}
