// SPDX-License-Identifier: Apache-2.0
// execvp without libc: PATH is searched as execvp(3) does, except that a script without #! is not given to a shell.
#pragma once
#include "start.h"

/// Executes argv[0]; returns -errno: the first refusal that is not "absent", else -ENOENT.
long execute(char **argv, char **envp);
