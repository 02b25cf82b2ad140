// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

/// A listening unix socket of the host for as long as it is held; a leading `@` makes the name abstract.
package final class LocalListener: Sendable {
    private let fd: Int32

    package init(_ name: String) throws(HarnessError) {
        fd = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard fd >= 0 else { throw HarnessError("make a socket for", name, EIO) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var bytes = Array(name.utf8)
        let length = MemoryLayout<sa_family_t>.size + bytes.count
        if bytes.first == UInt8(ascii: "@") { bytes[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(fd, __CONST_SOCKADDR_ARG(__sockaddr__: $0), socklen_t(length))
            }
        }
        guard bound == 0, listen(fd, 4) == 0 else { throw HarnessError("listen on", name, EADDRINUSE) }
    }

    deinit { _ = sp_close(fd) }
}

/// The process id of these tests, for attempts at the host from inside.
package var ownPid: Int32 { getpid() }
