// SPDX-License-Identifier: Apache-2.0
// What sallyport-gateway gives up before it reads a byte, and what it demands to have been taken from it.
// Every function returns -errno on failure.
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

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

/// Leaves the caller's session: keys that mean a signal there are not for this process, and a terminal that is not
/// its controlling one never stops it for reading or writing in the background. credentials(7)
static inline int sp_gateway_leave_session(void) {
    // EPERM is no failure where the supervisor has done this already.
    if (setsid() < 0 && getsid(0) != getpid()) return -errno;
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

/// Lowers what this process may use to what its role takes: so many descriptors, and so much memory of its own.
static inline int sp_gateway_set_limits(uint64_t descriptors, uint64_t data_bytes) {
    const struct { int resource; uint64_t value; } limits[] = {
        {RLIMIT_CORE, 0},
        {RLIMIT_NOFILE, descriptors},
        {RLIMIT_NPROC, 0},
        {RLIMIT_DATA, data_bytes},
        {RLIMIT_AS, data_bytes + (192u << 20)},
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

/// Gives up every right that this kernel's Landlock knows but, where `may_connect`, that to connect by TCP; descriptors
/// that are open stay usable.
///
/// The supervisor cannot do this beforehand, because the exec of this program needs a right on its file.
/// -ENOSYS or -EOPNOTSUPP: this kernel has no Landlock.
static inline int sp_gateway_forbid_files(int may_connect) {
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, 1u /* LANDLOCK_CREATE_RULESET_VERSION */);
    if (abi < 0) return -errno;
    // Rights by ABI: landlock(7), "Landlock ABI versions".
    struct { uint64_t files, network, scoped; } rights = {
        .files = abi >= 5 ? 0xffff : abi >= 3 ? 0x7fff : abi == 2 ? 0x3fff : 0x1fff,
        .network = abi >= 4 ? (may_connect ? 0x1 : 0x3) : 0,  // LANDLOCK_ACCESS_NET_BIND_TCP, _CONNECT_TCP
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

/// Narrows an egress gateway to what it does from now on: sockets of TCP and UDP, pairs of local streams, and no file by
/// name.
///
/// Its first filter had to allow the route socket, and the files that c-ares reads when it starts (resolv.conf, and
/// /dev/urandom for the numbers of its questions: predictable ones could be answered by anybody, CVE-2023-31147).
///
/// A pair of streams is how a connection goes on to the repository's broker. Both its ends are connected for ever, so that
/// neither takes an address; an end of datagrams would, and the kernel looks a path up without any openat. unix(7)
static inline int sp_gateway_narrow_egress(void) {
    enum { TYPE_MASK = 0xf };
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socketpair, 0, 5),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1 /* AF_UNIX */, 0, 10),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, TYPE_MASK),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1 /* SOCK_STREAM */, 8, 7),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 7),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 2 /* AF_INET */, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 10 /* AF_INET6 */, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, TYPE_MASK),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 2 /* SOCK_DGRAM; SOCK_STREAM is 1 */, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof code / sizeof code[0], .filter = code};
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0u, &program) < 0 ? -errno : 0;
}
