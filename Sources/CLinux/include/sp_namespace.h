// SPDX-License-Identifier: Apache-2.0
// Network namespaces: each call concerns the calling thread alone. namespaces(7)
#pragma once
#include <net/if.h>
#include <sched.h>

#include "sp_calls.h"

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

#pragma clang assume_nonnull end
