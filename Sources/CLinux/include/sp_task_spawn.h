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

/// The same in a pid namespace of its own, which ends with it: no process that it starts outlives it, whatever it does.
///
/// Requests to stop are blocked in it, until ``sp_task_keep`` hears them. For a caller that is not root it makes a user
/// namespace as well, which maps no id.
long sp_task_spawn_alone(const char *path, char *_Nullable const *_Nonnull argv,
                         char *_Nullable const *_Nonnull environment, const int *descriptors, int count);

/// Runs a program as the first process of a pid namespace, and ends with it whatever it leaves behind; -EPERM for any other
/// process. The program has no descriptor beyond 5.
///
/// Passes signals on to the program, and ends it at once when whoever started this process is gone.
/// Returns its exit status, 128 + n where signal n ended it, or -errno.
long sp_task_keep(const char *path, char *_Nullable const *_Nonnull argv);

/// Becomes a program, with our own environment; returns only when it fails, with -errno.
long sp_task_become(const char *path, char *_Nullable const *_Nonnull argv);

#pragma clang assume_nonnull end
