// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "sp_gateway.h"
