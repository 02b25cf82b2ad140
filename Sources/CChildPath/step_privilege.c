// SPDX-License-Identifier: Apache-2.0
// Giving up privilege: ids, capabilities, no_new_privs, Landlock, seccomp.
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/landlock.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <stddef.h>

#include "raw.h"
#include "walk.h"

static long set_ids(const struct sp_step *s) {
    // Groups first, user last: after setresuid the right to change groups may be gone. setresuid(2)
    long error = sp_sys(SYS_setgroups, 0, NULL);
    if (error >= 0) error = sp_sys(SYS_setresgid, s->a, s->a, s->a);
    if (error >= 0) error = sp_sys(SYS_setresuid, s->b, s->b, s->b);
    return error;
}

static long drop_bounding(uint64_t keep) {
    // The kernel says where its list ends: EINVAL for the first number it does not know. capabilities(7)
    for (uint64_t cap = 0; cap < 64; cap++) {
        long present = sp_sys(SYS_prctl, PR_CAPBSET_READ, cap);
        if (present == -EINVAL) return 0;
        if (present < 0) return present;
        if (present == 0 || (keep >> cap & 1)) continue;
        long error = sp_sys(SYS_prctl, PR_CAPBSET_DROP, cap);
        if (error < 0) return error;
    }
    return 0;
}

static long set_capabilities(uint64_t permitted, uint64_t ambient) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    struct __user_cap_data_struct data[2];
    for (int i = 0; i < 2; i++) {
        data[i].permitted = data[i].effective = (uint32_t)(permitted >> (32 * i));
        data[i].inheritable = (uint32_t)(ambient >> (32 * i));
    }
    long error = sp_sys(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (error >= 0) error = sp_sys(SYS_capset, &header, data);
    for (uint64_t cap = 0; error >= 0 && cap < 64; cap++)
        if (ambient >> cap & 1) error = sp_sys(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0);
    return error;
}

static long landlock_allow(struct sp_walk_state *w, const struct sp_step *s) {
    // Opened here, in the final tree: a rule is bound to the file, not to its name. landlock(7)
    long fd = sp_sys(SYS_openat, AT_FDCWD, sp_path(w, s), O_PATH | O_CLOEXEC);
    if (fd < 0) return fd;
    struct landlock_path_beneath_attr rule = {.allowed_access = s->a, .parent_fd = (int32_t)fd};
    long error = sp_sys(SYS_landlock_add_rule, sp_fd(w, s->fd), LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    sp_sys(SYS_close, fd);
    return error;
}

static long load_filter(struct sp_walk_state *w, const struct sp_step *s) {
    struct sock_fprog program = {
        .len = (unsigned short)(s->len / sizeof(struct sock_filter)),
        .filter = (struct sock_filter *)(uintptr_t)sp_data(w, s),
    };
    long fd = sp_sys(SYS_seccomp, SECCOMP_SET_MODE_FILTER, s->a ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0, &program);
    if (fd < 0 || !s->a) return fd;
    return sp_keep(w, s->b, fd);
}

long sp_step_privilege(struct sp_walk_state *w, const struct sp_step *s) {
    switch (s->op) {
    case SP_IDS:
        return set_ids(s);
    case SP_KEYRING: {
        long key = sp_sys(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
        return key == -ENOSYS ? 0 : key;  // a kernel without keyrings has none to inherit
    }
    case SP_LANDLOCK_CREATE:
        return sp_keep(w, s->b, sp_sys(SYS_landlock_create_ruleset, sp_data(w, s), s->len, 0));
    case SP_LANDLOCK_ALLOW:
        return landlock_allow(w, s);
    case SP_LANDLOCK_RESTRICT:
        return sp_sys(SYS_landlock_restrict_self, sp_fd(w, s->fd), 0);
    case SP_BOUNDING:
        return drop_bounding(s->a);
    case SP_CAPABILITIES:
        return set_capabilities(s->a, s->b);
    case SP_SECUREBITS:
        return sp_sys(SYS_prctl, PR_SET_SECUREBITS, s->a);
    case SP_NO_NEW_PRIVILEGES:
        return sp_sys(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    case SP_SECCOMP:
        return load_filter(w, s);
    case SP_UNDUMPABLE:
        return sp_sys(SYS_prctl, PR_SET_DUMPABLE, 0);
    default:
        return -EINVAL;
    }
}
