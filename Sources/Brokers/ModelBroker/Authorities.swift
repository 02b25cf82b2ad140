// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem

/// Certificates as they were when their session began, in memory.
///
/// GnuTLS reads a file of them for each connection, and this libcurl takes them in no other way. Of a copy it finds the same
/// ones until the end, though the host's bundle is exchanged meanwhile, and no file of the host has to stay readable.
final class Authorities {
    private let copy: Descriptor
    /// Where a library opens them by name.
    var path: String { "/proc/self/fd/\(copy.number)" }

    private static let most = 16 << 20
    private static let bundles = [
        "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
        "/etc/ssl/cert.pem",
    ]

    /// Reads a file of certificates, by this process's own id.
    ///
    /// - Parameter named: nil for the host's own.
    init(_ named: String?) throws {
        let candidates = named.map { [$0] } ?? Self.bundles
        guard let found = candidates.first(where: { access($0, R_OK) == 0 }) else {
            throw ModelBroker.Unusable(
                text: "no file of certificates can be read (\(candidates.joined(separator: ", "))): "
                    + "make it readable for everybody, and each directory above it passable")
        }
        let bytes = try Descriptor.open(found, O_RDONLY).readAll(limit: Self.most, subject: "\"\(found)\"")
        copy = Descriptor(owning: Int32(try checked("make", "a file in memory") { sp_memfd("authorities") }))
        try copy.writeAll(bytes, subject: "a file in memory")
        let fd = copy.number
        try checked("seal", "a file in memory") { sp_add_seals(fd) }
    }
}
