// SPDX-License-Identifier: Apache-2.0
internal import CNettle

/// SHA-256 over bytes that arrive in pieces.
package struct RunningDigest {
    private var context = sha256_ctx()

    package init() { nettle_sha256_init(&context) }

    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress else { return }
        nettle_sha256_update(&context, bytes.count, start.assumingMemoryBound(to: UInt8.self))
    }

    package mutating func update(_ bytes: [UInt8]) { bytes.withUnsafeBytes { update($0) } }

    /// The 32 bytes of the digest; afterwards a new one begins.
    package mutating func finish() -> [UInt8] {
        var out = [UInt8](repeating: 0, count: 32)
        nettle_sha256_digest(&context, 32, &out)
        return out
    }
}

/// SHA-1 over bytes that arrive in pieces: what git's files end with, against accidents and not against anybody.
package struct RunningSHA1 {
    private var context = sha1_ctx()

    package init() { nettle_sha1_init(&context) }

    package mutating func update(_ bytes: [UInt8]) {
        bytes.withUnsafeBufferPointer { buffer in
            if let start = buffer.baseAddress { nettle_sha1_update(&context, buffer.count, start) }
        }
    }

    /// The 20 bytes of the digest; afterwards a new one begins.
    package mutating func finish() -> [UInt8] {
        var out = [UInt8](repeating: 0, count: 20)
        nettle_sha1_digest(&context, 20, &out)
        return out
    }
}
