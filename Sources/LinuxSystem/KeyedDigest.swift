// SPDX-License-Identifier: Apache-2.0
internal import CNettle

/// HMAC over SHA-256. RFC 2104
package enum KeyedDigest {
    /// The 32 bytes that only the holder of the key can make of the message.
    package static func sha256(_ message: [UInt8], key: [UInt8]) -> [UInt8] {
        var context = hmac_sha256_ctx()
        var output = [UInt8](repeating: 0, count: 32)
        // An empty array has no address, and the length says that none is read.
        let keyBytes = key.isEmpty ? [0] : key
        let messageBytes = message.isEmpty ? [0] : message
        nettle_hmac_sha256_set_key(&context, key.count, keyBytes)
        nettle_hmac_sha256_update(&context, message.count, messageBytes)
        nettle_hmac_sha256_digest(&context, 32, &output)
        return output
    }
}
