// SPDX-License-Identifier: Apache-2.0
#include <nettle/hmac.h>
#include <nettle/sha1.h>
#include <nettle/sha2.h>
