// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// Secret bytes that are overwritten at the end, whatever happened in between.
struct Wiped: ~Copyable {
    let start: UnsafeMutablePointer<UInt8>
    let count: Int

    init(count: Int) {
        self.count = count
        start = .allocate(capacity: count)
        start.initialize(repeating: 0, count: count)
    }

    init(_ copied: [UInt8]) {
        self.init(count: copied.count)
        start.update(from: copied, count: count)
    }

    /// Valid while this value is.
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: count) }

    deinit {
        explicit_bzero(start, count)
        start.deallocate()
    }
}
