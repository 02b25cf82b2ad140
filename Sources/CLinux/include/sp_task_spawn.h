// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stddef.h>

#pragma clang assume_nonnull begin

/// Starts a program with exactly the given descriptors as 0, 1, 2 and so on; nothing else is open in it.
///
/// It gets SIGTERM when the thread that started it ends, an empty signal mask, and the given environment.
/// `descriptors[i]` -1 is /dev/null.
/// Returns the process id or -errno; an error of the exec itself is reported here too.
long sp_task_spawn(const char *path, char *_Nullable const *_Nonnull argv, char *_Nullable const *_Nonnull environment,
                   const int *descriptors, int count);

/// Becomes a program, with our own environment; returns only when it fails, with -errno.
long sp_task_become(const char *path, char *_Nullable const *_Nonnull argv);

#pragma clang assume_nonnull end
