// SPDX-License-Identifier: Apache-2.0
import CLinux
import Dispatch
import Glibc
import LinuxSystem
import TestSupport

/// A socket whose last close waits for minutes: SO_LINGER, and a full queue towards somebody who reads nothing. socket(7)
///
/// Any user can make one. When this is gone, so is the far end, and every wait with it.
final class LingeringSocket {
    private static let seconds: Int32 = 200
    private let far: Descriptor
    private var near: Descriptor?

    init() throws {
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let listener = Descriptor(owning: socket(AF_INET, type, 0))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        func with(_ body: (UnsafeMutablePointer<sockaddr>) -> Int32) -> Int32 {
            withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0) }
            }
        }
        let number = socket(AF_INET, type, 0)
        near = Descriptor(owning: number)
        guard with({ bind(listener.number, __CONST_SOCKADDR_ARG(__sockaddr__: $0), size) }) == 0,
            listen(listener.number, 1) == 0,
            with({ getsockname(listener.number, __SOCKADDR_ARG(__sockaddr__: $0), &size) }) == 0,
            with({ connect(number, __CONST_SOCKADDR_ARG(__sockaddr__: $0), size) }) == 0
        else { throw HarnessError("make", "a connection on loopback", errno) }
        far = Descriptor(
            owning: accept4(
                listener.number, __SOCKADDR_ARG(__sockaddr__: nil), nil, Int32(SOCK_CLOEXEC.rawValue)))
        let bytes = [UInt8](repeating: 0, count: 65536)
        while send(number, bytes, bytes.count, Int32(MSG_DONTWAIT)) > 0 {}
        var linger = Glibc.linger(l_onoff: 1, l_linger: Self.seconds)
        guard setsockopt(number, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout.size(ofValue: linger))) == 0
        else { throw HarnessError("set", "SO_LINGER", errno) }
    }

    deinit {
        // Only then is there nobody to wait for.
        _ = shutdown(far.number, Int32(SHUT_RDWR))
    }

    /// Sends it beside these bytes and keeps no copy: whoever drops it there closes it.
    func go(_ socket: borrowing Descriptor, beside bytes: [UInt8]) throws {
        guard let near = near.take() else { throw HarnessError("it was sent already") }
        try socket.send(bytes, descriptors: [near.number], subject: "a socket that lingers")
        // Elsewhere: where they were quicker than we are, the last one to close it is this.
        let number = near.release()
        DispatchQueue.global().async { _ = close(number) }
    }
}
