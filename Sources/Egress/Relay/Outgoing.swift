// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem

/// Bytes that were read here and wait to be sent on; nothing more is read from the client while there are any.
struct Outgoing {
    private var bytes: [UInt8] = []
    private var start = 0
    private(set) var sent: UInt64 = 0

    mutating func append(_ more: [UInt8]) {
        if bytes.isEmpty { bytes = more } else { bytes += more }
    }

    /// Sends what is there: `.finished` when nothing waits any more.
    mutating func flush(to socket: Int32) -> Direction.Outcome {
        while start < bytes.count {
            let put = bytes.withUnsafeBytes { sp_send_bytes(socket, $0.baseAddress! + start, bytes.count - start) }
            if put == -Int(EAGAIN) { return .blocked }
            guard put > 0 else { return .failed(Errno(Int32(-put))) }
            start += put
            sent += UInt64(put)
        }
        bytes.removeAll(keepingCapacity: true)
        start = 0
        return .finished
    }
}
