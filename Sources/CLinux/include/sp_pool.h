// SPDX-License-Identifier: Apache-2.0
// A file as a block device, and the mount of a file system on it.
#pragma once
#include <linux/loop.h>
#include <linux/mount.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

#include "sp_calls.h"

#pragma clang assume_nonnull begin

/// The number of a loop device that nothing is attached to, made where all are taken. loop(4), LOOP_CTL_GET_FREE
static inline long sp_loop_free(int control) { SP_RET(ioctl(control, LOOP_CTL_GET_FREE)); }
/// Attaches a file in one step, to be detached by the kernel when the last user of the device lets go of it: no
/// moment is left in which a crash could leave the device behind. LOOP_CONFIGURE, 5.8
static inline long sp_loop_attach(int device, int file, const char *name) {
    struct loop_config config = {.fd = (uint32_t)file, .info = {.lo_flags = LO_FLAGS_AUTOCLEAR}};
    // Only for people who list devices; cut at 63 bytes.
    (void)snprintf((char *)config.info.lo_file_name, sizeof config.info.lo_file_name, "%s", name);
    SP_RET(ioctl(device, LOOP_CONFIGURE, &config));
}
/// The file behind a loop device by device and inode, as statx tells them; -ENXIO when there is none.
static inline long sp_loop_file(int device, uint64_t *file_device, uint64_t *inode) {
    struct loop_info64 info = {0};
    long r = ioctl(device, LOOP_GET_STATUS64, &info);
    *file_device = (uint64_t)major(info.lo_device) << 32 | minor(info.lo_device);
    *inode = info.lo_inode;
    SP_RET(r);
}

// The calls by number: sys/mount.h, which has them, and linux/mount.h exclude each other in glibc 2.36.
static inline long sp_fsopen(const char *type) { SP_RET(syscall(SYS_fsopen, type, FSOPEN_CLOEXEC)); }
static inline long sp_fsconfig_text(int fs, const char *key, const char *value) {
    SP_RET(syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, key, value, 0));
}
static inline long sp_fsconfig_flag(int fs, const char *key) {
    SP_RET(syscall(SYS_fsconfig, fs, FSCONFIG_SET_FLAG, key, NULL, 0));
}
static inline long sp_fsconfig_create(int fs) { SP_RET(syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0)); }
static inline long sp_fsmount(int fs, unsigned attributes) { SP_RET(syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, attributes)); }
/// Attaches a detached mount on an open directory; no path is looked up.
static inline long sp_move_mount(int mount, int directory) {
    SP_RET(syscall(SYS_move_mount, mount, "", directory, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH));
}
/// Takes the topmost mount off a path whose last part is no link. umount2(2), UMOUNT_NOFOLLOW
static inline long sp_umount(const char *path) { SP_RET(syscall(SYS_umount2, path, 8)); }
/// Size of the file system of fd and what root may still write on it, in bytes.
static inline long sp_space(int fd, uint64_t *total, uint64_t *available) {
    struct statfs s;
    if (fstatfs(fd, &s) < 0) return -errno;
    *total = (uint64_t)s.f_blocks * (uint64_t)s.f_frsize;
    *available = (uint64_t)s.f_bavail * (uint64_t)s.f_frsize;
    return 0;
}
/// What a file takes on disk, holes left out, in bytes.
static inline long sp_bytes_on_disk(int fd) {
    struct stat s;
    if (fstat(fd, &s) < 0) return -errno;
    return (long)s.st_blocks * 512;
}

#pragma clang assume_nonnull end
