// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem

/// One connection from a sandbox, read and written with time limits: whoever is slow loses it and holds up nobody.
struct ClientConnection: ~Copyable {
    private let socket: Descriptor
    private(set) var received: UInt64 = 0
    private(set) var sent: UInt64 = 0

    enum Failure: Error, Equatable {
        case timedOut
        /// The client is gone.
        case gone
    }

    init(_ socket: consuming Descriptor) { self.socket = socket }

    var number: Int32 { socket.number }

    /// The next bytes, at most 64 KiB; empty at the end.
    ///
    /// - Parameter deadline: Nanoseconds of the monotonic clock.
    mutating func receive(until deadline: UInt64) throws(Failure) -> [UInt8] {
        let fd = socket.number
        while true {
            var got = 0
            let bytes = [UInt8](unsafeUninitializedCapacity: 65536) { buffer, count in
                got = sp_receive_bytes(fd, buffer.baseAddress!, buffer.count)
                count = max(0, got)
            }
            if got >= 0 {
                received += UInt64(got)
                return bytes
            }
            guard got == -Int(EAGAIN) || got == -Int(EINTR) else { throw .gone }
            try wait(for: Int16(POLLIN), until: deadline)
        }
    }

    /// Sends everything; each piece must be taken within so many seconds.
    mutating func send(_ bytes: [UInt8], patience: UInt64 = Self.sendSeconds) throws(Failure) {
        let fd = socket.number
        var done = 0
        while done < bytes.count {
            let start = done
            let put = bytes.withUnsafeBytes { sp_send_bytes(fd, $0.baseAddress! + start, bytes.count - start) }
            if put > 0 {
                done += put
                sent += UInt64(put)
            } else if put == -Int(EAGAIN) || put == -Int(EINTR) {
                try wait(for: Int16(POLLOUT), until: Self.now + patience * 1_000_000_000)
            } else {
                throw .gone
            }
        }
    }

    /// Says that nothing more is sent, and lets the client read to the end: bytes that are still unread here would turn
    /// the close into a reset, which could overtake the answer.
    mutating func finish() {
        _ = sp_shutdown_write(socket.number)
        let deadline = Self.now + Self.lingerSeconds * 1_000_000_000
        var left = Self.lingerBytes
        do throws(Failure) {
            while left > 0 {
                let bytes = try receive(until: deadline)
                if bytes.isEmpty { return }
                left -= bytes.count
            }
        } catch {
            // Gone, or still talking: either way there is nobody to wait for.
        }
    }

    private func wait(for events: Int16, until deadline: UInt64) throws(Failure) {
        let now = Self.now
        guard now < deadline else { throw .timedOut }
        let result = sp_poll_one(socket.number, events, Int32(min((deadline - now) / 1_000_000 + 1, 3_600_000)))
        if result == 0 { throw .timedOut }
    }

    static var now: UInt64 { sp_clock_ns(CLOCK_MONOTONIC) }

    private static let sendSeconds: UInt64 = 120
    private static let lingerSeconds: UInt64 = 2
    private static let lingerBytes = 16 << 20
}
