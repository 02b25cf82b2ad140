// SPDX-License-Identifier: Apache-2.0
// Macros whose form Swift does not import, under names of our own.
#pragma once
#include <linux/audit.h>
#include <linux/landlock.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/prctl.h>
#include <linux/securebits.h>
#include <sched.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/vfs.h>

static const uint64_t SP_CLONE_NEWUSER = CLONE_NEWUSER;
static const uint64_t SP_CLONE_NEWNS = CLONE_NEWNS;
static const uint64_t SP_CLONE_NEWPID = CLONE_NEWPID;
static const uint64_t SP_CLONE_NEWNET = CLONE_NEWNET;
static const uint64_t SP_CLONE_NEWIPC = CLONE_NEWIPC;
static const uint64_t SP_CLONE_NEWUTS = CLONE_NEWUTS;
static const uint64_t SP_CLONE_NEWCGROUP = CLONE_NEWCGROUP;
static const uint64_t SP_CLONE_INTO_CGROUP = 0x200000000ULL;
static const uint32_t SP_EPOLLIN = EPOLLIN;
static const uint32_t SP_EPOLLOUT = EPOLLOUT;
static const uint32_t SP_EPOLLRDHUP = EPOLLRDHUP;
static const uint32_t SP_EPOLLHUP = EPOLLHUP;
static const uint32_t SP_EPOLLERR = EPOLLERR;
static const uint32_t SP_EPOLLPRI = EPOLLPRI;
static const uint32_t SP_EPOLLET = EPOLLET;
/// What a relay waits for on each of its two sockets, edge-triggered.
static const uint32_t SP_EPOLL_RELAY = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
static const uint64_t SP_MOUNT_RDONLY = MOUNT_ATTR_RDONLY;
static const uint64_t SP_MOUNT_NOSUID = MOUNT_ATTR_NOSUID;
static const uint64_t SP_MOUNT_NODEV = MOUNT_ATTR_NODEV;
static const uint64_t SP_MOUNT_NOEXEC = MOUNT_ATTR_NOEXEC;
static const uint64_t SP_MOUNT_IDMAP = MOUNT_ATTR_IDMAP;
static const uint32_t SP_TREE_CLONE = OPEN_TREE_CLONE;
static const uint32_t SP_AT_RECURSIVE = 0x8000;
static const uint32_t SP_AT_EMPTY_PATH = 0x1000;
static const uint32_t SP_AT_SYMLINK_NOFOLLOW = 0x100;
static const uint64_t SP_RESOLVE_BENEATH = RESOLVE_BENEATH;
static const uint64_t SP_RESOLVE_NO_SYMLINKS = RESOLVE_NO_SYMLINKS;
static const uint64_t SP_RESOLVE_NO_MAGICLINKS = RESOLVE_NO_MAGICLINKS;
static const uint64_t SP_RESOLVE_NO_XDEV = RESOLVE_NO_XDEV;
static const int SP_RLIMIT_NOFILE = RLIMIT_NOFILE;
static const int SP_RLIMIT_CORE = RLIMIT_CORE;
static const int SP_RLIMIT_NPROC = RLIMIT_NPROC;
static const int SP_RLIMIT_AS = RLIMIT_AS;
static const int SP_RLIMIT_DATA = RLIMIT_DATA;
static const int SP_RLIMIT_MEMLOCK = RLIMIT_MEMLOCK;
static const int SP_RLIMIT_MSGQUEUE = RLIMIT_MSGQUEUE;
static const int SP_RLIMIT_SIGPENDING = RLIMIT_SIGPENDING;
static const int SP_RLIMIT_FSIZE = RLIMIT_FSIZE;
static const int SP_RLIMIT_RTPRIO = RLIMIT_RTPRIO;
static const int SP_RLIMIT_NICE = RLIMIT_NICE;
static const uint64_t SP_CGROUP2_MAGIC = 0x63677270;
static const uint64_t SP_TMPFS_MAGIC = 0x01021994;
static const uint64_t SP_OVERLAY_MAGIC = 0x794c7630;
static const uint64_t SP_PROC_MAGIC = 0x9fa0;
