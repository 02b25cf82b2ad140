// SPDX-License-Identifier: Apache-2.0
// How a step of sallyport-task gives everything up before it reads bytes of unknown origin.
#pragma once
#include <stdint.h>

#pragma clang assume_nonnull begin

/// Builds a Landlock ruleset that allows reading beneath some directories and everything a bare repository needs
/// beneath others. Returns its descriptor or -errno; `-EOPNOTSUPP` or `-ENOSYS` when the kernel has no Landlock.
long sp_task_landlock_rules(const int *readable, int readable_count, const int *writable, int writable_count);
/// Applies it to this process for ever.
long sp_task_landlock_apply(int rules);
/// Makes an open directory the root and the current directory. Needs CAP_SYS_CHROOT.
long sp_task_change_root(int directory);
/// Puts an open directory at /tmp of a mount namespace of its own, and makes it the current directory: programs that work
/// with absolute paths reach it there without any right to the directories above it. Needs CAP_SYS_ADMIN.
long sp_task_show_directory(int directory);
/// Makes an open directory the current one.
long sp_fchdir(int directory);
/// Gives up every capability in all five sets and, when `change` is not 0, every group and user id for the given ones.
/// What was to end with its parent still is. `-ESRCH` when the parent has ended.
long sp_task_drop(int change, uint32_t uid, uint32_t gid);
/// Allows the system calls that libgit2 and a Swift program need for files, memory and threads; all others are EPERM.
/// With `reading_only` also those that change a name, a mode or a time.
long sp_task_filter(int reading_only);
/// Allows the same to a step that speaks to a server, without changing anything of a file: TCP and UDP connections that it
/// makes itself, and route netlink, of which the name service asks. No other process, no program, no local socket but a pair
/// of streams.
long sp_task_client_filter(void);
/// Allows the same to a process that answers at a socket which listens already, and neither makes a socket nor a thread.
long sp_task_serving_filter(void);
/// Refuses what git never needs between two repositories: other processes, namespaces, mounts, kernel interfaces, and
/// sockets of every family but, with `network`, IPv4, IPv6 and netlink; of pairs those of local streams are left. Of a socket
/// only the family is compared: raw and packet sockets take a capability, which git has not.
long sp_task_git_filter(int network);
/// Nothing that is executed from here on gains a privilege; Landlock and the filter need it first.
long sp_task_no_new_privileges(void);

#pragma clang assume_nonnull end
