// SPDX-License-Identifier: Apache-2.0
// Variables that hold secrets. Only for a process with one thread.
#pragma once

#pragma clang assume_nonnull begin

/// Overwrites the strings that this process was started with, which the kernel shows in /proc/<pid>/environ. proc(5)
///
/// With `keep` their values stay in memory of its own, where getenv(3) finds them; without it has no variable any more.
/// Returns -errno on failure.
long sp_hide_environment(int keep);
/// Overwrites the value of a variable and removes it. setenv(3)
void sp_forget_variable(const char *name);

#pragma clang assume_nonnull end
