// SPDX-License-Identifier: Apache-2.0
#include "sp_task_confine.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <linux/mount.h>
#include <linux/prctl.h>
#include <linux/securebits.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// Rights that are younger than the oldest headers we build with. landlock(7)
#define RIGHT_REFER (1ULL << 13)
#define RIGHT_TRUNCATE (1ULL << 14)
#define RIGHT_IOCTL_DEV (1ULL << 15)

static const uint64_t reading = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
static const uint64_t writing = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                                LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
                                LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_SYM | RIGHT_REFER | RIGHT_TRUNCATE;

// All rights that the running kernel knows, so that what is not allowed below is denied.
static uint64_t handled_rights(long abi) {
    uint64_t rights = (1ULL << 13) - 1;
    if (abi >= 2) rights |= RIGHT_REFER;
    if (abi >= 3) rights |= RIGHT_TRUNCATE;
    if (abi >= 5) rights |= RIGHT_IOCTL_DEV;
    return rights;
}

static long allow(int rules, const int *directories, int count, uint64_t rights) {
    for (int i = 0; i < count; i++) {
        struct landlock_path_beneath_attr rule = {.allowed_access = rights, .parent_fd = directories[i]};
        if (syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0) return -errno;
    }
    return 0;
}

// A ruleset that allows nothing yet; the layout since ABI 6: files, TCP ports, and scopes for abstract sockets and signals.
static int new_rules(long abi) {
    struct {
        uint64_t files, network, scoped;
    } attributes = {0};
    attributes.files = handled_rights(abi);
    if (abi >= 4) attributes.network = 3;
    if (abi >= 6) attributes.scoped = 3;
    size_t size = abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
    return (int)syscall(SYS_landlock_create_ruleset, &attributes, size, 0);
}

long sp_task_landlock_rules(const int *readable, int readable_count, const int *writable, int writable_count) {
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi < 0) return -errno;
    int rules = new_rules(abi);
    if (rules < 0) return -errno;
    long result = allow(rules, readable, readable_count, reading);
    if (result == 0)
        result = allow(rules, writable, writable_count, (reading | writing) & handled_rights(abi));
    if (result == 0) return rules;
    close(rules);
    return result;
}

long sp_task_no_new_privileges(void) { return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0; }

long sp_task_landlock_apply(int rules) { return syscall(SYS_landlock_restrict_self, rules, 0) < 0 ? -errno : 0; }

long sp_task_change_root(int directory) {
    if (fchdir(directory) < 0 || chroot(".") < 0 || chdir("/") < 0) return -errno;
    return 0;
}

long sp_task_show_directory(int directory) {
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC};
    // Before the namespace is left: a mount of another one cannot be cloned. open_tree(2)
    int tree = (int)syscall(SYS_open_tree, directory, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
    if (tree < 0) return -errno;
    if (syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attributes, sizeof attributes) < 0) return -errno;
    if (unshare(CLONE_NEWNS) < 0) return -errno;
    // Or the host would have the mount as well. mount_namespaces(7)
    if (syscall(SYS_mount, NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) return -errno;
    if (syscall(SYS_move_mount, tree, "", AT_FDCWD, "/tmp", MOVE_MOUNT_F_EMPTY_PATH) < 0) return -errno;
    close(tree);
    return chdir("/tmp") < 0 ? -errno : 0;
}

long sp_fchdir(int directory) { return fchdir(directory) < 0 ? -errno : 0; }

long sp_task_drop(int change, uint32_t uid, uint32_t gid) {
    // A change of ids takes back the wish to end with the process that started this one. prctl(2), PR_SET_PDEATHSIG
    int end = 0;
    pid_t parent = getppid();
    if (prctl(PR_GET_PDEATHSIG, &end, 0, 0, 0) < 0) return -errno;
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {{0}};
    // 1. Without CAP_SETPCAP the bounding set is empty of use already: nothing that is executed can gain from it.
    for (int capability = 0; capability <= 63; capability++) {
        if (prctl(PR_CAPBSET_READ, capability, 0, 0, 0) != 1) continue;
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0 && errno != EPERM) return -errno;
    }
    // 2. Securebits before the ids: also CAP_SETPCAP. uid 0 is then a user like any other. capabilities(7)
    if (prctl(PR_SET_SECUREBITS,
              SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
                  SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED,
              0, 0, 0) < 0 &&
        errno != EPERM) {
        return -errno;
    }
    // 3. Groups first, user last: after setresuid nothing of this is allowed any more.
    if (change) {
        if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0) return -errno;
    }
    if (end != 0) {
        if (prctl(PR_SET_PDEATHSIG, end, 0, 0, 0) < 0) return -errno;
        // It may have ended while nobody would have said so.
        if (getppid() != parent) return -ESRCH;
    }
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0) return -errno;
    if (syscall(SYS_capset, &header, none) < 0) return -errno;
    // 4. No other process of this id may attach to this one. ptrace(2)
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) return -errno;
    umask(022);
    return 0;
}
