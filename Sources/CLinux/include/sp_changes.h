// SPDX-License-Identifier: Apache-2.0
// Calls of the change set: attributes of the upper layer, and the confinement of whoever applies a set.
#pragma once
#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <stddef.h>
#include <sys/xattr.h>

#include "sp_calls.h"

#pragma clang assume_nonnull begin

static inline long sp_flistxattr(int fd, void *_Nullable buffer, size_t n) { SP_RET(flistxattr(fd, buffer, n)); }
static inline long sp_fgetxattr(int fd, const char *name, void *_Nullable buffer, size_t n) {
    SP_RET(fgetxattr(fd, name, buffer, n));
}
static inline long sp_fsetxattr(int fd, const char *name, const void *value, size_t n) {
    SP_RET(fsetxattr(fd, name, value, n, 0));
}
/// Writes everything of a file system that is still only in memory. syncfs(2)
static inline long sp_syncfs(int fd) { SP_RET(syncfs(fd)); }
static inline unsigned sp_effective_uid(void) { return geteuid(); }
/// The file creation mask, which the kernel only tells by replacing it. Single-threaded callers only. umask(2)
static inline unsigned sp_umask(void) {
    mode_t mask = umask(077);
    umask(mask);
    return mask;
}

/// Becomes another user and group for good, without supplementary groups. The caller is single-threaded.
static inline long sp_become(unsigned uid, unsigned gid) {
    if (setgroups(0, NULL) < 0) return -errno;
    if (setresgid(gid, gid, gid) < 0) return -errno;
    SP_RET(setresuid(uid, uid, uid));
}
/// Empties the bounding set, which takes CAP_SETPCAP and so comes before any change of user. capabilities(7)
static inline long sp_drop_bounding_set(void) {
    for (int c = 0; prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; c++)
        if (prctl(PR_CAPBSET_DROP, c, 0, 0, 0) < 0) return -errno;
    return 0;
}
/// Empties the ambient, effective, permitted and inheritable sets. capabilities(7)
static inline long sp_drop_capabilities(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {{0}, {0}};
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0) return -errno;
    SP_RET(syscall(SYS_capset, &header, none));
}

/// The capabilities that are permitted, effective or inheritable, as bits.
static inline long sp_held_capabilities(uint64_t *bits) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct held[2] = {{0}, {0}};
    if (syscall(SYS_capget, &header, held) < 0) return -errno;
    *bits = 0;
    for (int i = 0; i < 2; i++)
        *bits |= (uint64_t)(held[i].effective | held[i].permitted | held[i].inheritable) << (32 * i);
    return 0;
}

/// A ruleset that handles every file right of the ABI given (1 to 5); the rest is denied unless a rule allows it.
static inline long sp_landlock_ruleset(uint64_t handled) {
    struct landlock_ruleset_attr attributes = {.handled_access_fs = handled};
    // The first field alone: its size is what ABI 1 knows, and later kernels accept it. landlock_create_ruleset(2)
    SP_RET(syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes.handled_access_fs, 0));
}
/// The same, and where `scoped` no signal or abstract socket reaches a process outside (ABI 6).
static inline long sp_landlock_scoped_ruleset(uint64_t handled, int scoped) {
    // The layout since ABI 6, of which older kernels are given the first field only.
    struct {
        uint64_t files, network, scoped;
    } attributes = {.files = handled, .scoped = 3};
    SP_RET(syscall(SYS_landlock_create_ruleset, &attributes, scoped ? sizeof attributes : sizeof attributes.files, 0));
}
static inline long sp_landlock_allow(int ruleset, int beneath, uint64_t rights) {
    struct landlock_path_beneath_attr rule = {.allowed_access = rights, .parent_fd = beneath};
    SP_RET(syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0));
}
static inline long sp_landlock_restrict(int ruleset) { SP_RET(syscall(SYS_landlock_restrict_self, ruleset, 0)); }

#if defined(__x86_64__)
#define SP_CHANGES_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define SP_CHANGES_ARCH AUDIT_ARCH_AARCH64
#else
#error "name the audit architecture of this target"
#endif

/// Refuses what no applier needs: new programs and processes, sockets, other processes, mounts, kernel interfaces.
static inline long sp_refuse_unneeded_calls(void) {
#define SP_REFUSE(nr) \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SP_CHANGES_ARCH, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
#if defined(__x86_64__)
        // x32 shares the architecture value and numbers its calls from bit 30. seccomp(2)
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000u, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        SP_REFUSE(SYS_fork), SP_REFUSE(SYS_vfork), SP_REFUSE(SYS_link), SP_REFUSE(SYS_mknod),
#endif
        SP_REFUSE(SYS_execve), SP_REFUSE(SYS_execveat), SP_REFUSE(SYS_clone), SP_REFUSE(SYS_clone3),
        SP_REFUSE(SYS_socket), SP_REFUSE(SYS_socketpair), SP_REFUSE(SYS_connect), SP_REFUSE(SYS_bind),
        SP_REFUSE(SYS_ptrace), SP_REFUSE(SYS_process_vm_readv), SP_REFUSE(SYS_process_vm_writev),
        SP_REFUSE(SYS_pidfd_getfd), SP_REFUSE(SYS_pidfd_send_signal), SP_REFUSE(SYS_kill),
        SP_REFUSE(SYS_unshare), SP_REFUSE(SYS_setns), SP_REFUSE(SYS_mount), SP_REFUSE(SYS_open_tree),
        SP_REFUSE(SYS_move_mount), SP_REFUSE(SYS_fsopen), SP_REFUSE(SYS_mount_setattr), SP_REFUSE(SYS_umount2),
        SP_REFUSE(SYS_pivot_root), SP_REFUSE(SYS_chroot), SP_REFUSE(SYS_mknodat), SP_REFUSE(SYS_linkat),
        SP_REFUSE(SYS_open_by_handle_at), SP_REFUSE(SYS_io_uring_setup), SP_REFUSE(SYS_io_uring_enter),
        SP_REFUSE(SYS_bpf), SP_REFUSE(SYS_perf_event_open), SP_REFUSE(SYS_userfaultfd), SP_REFUSE(SYS_keyctl),
        SP_REFUSE(SYS_add_key), SP_REFUSE(SYS_request_key), SP_REFUSE(SYS_memfd_create),
        SP_REFUSE(SYS_setxattr), SP_REFUSE(SYS_lsetxattr), SP_REFUSE(SYS_fsetxattr),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
#undef SP_REFUSE
    struct sock_fprog whole = {.len = sizeof program / sizeof program[0], .filter = program};
    SP_RET(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &whole));
}

#pragma clang assume_nonnull end
