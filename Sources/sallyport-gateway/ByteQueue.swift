// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc

/// Bytes on their way to a descriptor that is not always ready for them.
///
/// The queue itself takes what it is given; its owner stops reading while ``isFull``, so it holds at most the limit
/// and what one read can become.
struct ByteQueue {
    enum Progress { case written, wouldBlock, failed }

    private var bytes: [UInt8] = []
    private var start = 0
    private let limit: Int

    init(limit: Int) {
        self.limit = limit
    }

    var isEmpty: Bool { start == bytes.count }
    var isFull: Bool { bytes.count - start >= limit }

    /// Lets a producer append in place.
    mutating func append(_ produce: (inout [UInt8]) -> Void) {
        produce(&bytes)
    }

    mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        start = 0
    }

    /// Writes once, at most `most` bytes.
    mutating func write(to descriptor: Int32, most: Int) -> Progress {
        guard !isEmpty else { return .written }
        let count = min(most, bytes.count - start)
        let result = bytes.withUnsafeBytes { raw -> Int in
            guard let base = raw.baseAddress else { return 0 }
            return sp_gateway_write(descriptor, base + start, count)
        }
        guard result >= 0 else { return result == -Int(EAGAIN) ? .wouldBlock : .failed }
        start += result
        if isEmpty {
            removeAll()
        } else if start >= limit {
            bytes.removeFirst(start)
            start = 0
        }
        return .written
    }
}
