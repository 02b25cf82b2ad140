// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

/// Bytes on their way to a client that may be slower than what produces them.
struct Outbox {
    enum Progress { case sent, waiting, gone }

    private var bytes: [UInt8] = []
    private var start = 0
    private(set) var sent: UInt64 = 0

    var count: Int { bytes.count - start }

    mutating func append(_ more: [UInt8]) { bytes += more }

    mutating func removeAll() {
        bytes = []
        start = 0
    }

    /// Sends as much as the socket takes now.
    mutating func flush(to socket: Int32) -> Progress {
        while start < bytes.count {
            let from = start
            let put = bytes.withUnsafeBytes { sp_send_bytes(socket, $0.baseAddress! + from, bytes.count - from) }
            if put > 0 {
                start += put
                sent += UInt64(put)
            } else if put == -Int(EAGAIN) {
                bytes.removeFirst(start)
                start = 0
                return .waiting
            } else if put != -Int(EINTR) {
                return .gone
            }
        }
        bytes.removeAll(keepingCapacity: bytes.capacity <= 65536)
        start = 0
        return .sent
    }
}
