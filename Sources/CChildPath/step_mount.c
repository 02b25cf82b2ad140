// SPDX-License-Identifier: Apache-2.0
// Mounts: only the descriptor-based interface, so that nothing is looked up twice. fsopen(2), move_mount(2)
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <stddef.h>
#include <sys/stat.h>

#include "raw.h"
#include "walk.h"

enum { MS_REC_ = 0x4000, MS_PRIVATE_ = 1 << 18, MNT_DETACH_ = 2 };

static void close_fd(long fd) {
    if (fd >= 0) sp_sys(SYS_close, fd);
}

// Nothing hostile has run yet when paths below the root are opened, but a rootfs is data that a task may have made:
// no symlink may lead a mount elsewhere (CVE-2021-30465, CVE-2026-41579).
static long open_beneath(int32_t root, const char *path, uint64_t flags) {
    struct open_how how = {
        .flags = flags | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    return sp_sys(SYS_openat2, root, path, &how, sizeof how);
}

static long make_filesystem(struct sp_walk_state *w, const struct sp_step *s) {
    long fs = sp_sys(SYS_fsopen, sp_data(w, s), FSOPEN_CLOEXEC);
    if (fs < 0) return fs;
    long error = 0;
    const char *option = sp_path(w, s);  // "key=value\0key\0\0", split in place: the block is ours
    while (*option && error >= 0) {
        char *value = NULL;
        const char *p = option;
        for (; *p; p++)
            if (*p == '=' && !value) value = (char *)(uintptr_t)p;
        if (value) {
            *value = 0;
            error = sp_sys(SYS_fsconfig, fs, FSCONFIG_SET_STRING, option, value + 1, 0);
            *value = '=';
        } else {
            error = sp_sys(SYS_fsconfig, fs, FSCONFIG_SET_FLAG, option, NULL, 0);
        }
        option = p + 1;
    }
    if (error >= 0) error = sp_sys(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
    if (error >= 0) error = sp_keep(w, s->b, sp_sys(SYS_fsmount, fs, FSMOUNT_CLOEXEC, s->a));
    close_fd(fs);
    return error;
}

static long attach(struct sp_walk_state *w, const struct sp_step *s) {
    long target = open_beneath(w->root, sp_path(w, s), O_PATH);
    if (target < 0) return target;
    long error = sp_sys(SYS_move_mount, sp_fd(w, s->fd), "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
    close_fd(target);
    return error;
}

// A path opened here was chosen and checked by the parent in its own mount namespace; device and inode say whether it
// is still the same file.
static long same_file(long fd, const struct sp_walk_state *w, const struct sp_step *s) {
    const uint64_t *expected = sp_data(w, s);
    if (!expected) return 0;
    struct statx st;
    long error = sp_sys(SYS_statx, fd, "", AT_EMPTY_PATH, STATX_INO, &st);
    if (error < 0) return error;
    uint64_t device = ((uint64_t)st.stx_dev_major << 32) | st.stx_dev_minor;
    return expected[0] == device && expected[1] == st.stx_ino ? 0 : -ESTALE;
}

static long clone_tree(struct sp_walk_state *w, const struct sp_step *s) {
    long tree = sp_sys(SYS_open_tree, AT_FDCWD, sp_path(w, s), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | s->a);
    if (tree < 0) return tree;
    long error = same_file(tree, w, s);
    struct mount_attr attributes = {.attr_set = s->b};
    uint64_t recursive = s->a & AT_RECURSIVE;
    if (error >= 0 && s->b)
        error = sp_sys(SYS_mount_setattr, tree, "", AT_EMPTY_PATH | recursive, &attributes, sizeof attributes);
    if (error < 0) {
        close_fd(tree);
        return error;
    }
    return sp_keep(w, (uint64_t)s->fd2, tree);
}

// A mount point for a file is a file: mode bits say which of the two is made.
static long make_name(struct sp_walk_state *w, const struct sp_step *s) {
    int32_t parent = sp_fd(w, s->fd);
    long error = (s->a & S_IFMT) == S_IFREG ? sp_sys(SYS_mknodat, parent, sp_path(w, s), s->a, 0)
                                            : sp_sys(SYS_mkdirat, parent, sp_path(w, s), s->a & 07777);
    if (error == -EEXIST) return 0;
    if (error < 0) return error;
    // mkdir applies the umask; fchmodat does not. umask(2)
    error = sp_sys(SYS_fchmodat, parent, sp_path(w, s), s->a & 07777);
    if (error < 0) return error;
    return sp_sys(SYS_fchownat, parent, sp_path(w, s), s->b, s->b, AT_SYMLINK_NOFOLLOW);
}

static long read_only(struct sp_walk_state *w, const struct sp_step *s) {
    long target = open_beneath(w->root, sp_path(w, s), O_PATH);
    if (target == -ENOENT) return 0;  // what is absent has nothing to write to
    if (target < 0) return target;
    long tree = sp_sys(SYS_open_tree, target, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
    struct mount_attr attributes = {.attr_set = s->a};
    long error = tree < 0 ? tree : sp_sys(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attributes, sizeof attributes);
    if (error >= 0)
        error = sp_sys(SYS_move_mount, tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
    close_fd(tree);
    close_fd(target);
    return error;
}

static long mask(struct sp_walk_state *w, const struct sp_step *s) {
    long target = open_beneath(w->root, sp_path(w, s), O_PATH);
    if (target == -ENOENT) return 0;  // absent is as good as masked
    if (target < 0) return target;
    struct statx st;
    long error = sp_sys(SYS_statx, target, "", AT_EMPTY_PATH, STATX_TYPE, &st);
    int32_t with = sp_fd(w, (st.stx_mode & S_IFMT) == S_IFDIR ? s->fd2 : s->fd);
    long cover = error < 0 ? error : sp_sys(SYS_open_tree, with, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
    error = cover;
    if (cover >= 0)
        error = sp_sys(SYS_move_mount, cover, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
    close_fd(cover);
    close_fd(target);
    return error;
}

static long pivot(void) {
    // The old root is stacked on the new one and then detached: no directory is needed for it, and no path of the
    // host is reachable afterwards. pivot_root(2), "pivot_root(".", ".")"
    long error = sp_sys(SYS_pivot_root, ".", ".");
    if (error >= 0) error = sp_sys(SYS_umount2, ".", MNT_DETACH_);
    if (error >= 0) error = sp_sys(SYS_chdir, "/");
    return error;
}

long sp_step_mount(struct sp_walk_state *w, const struct sp_step *s) {
    switch (s->op) {
    case SP_PRIVATE:
        return sp_sys(SYS_mount, NULL, "/", NULL, MS_REC_ | MS_PRIVATE_, NULL);
    case SP_FILESYSTEM:
        return make_filesystem(w, s);
    case SP_ATTACH:
        return attach(w, s);
    case SP_ATTACH_AT:
        return sp_sys(SYS_move_mount, sp_fd(w, s->fd), "", AT_FDCWD, sp_path(w, s), MOVE_MOUNT_F_EMPTY_PATH);
    case SP_CLONE_TREE:
        return clone_tree(w, s);
    case SP_CHDIR_FD:
        w->root = sp_fd(w, s->fd);
        return sp_sys(SYS_fchdir, w->root);
    case SP_MAKE:
        return make_name(w, s);
    case SP_OPEN:
        return sp_keep(w, s->b, open_beneath(w->root, sp_path(w, s), s->a));
    case SP_READ_ONLY:
        return read_only(w, s);
    case SP_MASK:
        return mask(w, s);
    case SP_PIVOT:
        return pivot();
    case SP_CHDIR:
        return sp_sys(SYS_chdir, sp_path(w, s));
    default:
        return -EINVAL;
    }
}
