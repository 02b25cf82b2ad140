// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <nettle/eddsa.h>
#include <nettle/rsa.h>
#include <nettle/sha2.h>
#include <string.h>
#include <sys/random.h>

static inline void sp_rsa_random(void *_Nullable context, size_t length, uint8_t *_Nonnull bytes) {
    (void)context;
    for (size_t done = 0; done < length;) {
        ssize_t got = getrandom(bytes + done, length - done, 0);
        if (got > 0) done += (size_t)got;
    }
}

/// Signs with a key in PKCS#1 DER: RSASSA-PKCS1-v1_5 with SHA-256, blinded. RFC 8017 8.2, A.1.2
///
/// Returns the length of the signature, or -1 for what is no key, or one whose signature has no room.
static inline long sp_rsa_sha256_sign(const uint8_t *_Nonnull der, size_t length, const uint8_t *_Nonnull message,
                                      size_t count, uint8_t *_Nonnull signature, size_t room) {
    struct sha256_ctx hash;
    struct rsa_public_key public_key;
    struct rsa_private_key key;
    mpz_t number;
    long result = -1;
    rsa_public_key_init(&public_key);
    rsa_private_key_init(&key);
    mpz_init(number);
    sha256_init(&hash);
    sha256_update(&hash, count, message);
    // At most 8192 bits: more takes long and is used by nobody.
    if (rsa_keypair_from_der(&public_key, &key, 8192, length, der) && public_key.size <= room &&
        rsa_sha256_sign_tr(&public_key, &key, NULL, sp_rsa_random, &hash, number)) {
        nettle_mpz_get_str_256(public_key.size, signature, number);
        result = (long)public_key.size;
    }
    mpz_clear(number);
    rsa_private_key_clear(&key);
    rsa_public_key_clear(&public_key);
    return result;
}
