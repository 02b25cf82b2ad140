// SPDX-License-Identifier: Apache-2.0
// What the supervisor and sp-init say to each other: descriptor numbers, flags, and one fixed-size record.
#pragma once
#include <stdint.h>

/// SOCK_SEQPACKET socket on which sp-init reports, its child included until it executes the workload; that one never
/// holds it.
#define SP_INIT_STATUS_FD 20

/// argv of sp-init: "sp-init", "<flags> <uid> <gid>" in decimal, then the workload's own argv.
enum sp_init_flag {
    SP_INIT_SET_IDS = 1,   ///< change to uid and gid before executing the workload
    SP_INIT_TERMINAL = 2,  ///< make the terminal on the first of descriptors 0-2 that is one the controlling one
    SP_INIT_KEEP_3 = 4,    ///< the workload keeps descriptor 3
    SP_INIT_KEEP_4 = 8,    ///< the workload keeps descriptor 4
};

enum sp_init_kind {
    SP_INIT_STARTED = 1,      ///< value: pid inside; a pidfd of the workload comes with it
    SP_INIT_EXEC_FAILED = 2,  ///< value: errno of the first execve that was not ENOENT, or ENOENT
    SP_INIT_EXITED = 3,       ///< value: wait status
    SP_INIT_FAILED = 4,       ///< value: errno of sp-init's own set-up
};

struct sp_init_report {
    uint32_t kind;
    int32_t value;
};
