// SPDX-License-Identifier: Apache-2.0

/// An object told as pieces of another one and bytes of its own. gitformat-pack(5), "Deltified representation"
package struct ObjectDelta {
    package let sourceSize: Int
    package let resultSize: Int
    private let steps: ArraySlice<UInt8>

    /// Nil when the bytes do not begin with two sizes.
    package init?(_ bytes: [UInt8]) {
        var rest = bytes[...]
        guard let source = Self.size(&rest), let result = Self.size(&rest) else { return nil }
        sourceSize = source
        resultSize = result
        steps = rest
    }

    /// The object; nil when a step leads out of either, or when they make another size than was said.
    package func apply(to base: [UInt8]) -> [UInt8]? {
        guard base.count == sourceSize else { return nil }
        var result: [UInt8] = []
        var rest = steps
        while let step = rest.popFirst() {
            let piece: ArraySlice<UInt8>
            if step & 0x80 != 0 {
                guard let range = Self.range(step, &rest), range.upperBound <= base.count else { return nil }
                piece = base[range]
            } else {
                guard step != 0, rest.count >= Int(step) else { return nil }
                piece = rest.prefix(Int(step))
                rest = rest.dropFirst(Int(step))
            }
            guard piece.count <= resultSize - result.count else { return nil }
            result += piece
        }
        return result.count == resultSize ? result : nil
    }

    /// What a step copies: bits 0 to 3 say which bytes of the place follow, bits 4 to 6 which of the length.
    private static func range(_ step: UInt8, _ rest: inout ArraySlice<UInt8>) -> Range<Int>? {
        var fields = [0, 0]
        for bit in 0..<7 where step & (1 << UInt8(bit)) != 0 {
            guard let byte = rest.popFirst() else { return nil }
            fields[bit / 4] |= Int(byte) << (bit % 4 * 8)
        }
        let length = fields[1] == 0 ? 0x10000 : fields[1]
        return fields[0]..<(fields[0] + length)
    }

    private static func size(_ rest: inout ArraySlice<UInt8>) -> Int? {
        var value = 0
        // Seven bits each: eight bytes are more than any size has.
        for shift in stride(from: 0, to: 56, by: 7) {
            guard let byte = rest.popFirst() else { return nil }
            value |= Int(byte & 0x7F) << shift
            if byte & 0x80 == 0 { return value }
        }
        return nil
    }
}
