// SPDX-License-Identifier: Apache-2.0

/// Base64 with the alphabet and the padding of RFC 4648, section 4.
package enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let values: [UInt8?] = {
        var values = [UInt8?](repeating: nil, count: 256)
        for (value, letter) in alphabet.enumerated() { values[Int(letter)] = UInt8(value) }
        return values
    }()

    package static func encode(_ bytes: some Collection<UInt8>) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        var group: UInt32 = 0
        var held = 0
        for byte in bytes {
            group = group << 8 | UInt32(byte)
            held += 1
            guard held == 3 else { continue }
            for shift in [18, 12, 6, 0] { text.append(alphabet[Int(group >> UInt32(shift) & 63)]) }
            group = 0
            held = 0
        }
        guard held > 0 else { return text }
        group <<= 8 * UInt32(3 - held)
        for (index, shift) in [18, 12, 6, 0].enumerated() {
            text.append(index <= held ? alphabet[Int(group >> UInt32(shift) & 63)] : UInt8(ascii: "="))
        }
        return text
    }

    /// The bytes; nil for anything that ``encode(_:)`` does not write, so that no two texts stand for the same bytes.
    package static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
        guard text.count % 4 == 0 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 4 * 3)
        var group: UInt32 = 0
        var held = 0
        var padding = 0
        var isEnded = false
        for letter in text {
            guard !isEnded else { return nil }
            if letter == UInt8(ascii: "=") {
                padding += 1
            } else {
                guard padding == 0, let value = values[Int(letter)] else { return nil }
                group = group << 6 | UInt32(value)
                held += 1
            }
            guard held + padding == 4 else { continue }
            guard padding < 3, finish(group, padding, &bytes) else { return nil }
            isEnded = padding > 0
            (group, held) = (0, 0)
        }
        return bytes
    }

    /// Appends the last one to three bytes of a group; false when bits are set that belong to none of them.
    private static func finish(_ group: UInt32, _ padding: Int, _ bytes: inout [UInt8]) -> Bool {
        let whole = group << (6 * UInt32(padding))
        guard padding == 0 || whole & (padding == 1 ? 0xff : 0xffff) == 0 else { return false }
        for index in 0..<(3 - padding) { bytes.append(UInt8(truncatingIfNeeded: whole >> (16 - 8 * UInt32(index)))) }
        return true
    }
}
