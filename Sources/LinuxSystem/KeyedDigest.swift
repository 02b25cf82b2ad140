// SPDX-License-Identifier: Apache-2.0
internal import CNettle

/// HMAC over SHA-256. RFC 2104
package enum KeyedDigest {
    /// Bytes of a digest.
    package static let size = 32

    /// What only the holder of the key can make of the message. It may be a key itself, and so is overwritten as one is.
    package static func sha256(_ message: [UInt8], key: Secret) -> Secret {
        let state = Secret(room: MemoryLayout<hmac_sha256_ctx>.size)
        let output = Secret(room: size)
        state.withMutableBytes { memory in
            let context = memory.baseAddress!.assumingMemoryBound(to: hmac_sha256_ctx.self)
            // What has no byte has no address either, and the length says that none is read.
            key.withBytes { bytes in
                let start = bytes.baseAddress.map { $0.assumingMemoryBound(to: UInt8.self) }
                withUnsafePointer(to: UInt8(0)) { none in
                    nettle_hmac_sha256_set_key(context, bytes.count, start ?? none)
                }
            }
            nettle_hmac_sha256_update(context, message.count, message.isEmpty ? [0] : message)
            output.withMutableBytes { made in
                nettle_hmac_sha256_digest(context, size, made.baseAddress!.assumingMemoryBound(to: UInt8.self))
            }
        }
        return output
    }
}
