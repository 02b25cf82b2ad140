// SPDX-License-Identifier: Apache-2.0

/// The letters behind an `xn--` label: RFC 3492.
enum Punycode {
    private static let base = 36
    private static let tMin = 1
    private static let tMax = 26
    private static let skew = 38
    private static let damp = 700

    /// Decodes what follows `xn--`; nil when it is no encoding, or one that another text has too.
    static func decode(_ text: some StringProtocol) -> [Unicode.Scalar]? {
        let bytes = Array(text.utf8)
        var output: [UInt32] = []
        var rest = bytes[...]
        if let hyphen = bytes.lastIndex(of: UInt8(ascii: "-")) {
            output = bytes[..<hyphen].map { UInt32($0) }
            rest = bytes[(hyphen + 1)...]
        }
        guard !rest.isEmpty else { return nil }
        var number = 128
        var position = 0
        var bias = 72
        while !rest.isEmpty {
            let before = position
            var weight = 1
            var step = base
            while true {
                guard let byte = rest.popFirst(), let digit = value(of: byte) else { return nil }
                // A label has 59 characters at most here, and no code point beyond 0x10FFFF: far from overflow.
                guard digit <= (0x7FFF_FFFF - position) / weight else { return nil }
                position += digit * weight
                let threshold = min(max(step - bias, tMin), tMax)
                if digit < threshold { break }
                guard weight <= 0x7FFF_FFFF / (base - threshold) else { return nil }
                weight *= base - threshold
                step += base
            }
            let count = output.count + 1
            bias = adapted(position - before, count: count, isFirst: before == 0)
            number += position / count
            position %= count
            guard number <= 0x10FFFF else { return nil }
            output.insert(UInt32(number), at: position)
            position += 1
        }
        var scalars: [Unicode.Scalar] = []
        for value in output {
            guard let scalar = Unicode.Scalar(value) else { return nil }
            scalars.append(scalar)
        }
        return scalars
    }

    private static func value(of byte: UInt8) -> Int? {
        switch byte {
        case 0x61...0x7A: Int(byte) - 0x61
        case 0x30...0x39: Int(byte) - 0x30 + 26
        default: nil
        }
    }

    private static func adapted(_ delta: Int, count: Int, isFirst: Bool) -> Int {
        var delta = isFirst ? delta / damp : delta / 2
        delta += delta / count
        var step = 0
        while delta > (base - tMin) * tMax / 2 {
            delta /= base - tMin
            step += base
        }
        return step + (base - tMin + 1) * delta / (delta + skew)
    }
}
