// SPDX-License-Identifier: Apache-2.0
// Project quota: an id on a directory that everything below inherits, and limits for that id.
#pragma once
#include <linux/dqblk_xfs.h>
#include <linux/fs.h>
#include <linux/quota.h>
#include <sys/statfs.h>

#include "sp_calls.h"

#pragma clang assume_nonnull begin

/// Gives an empty directory a project id that new files below inherit. ioctl_xfs_fssetxattr(2), FS_IOC_FSSETXATTR
static inline long sp_set_project(int fd, uint32_t project) {
    struct fsxattr attributes = {0};
    if (ioctl(fd, FS_IOC_FSGETXATTR, &attributes) < 0) return -errno;
    attributes.fsx_projid = project;
    attributes.fsx_xflags |= FS_XFLAG_PROJINHERIT;
    SP_RET(ioctl(fd, FS_IOC_FSSETXATTR, &attributes));
}
/// Sets hard limits of a project on the file system of fd; zeros mean none. quotactl_fd(2), 5.14
static inline long sp_set_project_limits(int fd, uint32_t project, uint64_t bytes, uint64_t inodes) {
    struct if_dqblk limits = {
        .dqb_bhardlimit = (bytes + 1023) / 1024,
        .dqb_bsoftlimit = (bytes + 1023) / 1024,
        .dqb_ihardlimit = inodes,
        .dqb_isoftlimit = inodes,
        .dqb_valid = QIF_LIMITS,
    };
    enum { PROJECT = 2 };
    SP_RET(syscall(SYS_quotactl_fd, fd, QCMD(Q_SETQUOTA, PROJECT), project, &limits));
}
/// What a project uses and may use: bytes, byte limit, inodes, inode limit.
static inline long sp_project_usage(int fd, uint32_t project, uint64_t *_Nonnull out) {
    struct if_dqblk usage = {0};
    enum { PROJECT = 2 };
    long r = syscall(SYS_quotactl_fd, fd, QCMD(Q_GETQUOTA, PROJECT), project, &usage);
    out[0] = usage.dqb_curspace;
    out[1] = usage.dqb_bhardlimit * 1024;
    out[2] = usage.dqb_curinodes;
    out[3] = usage.dqb_ihardlimit;
    SP_RET(r);
}
/// Type, free blocks and free inodes of the file system of fd.
static inline long sp_file_system(int fd, uint64_t *_Nonnull type, uint64_t *_Nonnull free_blocks, uint64_t *_Nonnull free_inodes) {
    struct statfs s;
    long r = fstatfs(fd, &s);
    if (r < 0) return -errno;
    *type = (uint64_t)s.f_type;
    *free_blocks = s.f_bavail;
    *free_inodes = s.f_ffree;
    return 0;
}
/// Whether a file takes user extended attributes: sets and removes one.
static inline long sp_try_user_attribute(int fd) {
    extern int fsetxattr(int, const char *, const void *, size_t, int);
    extern int fremovexattr(int, const char *);
    if (fsetxattr(fd, "user.sallyport", "y", 1, 0) < 0) return -errno;
    SP_RET(fremovexattr(fd, "user.sallyport"));
}

#pragma clang assume_nonnull end
