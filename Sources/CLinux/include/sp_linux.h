// SPDX-License-Identifier: Apache-2.0
// What Swift cannot import: variadic calls, function-like macros, new system calls. Every function returns a
// non-negative result or -errno, because Swift may run code between a call and a read of errno.
#pragma once
#include "sp_broker.h"
#include "sp_calls.h"
#include "sp_changes.h"
#include "sp_constants.h"
#include "sp_control.h"
#include "sp_host_socket.h"
#include "sp_egress.h"
#include "sp_gateway.h"
#include "sp_namespace.h"
#include "sp_network.h"
#include "sp_pool.h"
#include "sp_quota.h"
#include "sp_signals.h"
#include "sp_terminal.h"
