// SPDX-License-Identifier: Apache-2.0
// Formats of netlink and packet sockets, and the socket options whose headers clash with libc's.
#pragma once
#include <linux/filter.h>
#include <linux/if_addr.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdint.h>

#include "sp_calls.h"

// linux/in.h and linux/in6.h
static const int SP_IP_PKTINFO = 8;
static const int SP_IP_TRANSPARENT = 19;
static const int SP_IPV6_V6ONLY = 26;
static const int SP_IPV6_RECVPKTINFO = 49;
static const int SP_IPV6_TRANSPARENT = 75;
// linux/if_ether.h
static const uint16_t SP_ETH_P_ALL = 0x0003;
static const uint16_t SP_ETH_P_IP = 0x0800;
static const uint16_t SP_ETH_P_IPV6 = 0x86DD;

// ---- network namespaces: each call concerns the calling thread alone. namespaces(7) ----

#pragma clang assume_nonnull begin

/// Puts the calling thread into a new network namespace, owned by the thread's user namespace.
static inline long sp_new_network(void) { SP_RET(unshare(CLONE_NEWNET)); }
/// Puts the calling thread into a network namespace; the right to do so is CAP_SYS_ADMIN over both. setns(2)
static inline long sp_enter_network(int fd) { SP_RET(setns(fd, CLONE_NEWNET)); }
/// The calling thread's network namespace.
static inline long sp_own_network(void) { return sp_open("/proc/thread-self/ns/net", O_RDONLY, 0); }
/// Brings up lo of the calling thread's network namespace. netdevice(7)
static inline long sp_loopback_up(void) {
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    long error = ioctl(fd, SIOCSIFFLAGS, &request) < 0 ? -errno : 0;
    close(fd);
    return error;
}

/// Runs `body(context)` in a user and a network namespace, by a process that shares memory and descriptors with this one;
/// returns when it has ended. The caller is suspended meanwhile, so its stack and thread variables are the process's alone.
long sp_run_in_network(int user, int network, void (*body)(void *_Nullable), void *_Nullable context);

#pragma clang assume_nonnull end
