// SPDX-License-Identifier: Apache-2.0
// Sockets as the egress gateway uses them. Every function returns -errno on failure.
#pragma once

#include <errno.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#pragma clang assume_nonnull begin

/// An address of either family with its port; `length` is 4 or 16, the bytes are in network order.
struct sp_endpoint {
    uint8_t bytes[16];
    uint16_t port;
    uint16_t length;
};

struct sp_event {
    uint32_t events;
    uint32_t index;
    uint32_t generation;
};

/// Waits for up to `room` events; `index` and `generation` are the two halves of what was registered.
static inline long sp_events(int epoll, struct sp_event *out, int room, int timeout_ms) {
    struct epoll_event events[64];
    if (room > 64) room = 64;
    int count = epoll_wait(epoll, events, room, timeout_ms);
    if (count < 0) return -errno;
    for (int i = 0; i < count; i++) {
        out[i].events = events[i].events;
        out[i].index = (uint32_t)events[i].data.u64;
        out[i].generation = (uint32_t)(events[i].data.u64 >> 32);
    }
    return count;
}

// ---- endpoints ------------------------------------------------------------------------------------------------------

union sp_socket_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static inline socklen_t sp_endpoint_to(const struct sp_endpoint *from, union sp_socket_address *to) {
    memset(to, 0, sizeof *to);
    if (from->length == 4) {
        to->v4.sin_family = AF_INET;
        to->v4.sin_port = htons(from->port);
        memcpy(&to->v4.sin_addr, from->bytes, 4);
        return sizeof to->v4;
    }
    to->v6.sin6_family = AF_INET6;
    to->v6.sin6_port = htons(from->port);
    memcpy(&to->v6.sin6_addr, from->bytes, 16);
    return sizeof to->v6;
}

static inline long sp_endpoint_from(const union sp_socket_address *from, struct sp_endpoint *to) {
    memset(to, 0, sizeof *to);
    if (from->any.sa_family == AF_INET) {
        to->length = 4;
        to->port = ntohs(from->v4.sin_port);
        memcpy(to->bytes, &from->v4.sin_addr, 4);
        return 0;
    }
    if (from->any.sa_family != AF_INET6) return -EAFNOSUPPORT;
    to->length = 16;
    to->port = ntohs(from->v6.sin6_port);
    memcpy(to->bytes, &from->v6.sin6_addr, 16);
    return 0;
}

static inline long sp_accept(int listener, struct sp_endpoint *peer) {
    union sp_socket_address address;
    socklen_t size = sizeof address;
    int fd = accept4(listener, &address.any, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return -errno;
    long bad = sp_endpoint_from(&address, peer);
    if (bad < 0) close(fd);
    return bad < 0 ? bad : fd;
}

/// A listening socket; `place` gets the port that it has.
static inline long sp_listen_stream(struct sp_endpoint *place) {
    union sp_socket_address address;
    socklen_t size = sp_endpoint_to(place, &address);
    const int on = 1;
    int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    long failed = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 || bind(fd, &address.any, size) < 0 ||
                          listen(fd, 64) < 0 || getsockname(fd, &address.any, &size) < 0
                      ? -(long)errno
                      : sp_endpoint_from(&address, place);
    if (failed < 0) close(fd);
    return failed < 0 ? failed : fd;
}

/// The address that a connection was made to: with AnyIP routes, the one that the client asked for.
static inline long sp_local_endpoint(int fd, struct sp_endpoint *local) {
    union sp_socket_address address;
    socklen_t size = sizeof address;
    if (getsockname(fd, &address.any, &size) < 0) return -errno;
    return sp_endpoint_from(&address, local);
}

/// A non-blocking socket whose connection has begun, or is there already.
static inline long sp_connect_begin(const struct sp_endpoint *to) {
    union sp_socket_address address;
    socklen_t size = sp_endpoint_to(to, &address);
    int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -errno;
    if (connect(fd, &address.any, size) < 0 && errno != EINPROGRESS) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

/// The pending error of a socket, cleared by reading it; 0 when there is none.
static inline long sp_socket_error(int fd) {
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0) return -errno;
    return -error;
}

/// No delay for small writes.
static inline long sp_no_delay(int fd) {
    const int on = 1;
    return setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0 ? -errno : 0;
}

/// Probes that notice a peer that is gone.
static inline long sp_keep_alive(int fd) {
    const int on = 1, idle = 60, interval = 15, count = 4;
    if (setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on) < 0) return -errno;
    if (setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle) < 0) return -errno;
    if (setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval) < 0) return -errno;
    if (setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count) < 0) return -errno;
    return 0;
}

/// Makes the close of this socket a reset, so that the peer sees a refusal and not an orderly end. socket(7), SO_LINGER
static inline long sp_reset_on_close(int fd) {
    const struct linger now = {.l_onoff = 1, .l_linger = 0};
    return setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now) < 0 ? -errno : 0;
}

static inline long sp_shutdown_write(int fd) { return shutdown(fd, SHUT_WR) < 0 ? -errno : 0; }
static inline long sp_shutdown_both(int fd) { return shutdown(fd, SHUT_RDWR) < 0 ? -errno : 0; }

static inline long sp_receive_bytes(int fd, void *buffer, size_t size) {
    long got = recv(fd, buffer, size, MSG_DONTWAIT);
    return got < 0 ? -errno : got;
}

/// The same without taking the bytes off the socket.
static inline long sp_peek_bytes(int fd, void *buffer, size_t size) {
    long got = recv(fd, buffer, size, MSG_DONTWAIT | MSG_PEEK);
    return got < 0 ? -errno : got;
}

static inline long sp_send_bytes(int fd, const void *buffer, size_t size) {
    long sent = send(fd, buffer, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent < 0 ? -errno : sent;
}

// ---- datagrams that know both ends ----------------------------------------------------------------------------------

/// Receives one datagram and where it was sent to; -EMSGSIZE when it did not fit.
static inline long sp_receive_datagram(int fd, void *buffer, size_t size, struct sp_endpoint *from, struct sp_endpoint *to) {
    union sp_socket_address address;
    _Alignas(struct cmsghdr) unsigned char control[128];
    struct iovec part = {.iov_base = buffer, .iov_len = size};
    struct msghdr message = {.msg_name = &address, .msg_namelen = sizeof address, .msg_iov = &part, .msg_iovlen = 1,
                             .msg_control = control, .msg_controllen = sizeof control};
    long got = recvmsg(fd, &message, MSG_DONTWAIT);
    if (got < 0) return -errno;
    if (message.msg_flags & MSG_TRUNC) return -EMSGSIZE;
    long bad = sp_endpoint_from(&address, from);
    if (bad < 0) return bad;
    memset(to, 0, sizeof *to);
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            to->length = 4;
            memcpy(to->bytes, &info.ipi_addr, 4);
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            to->length = 16;
            memcpy(to->bytes, &info.ipi6_addr, 16);
        }
    }
    return to->length == 0 ? -EPROTO : got;
}

/// Sends one datagram from the address that was asked: a resolver takes answers from nowhere else. ip(7), IP_PKTINFO
static inline long sp_send_datagram(
    int fd, const void *bytes, size_t size, const struct sp_endpoint *to, const struct sp_endpoint *from) {
    union sp_socket_address address;
    union {
        unsigned char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
        struct cmsghdr align;
    } control;
    memset(&control, 0, sizeof control);
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = size};
    struct msghdr message = {.msg_name = &address, .msg_namelen = sp_endpoint_to(to, &address), .msg_iov = &part,
                             .msg_iovlen = 1, .msg_control = control.bytes};
    struct cmsghdr *header = &control.align;
    if (from->length == 4) {
        struct in_pktinfo info = {0};
        memcpy(&info.ipi_spec_dst, from->bytes, 4);
        header->cmsg_level = IPPROTO_IP;
        header->cmsg_type = IP_PKTINFO;
        header->cmsg_len = CMSG_LEN(sizeof info);
        memcpy(CMSG_DATA(header), &info, sizeof info);
        message.msg_controllen = CMSG_SPACE(sizeof info);
    } else {
        struct in6_pktinfo info = {0};
        memcpy(&info.ipi6_addr, from->bytes, 16);
        header->cmsg_level = IPPROTO_IPV6;
        header->cmsg_type = IPV6_PKTINFO;
        header->cmsg_len = CMSG_LEN(sizeof info);
        memcpy(CMSG_DATA(header), &info, sizeof info);
        message.msg_controllen = CMSG_SPACE(sizeof info);
    }
    long sent = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent < 0 ? -errno : sent;
}

/// Reads one packet of the audit tap: its bytes from the IP header on, and the ethertype in `protocol`.
static inline long sp_receive_packet(int fd, void *buffer, size_t size, uint16_t *protocol) {
    struct sockaddr_ll address;
    socklen_t length = sizeof address;
    long got = recvfrom(fd, buffer, size, MSG_DONTWAIT | MSG_TRUNC, (struct sockaddr *)&address, &length);
    if (got < 0) return -errno;
    *protocol = ntohs(address.sll_protocol);
    return got < (long)size ? got : (long)size;
}

/// Packets that a packet socket had no room for since the last time this was asked. packet(7), PACKET_STATISTICS
static inline long sp_packets_lost(int fd) {
    struct tpacket_stats counts;
    socklen_t size = sizeof counts;
    return getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &counts, &size) < 0 ? -errno : (long)counts.tp_drops;
}

// ---- what the host's own routing says about an address --------------------------------------------------------------

static inline long sp_route_socket(void) {
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    return fd < 0 ? -errno : fd;
}

struct sp_route {
    uint8_t type;         ///< RTN_UNICAST, RTN_LOCAL, ...
    uint8_t prefix;       ///< length of the route's own destination; 0 is the default route
    uint8_t has_gateway;
};

/// Asks which route this host's packets to an address would take. rtnetlink(7), RTM_GETROUTE
///
/// -ENETUNREACH and the like when there is none. Two questions: which kind of destination it is, and which entry of
/// the table answered (RTM_F_FIB_MATCH), since only that one tells an on-link network from a default route.
static inline long sp_route_to(int netlink, const struct sp_endpoint *to, struct sp_route *out) {
    memset(out, 0, sizeof *out);
    for (int round = 0; round < 2; round++) {
        struct {
            struct nlmsghdr header;
            struct rtmsg route;
            struct rtattr attribute;
            uint8_t address[16];
        } request = {
            .header = {.nlmsg_len = (uint32_t)(NLMSG_LENGTH(sizeof(struct rtmsg)) + RTA_LENGTH(to->length)),
                       .nlmsg_type = RTM_GETROUTE, .nlmsg_flags = NLM_F_REQUEST},
            .route = {.rtm_family = to->length == 4 ? AF_INET : AF_INET6, .rtm_dst_len = (uint8_t)(to->length * 8),
                      .rtm_flags = round == 1 ? RTM_F_FIB_MATCH : 0},
            .attribute = {.rta_len = (uint16_t)RTA_LENGTH(to->length), .rta_type = RTA_DST},
        };
        memcpy(request.address, to->bytes, to->length);
        if (send(netlink, &request, request.header.nlmsg_len, MSG_NOSIGNAL) < 0) return -errno;
        _Alignas(struct nlmsghdr) unsigned char answer[4096];
        long got = recv(netlink, answer, sizeof answer, 0);
        if (got < 0) return -errno;
        struct nlmsghdr *header = (struct nlmsghdr *)answer;
        if (!NLMSG_OK(header, (size_t)got)) return -EPROTO;
        if (header->nlmsg_type == NLMSG_ERROR) {
            int error = ((struct nlmsgerr *)NLMSG_DATA(header))->error;
            return error == 0 ? -EPROTO : error;
        }
        if (header->nlmsg_type != RTM_NEWROUTE) return -EPROTO;
        struct rtmsg *route = NLMSG_DATA(header);
        out->type = route->rtm_type;
        if (round == 0) continue;
        out->prefix = route->rtm_dst_len;
        int size = (int)RTM_PAYLOAD(header);
        for (struct rtattr *a = RTM_RTA(route); RTA_OK(a, size); a = RTA_NEXT(a, size))
            if (a->rta_type == RTA_GATEWAY || a->rta_type == RTA_VIA || a->rta_type == RTA_MULTIPATH) out->has_gateway = 1;
    }
    return 0;
}

#pragma clang assume_nonnull end
