// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stddef.h>

/// How many words the command line has, the program's own name included.
int sp_argument_count(void);
/// One of them, which lives as long as the process.
const char *_Nullable sp_argument(int number);
