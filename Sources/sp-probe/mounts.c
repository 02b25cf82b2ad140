// SPDX-License-Identifier: Apache-2.0
// Section 4.1, second half, with K03 and K23: mounts, roots, file handles, links and devices.
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

// linux/mount.h and sys/mount.h of glibc both define what follows only partly; the numbers are ABI.
#define SP_OPEN_TREE_CLONE 1

// R13. CVE-2026-39861: a symbolic link in a writable directory must not lend its place's right to write.
static void write_through_link(struct sp_outcome *o, const struct sp_probe *p) {
    (void)p;
    unlink("R13-link");
    if (symlink("/etc", "R13-link") != 0) return sp_broken(o, errno, "symlink in the current directory");
    int fd = open("R13-link/sp-probe-R13", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    int error = errno;
    unlink("R13-link");
    sp_verdict(o, fd < 0 ? -error : fd, "create /etc/sp-probe-R13 through a link");
}
static void private_etc(const struct sp_probe *p) {
    (void)p;
    if (mount("etc", "/etc", "tmpfs", 0, "size=1m") != 0) _exit(9);
}

// R14. A hard link would put a read-only file where it can be written.
static void hard_link(struct sp_outcome *o, const struct sp_probe *p) {
    (void)p;
    const char *source = sp_world.control ? "/tmp/scratch/source" : "/etc/passwd";
    unlink("R14-link");
    long result = linkat(AT_FDCWD, source, AT_FDCWD, "R14-link", 0) == 0 ? 0 : -errno;
    unlink("R14-link");
    sp_verdict(o, result, "link a read-only file into the current directory");
}
static void link_source(const struct sp_probe *p) {
    (void)p;
    int fd = open("/tmp/scratch/source", O_WRONLY | O_CREAT, 0600);
    if (fd < 0) _exit(9);
    close(fd);
}

// R17, K23, R31. The mount call with a file system type.
static void mount_type(struct sp_outcome *o, const struct sp_probe *p) {
    if (mkdir("mountpoint", 0700) != 0 && errno != EEXIST) return sp_broken(o, errno, "mkdir mountpoint");
    const char *options = p->a ? "none,name=sp-probe" : NULL;
    long result = mount("probe", "mountpoint", p->path, 0, options) == 0 ? 0 : -errno;
    rmdir("mountpoint");
    sp_verdict(o, result, p->what);
}

// R20. Mounts of the sandbox are the sandbox: none may be taken away, moved or made writable.
static void detach(struct sp_outcome *o, const struct sp_probe *p) {
    sp_verdict(o, umount2(p->path, (int)p->a) == 0 ? 0 : -errno, p->what);
}
static void move_mount_point(struct sp_outcome *o, const struct sp_probe *p) {
    mkdir("elsewhere", 0700);
    long result = mount(sp_world.control ? "/tmp/scratch/moving" : "/proc", "elsewhere", NULL, MS_MOVE, NULL);
    if (result != 0) result = -errno;
    rmdir("elsewhere");
    sp_verdict(o, result, p->what);
}
static void movable(const struct sp_probe *p) {
    (void)p;
    if (mkdir("moving", 0700) != 0 || mount("m", "moving", "tmpfs", 0, "size=1m") != 0) _exit(9);
}
static void remount_writable(struct sp_outcome *o, const struct sp_probe *p) {
    sp_verdict(o, mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND, NULL) == 0 ? 0 : -errno, p->what);
}

// R22. CAP_SYS_CHROOT is all that the classic escape needs.
static void change_root(struct sp_outcome *o, const struct sp_probe *p) {
    mkdir("jail", 0700);
    long result = chroot("jail") == 0 ? 0 : -errno;
    sp_verdict(o, result, p->what);
}
static void pivot(struct sp_outcome *o, const struct sp_probe *p) {
    sp_reached(o, sp_call(SYS_pivot_root, (long)".", (long)".", 0, 0, 0, 0), p->what);
}

// R23, R24. Shocker: a handle names an inode of the file system whatever the mount shows. The call needs
// CAP_DAC_READ_SEARCH, since 6.11 only in the namespace that owns the mount, so the filter has to refuse it.
struct forged_handle {
    unsigned bytes;
    int type;
    unsigned char body[16];
};
static void forged(struct sp_outcome *o, const struct sp_probe *p) {
    struct forged_handle handle = {.bytes = (unsigned)p->b, .type = (int)p->c, .body = {2}};
    long mount_fd = p->a;
    if (p->path) {
        mount_fd = open(p->path, O_RDONLY | O_CLOEXEC);
        if (mount_fd < 0) return sp_broken(o, errno, "open %s", p->path);
    }
    sp_reached(o, sp_call(SYS_open_by_handle_at, mount_fd, (long)&handle, O_RDONLY, 0, 0, 0), p->what);
}
static void name_handle(struct sp_outcome *o, const struct sp_probe *p) {
    struct forged_handle handle = {.bytes = sizeof handle.body};
    int mount_id;
    sp_reached(o, sp_call(SYS_name_to_handle_at, AT_FDCWD, (long)p->path, (long)&handle, (long)&mount_id, 0, 0),
               p->what);
}

// R40. A file with the setuid bit must be worth nothing on any mount that the task can write to.
static void mount_flags(struct sp_outcome *o, const struct sp_probe *p) {
    static const char *const writable[] = {".", "/tmp", "/dev/shm"};
    for (size_t i = 0; i < sizeof writable / sizeof writable[0]; i++) {
        struct statvfs fs;
        if (statvfs(writable[i], &fs) != 0) {
            if (errno == ENOENT) continue;
            return sp_broken(o, errno, "statvfs %s", writable[i]);
        }
        if (!(fs.f_flag & (unsigned long)p->a)) return sp_escaped(o, "%s is mounted without %s", writable[i], p->path);
    }
    sp_observed(o, "ABSENT", "every writable mount is %s", p->path);
}

// R41. A device node made here would reach the host's hardware.
static void make_node(struct sp_outcome *o, const struct sp_probe *p) {
    long result = mknod("node", (mode_t)p->a | 0600, makedev((unsigned)p->b, (unsigned)p->c)) == 0 ? 0 : -errno;
    unlink("node");
    sp_verdict(o, result, p->what);
}
static void open_node(struct sp_outcome *o, const struct sp_probe *p) {
    int fd = open(p->path, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    sp_verdict(o, fd < 0 ? -errno : fd, p->what);
}

// K03. The new mount calls, each with arguments that would do something.
static void new_mount_call(struct sp_outcome *o, const struct sp_probe *p) {
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_NODEV};
    long r = -ENOSYS;
    switch (p->a) {
    case SYS_fsopen: r = sp_call(SYS_fsopen, (long)"tmpfs", 0, 0, 0, 0, 0); break;
    case SYS_fspick: r = sp_call(SYS_fspick, AT_FDCWD, (long)"/", 0, 0, 0, 0); break;
    case SYS_open_tree: r = sp_call(SYS_open_tree, AT_FDCWD, (long)"/", SP_OPEN_TREE_CLONE, 0, 0, 0); break;
    case SYS_mount_setattr:
        r = sp_call(SYS_mount_setattr, AT_FDCWD, (long)"/", 0, (long)&attributes, sizeof attributes, 0);
        break;
    // Without a descriptor of the calls above there is nothing to hand in: any answer but a refusal is the kernel's.
    case SYS_fsconfig: r = sp_call(SYS_fsconfig, -1, 6, 0, 0, 0, 0); break;
    case SYS_fsmount: r = sp_call(SYS_fsmount, -1, 0, 0, 0, 0, 0); break;
    case SYS_move_mount: r = sp_call(SYS_move_mount, AT_FDCWD, (long)"/proc", AT_FDCWD, (long)".", 0, 0); break;
    }
    sp_reached(o, r, p->what);
}

#define PLAIN(id, what, fn, prep, path) {id, what, fn, prep, path, 0, 0, 0, 0}
static const struct sp_probe rows[] = {
    PLAIN("R13a", "write to /etc through a symbolic link", write_through_link, private_etc, NULL),
    PLAIN("R14a", "hard link a read-only file", hard_link, link_source, NULL),
    PLAIN("R17a", "mount a tmpfs", mount_type, NULL, "tmpfs"),
    PLAIN("R17b", "mount a second proc", mount_type, NULL, "proc"),
    {"R20a", "detach /proc", detach, NULL, "/proc", MNT_DETACH, 0, 0, 0},
    {"R20b", "unmount /dev", detach, NULL, "/dev", MNT_DETACH, 0, 0, 0},
    PLAIN("R20c", "move a mount", move_mount_point, movable, NULL),
    PLAIN("R20d", "make the root writable", remount_writable, NULL, NULL),
    PLAIN("R22a", "change the root", change_root, NULL, NULL),
    PLAIN("R22b", "pivot the root", pivot, NULL, NULL),
    // 1 is FILEID_INO32_GEN: inode 2 of an ext file system is its root. linux/exportfs.h
    {"R23a", "open inode 2 of the root by a forged handle", forged, NULL, "/", 0, 8, 1, 0},
    {"R23b", "open inode 2 of /usr by a forged handle", forged, NULL, "/usr", 0, 8, 1, 0},
    {"R23c", "open inode 2 under the current directory by a forged handle", forged, NULL, ".", 0, 8, 1, 0},
    PLAIN("R23d", "ask for the handle of the root", name_handle, NULL, "/"),
    // -10003 FD_NSFS_ROOT with 0xf1 FILEID_NSFS, -10002 FD_PIDFS_ROOT with 0xfe FILEID_KERNFS. CVE-2026-43391
    {"R24a", "open a namespace by a forged handle", forged, NULL, NULL, -10003, 16, 0xf1, 0},
    {"R24b", "open a process by a forged handle", forged, NULL, NULL, -10002, 8, 0xfe, 0},
    PLAIN("R24c", "ask for the handle of a namespace", name_handle, NULL, "/proc/self/ns/net"),
    {"R31b", "mount a version 1 cgroup hierarchy", mount_type, NULL, "cgroup", 1, 0, 0, 0},
    PLAIN("R31c", "mount the cgroup2 hierarchy", mount_type, NULL, "cgroup2"),
    {"R40b", "find a writable mount that honours setuid", mount_flags, NULL, "nosuid", ST_NOSUID, 0, 0, 0},
    {"R41a", "make a block device node", make_node, NULL, NULL, S_IFBLK, 8, 0, 0},
    {"R41b", "make a node of /dev/mem", make_node, NULL, NULL, S_IFCHR, 1, 1, 0},
    {"R41c", "make a whiteout", make_node, NULL, NULL, S_IFCHR, 0, 0, 0},
    {"R41d", "find a writable mount that honours device nodes", mount_flags, NULL, "nodev", 4 /* ST_NODEV */, 0, 0,
     0},
    {"R41e", "open /dev/mem", open_node, NULL, "/dev/mem", 0, 0, 0, SP_PATH_MAY_BE_MISSING},
    {"R41f", "open /dev/kvm", open_node, NULL, "/dev/kvm", 0, 0, 0, SP_PATH_MAY_BE_MISSING},
    {"R41g", "open /dev/fuse", open_node, NULL, "/dev/fuse", 0, 0, 0, SP_PATH_MAY_BE_MISSING},
    {"R41h", "open /dev/loop-control", open_node, NULL, "/dev/loop-control", 0, 0, 0, SP_PATH_MAY_BE_MISSING},
    {"R41i", "open /dev/net/tun", open_node, NULL, "/dev/net/tun", 0, 0, 0, SP_PATH_MAY_BE_MISSING},
    {"R41j", "open /dev/console", open_node, NULL, "/dev/console", 0, 0, 0, SP_PATH_MAY_BE_MISSING},
    {"R41k", "open /dev/userfaultfd", open_node, NULL, "/dev/userfaultfd", 0, 0, 0, SP_PATH_MAY_BE_MISSING},
    {"K03a", "fsopen", new_mount_call, NULL, NULL, SYS_fsopen, 0, 0, 0},
    {"K03b", "fspick", new_mount_call, NULL, NULL, SYS_fspick, 0, 0, 0},
    {"K03c", "fsconfig", new_mount_call, NULL, NULL, SYS_fsconfig, 0, 0, 0},
    {"K03d", "fsmount", new_mount_call, NULL, NULL, SYS_fsmount, 0, 0, 0},
    {"K03e", "open_tree", new_mount_call, NULL, NULL, SYS_open_tree, 0, 0, 0},
    {"K03f", "move_mount", new_mount_call, NULL, NULL, SYS_move_mount, 0, 0, 0},
    {"K03g", "mount_setattr", new_mount_call, NULL, NULL, SYS_mount_setattr, 0, 0, 0},
    PLAIN("K23a", "mount sysfs", mount_type, NULL, "sysfs"),
    PLAIN("K23b", "mount debugfs", mount_type, NULL, "debugfs"),
    PLAIN("K23c", "mount tracefs", mount_type, NULL, "tracefs"),
    PLAIN("K23d", "mount securityfs", mount_type, NULL, "securityfs"),
    PLAIN("K23e", "mount the bpf file system", mount_type, NULL, "bpf"),
    PLAIN("K23f", "mount efivarfs", mount_type, NULL, "efivarfs"),
};
const struct sp_table sp_mount_table = SP_TABLE(rows);
