// SPDX-License-Identifier: Apache-2.0

/// Bytes of anybody's as text that a model, or a log, can take.
package enum PlainText {
    /// UTF-8 with line ends of one byte: what is no UTF-8, and control characters but tab, become U+FFFD.
    package static func of(_ bytes: some Sequence<UInt8>) -> String {
        var kept: [UInt8] = []
        var wasReturn = false
        for byte in bytes {
            if wasReturn, byte != 0x0A { kept.append(0x0A) }
            wasReturn = byte == 0x0D
            switch byte {
            case 0x0D: continue
            case 0x09, 0x0A: kept.append(byte)
            case 0..<0x20, 0x7F: kept += [0xEF, 0xBF, 0xBD]
            default: kept.append(byte)
            }
        }
        return String(decoding: kept, as: UTF8.self)
    }

    /// The first bytes of a text, cut between characters of UTF-8.
    package static func beginning(_ text: String, longest: Int) -> String {
        let bytes = text.utf8
        guard bytes.count > longest else { return text }
        var kept = Array(bytes.prefix(longest))
        // The byte after the cut says whether a character goes on there.
        var next = bytes[bytes.index(bytes.startIndex, offsetBy: longest)]
        while next & 0xC0 == 0x80, let last = kept.popLast() { next = last }
        return String(decoding: kept, as: UTF8.self)
    }

    /// One short line for a log: control characters of both ranges are blanked.
    package static func line(_ text: String, longest: Int = 200) -> String {
        var output = ""
        for scalar in beginning(text, longest: longest).unicodeScalars {
            let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
            output.unicodeScalars.append(isControl ? " " : scalar)
        }
        return text.utf8.count > longest ? output + "..." : output
    }

    package static func isBlank(_ text: String) -> Bool {
        text.utf8.allSatisfy { $0 == 0x20 || $0 == 0x0A || $0 == 0x0D || $0 == 0x09 }
    }
}

/// What a command wrote, however much: its beginning and its end are kept, what lies between is counted.
package struct BoundedOutput {
    private let most: (first: Int, last: Int)
    private var first: [UInt8] = []
    private var last: [UInt8] = []
    package private(set) var count = 0

    package init(first: Int = 4 << 10, last: Int = 12 << 10) {
        most = (first, last)
    }

    package mutating func append(_ bytes: ArraySlice<UInt8>) {
        count += bytes.count
        let room = most.first - first.count
        first += bytes.prefix(room)
        last += bytes.dropFirst(room)
        // Not at each piece: moving the rest costs as much as it is long.
        if last.count > 4 * most.last { last.removeFirst(last.count - most.last) }
    }

    package var text: String {
        let end = last.suffix(most.last)
        let left = count - first.count - end.count
        if left == 0 { return PlainText.of(first + end) }
        return PlainText.of(first) + "\n[\(left) bytes left out]\n" + PlainText.of(end)
    }
}
