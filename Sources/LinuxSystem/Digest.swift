// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import CNettle

/// SHA-256 in lower-case hexadecimal.
package struct Digest: Sendable {
    /// The digest of some bytes.
    package static func sha256(_ bytes: [UInt8]) -> String {
        var context = sha256_ctx()
        nettle_sha256_init(&context)
        bytes.withUnsafeBufferPointer { nettle_sha256_update(&context, $0.count, $0.baseAddress ?? emptyByte) }
        return finish(&context)
    }

    /// The digest of everything that can be read from a descriptor's current position.
    package static func sha256(readingFrom fd: borrowing Descriptor, subject: String) throws(SystemError) -> String {
        var context = sha256_ctx()
        nettle_sha256_init(&context)
        var buffer = [UInt8](repeating: 0, count: 65536)
        let number = fd.number
        while true {
            let got = try checked("read", subject) {
                buffer.withUnsafeMutableBytes { sp_read(number, $0.baseAddress!, $0.count) }
            }
            if got == 0 { return finish(&context) }
            buffer.withUnsafeBufferPointer { nettle_sha256_update(&context, got, $0.baseAddress!) }
        }
    }

    /// The name that git would give a file of this size with these bytes, and its SHA-256, in one reading.
    ///
    /// - Returns: nil when the file ends before or after `size`: it is being written.
    package static func gitBlob(readingFrom fd: borrowing Descriptor, size: UInt64, subject: String)
        throws(SystemError) -> (blob: String, sha256: String)?
    {
        var context = sha1_ctx()
        var second = sha256_ctx()
        nettle_sha1_init(&context)
        nettle_sha256_init(&second)
        let header = Array("blob \(size)\u{0}".utf8)
        nettle_sha1_update(&context, header.count, header)
        var buffer = [UInt8](repeating: 0, count: 65536)
        let number = fd.number
        var left = size
        while true {
            let got = try checked("read", subject) {
                buffer.withUnsafeMutableBytes { sp_read(number, $0.baseAddress!, $0.count) }
            }
            guard UInt64(got) <= left else { return nil }
            left -= UInt64(got)
            if got == 0 { break }
            buffer.withUnsafeBufferPointer {
                nettle_sha1_update(&context, got, $0.baseAddress!)
                nettle_sha256_update(&second, got, $0.baseAddress!)
            }
        }
        guard left == 0 else { return nil }
        var name = [UInt8](repeating: 0, count: 20)
        nettle_sha1_digest(&context, 20, &name)
        return (hexadecimal(name), finish(&second))
    }

    nonisolated(unsafe) private static let emptyByte: UnsafePointer<UInt8> = {
        let p = UnsafeMutablePointer<UInt8>.allocate(capacity: 1)
        p.initialize(to: 0)
        return UnsafePointer(p)
    }()

    private static func finish(_ context: inout sha256_ctx) -> String {
        var out = [UInt8](repeating: 0, count: 32)
        nettle_sha256_digest(&context, 32, &out)
        return hexadecimal(out)
    }
}

/// Bytes from the kernel's random source.
package func randomBytes(_ count: Int) throws(SystemError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    let got = try checked("read", "random bytes") { bytes.withUnsafeMutableBytes { sp_random($0.baseAddress!, count) } }
    // getrandom gives up to 256 bytes whole. getrandom(2)
    guard got == count else { throw SystemError("read", "random bytes", .io) }
    return bytes
}
