// SPDX-License-Identifier: Apache-2.0

/// A query put together field by field, so that a test can get one of them wrong.
struct DNSMessage {
    var id: UInt16 = 0x1234
    var flags: UInt16 = 0x0100
    var counts: [UInt16] = [1, 0, 0, 0]
    var labels: [[UInt8]] = []
    var nameEnd: [UInt8] = [0]
    var type: UInt16 = 1
    var recordClass: UInt16 = 1
    var rest: [UInt8] = []

    init(_ name: String) {
        labels = name.split(separator: ".").map { Array($0.utf8) }
    }

    /// The same with an OPT record.
    func withOPT(size: UInt16 = 1232, version: UInt8 = 0, options: [UInt8] = []) -> DNSMessage {
        var copy = self
        copy.counts[3] += 1
        copy.rest +=
            [0] + Self.bytes(41) + Self.bytes(size) + [0, version, 0x80, 0] + Self.bytes(UInt16(options.count))
        copy.rest += options
        return copy
    }

    func with(_ change: (inout DNSMessage) -> Void) -> DNSMessage {
        var copy = self
        change(&copy)
        return copy
    }

    var question: [UInt8] {
        labels.flatMap { [UInt8($0.count)] + $0 } + nameEnd + Self.bytes(type) + Self.bytes(recordClass)
    }

    var bytes: [UInt8] {
        ([id, flags] + counts).flatMap(Self.bytes) + question + rest
    }

    static func bytes(_ value: UInt16) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 0xff)] }
}
