// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// How a gateway is started; each protection can be left out to show that its absence is refused.
struct sp_test_gateway {
    int executable;  ///< open for reading: the directories above it may be closed to `user`
    int control;     ///< becomes descriptor 3; nothing else is left open
    uid_t user;
    int drops_capabilities;
    int sets_no_new_privileges;
    const void *_Nullable filter;  ///< struct sock_filter[]
    size_t filter_bytes;
};

/// Starts the program and returns its process id, or -errno. A step that fails in the child ends it with 70 + step.
pid_t sp_test_gateway_start(const struct sp_test_gateway *_Nonnull how);

/// A pidfd, or -errno.
int sp_test_pidfd(pid_t process);

/// Opens a pty; the slave with O_NOCTTY and `flags`. 0 or -errno.
int sp_test_open_pty(int *_Nonnull master, int *_Nonnull slave, int flags);

/// An empty file without a name, or -errno.
int sp_test_memory_file(void);
