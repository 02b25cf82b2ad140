// SPDX-License-Identifier: Apache-2.0

/// Where a Markdown text shows what stands there: fenced blocks and code spans. CommonMark 0.31, 4.5 and 6.1.
///
/// Inside a block of HTML there is neither, and a comment between what looks like fences is hidden; so a line that begins
/// as HTML ends all code up to the next blank line (4.6).
struct MarkdownCode {
    private let bytes: [UInt8]
    private var isInHTML = false
    /// Lengths of runs of backticks that no other run closes any more in this paragraph.
    private var unclosed: Set<Int> = []

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The end of the code that begins here; nil where none does. Places are asked for in rising order.
    mutating func end(at position: Int) -> Int? {
        if position == 0 || bytes[position - 1] == 0x0A { enterLine(at: position) }
        guard !isInHTML else { return nil }
        if isLineStart(position), let end = fence(at: position) { return end }
        guard bytes[position] == UInt8(ascii: "`"), position == 0 || bytes[position - 1] != UInt8(ascii: "`") else {
            return nil
        }
        return span(at: position)
    }

    private mutating func enterLine(at start: Int) {
        var position = start
        while position < bytes.count, bytes[position] == 0x20 || bytes[position] == 0x09 { position += 1 }
        if position == bytes.count || bytes[position] == 0x0A {
            isInHTML = false
            unclosed = []
        } else if bytes[position] == UInt8(ascii: "<"), position + 1 < bytes.count {
            let next = bytes[position + 1]
            if (0x61...0x7A).contains(next | 0x20) || "/!?".utf8.contains(next) { isInHTML = true }
        }
    }

    private func isLineStart(_ position: Int) -> Bool { position == 0 || bytes[position - 1] == 0x0A }

    /// A block from its opening line to its closing one, or to the end of the text.
    private func fence(at start: Int) -> Int? {
        guard let (mark, length, _) = fenceLine(at: start) else { return nil }
        var position = nextLine(after: start)
        while position < bytes.count {
            let next = nextLine(after: position)
            if let (other, count, isBare) = fenceLine(at: position), other == mark, count >= length, isBare {
                return next
            }
            position = next
        }
        return bytes.count
    }

    /// The mark of a line that opens or closes a block, how often it stands there, and whether anything follows it.
    private func fenceLine(at start: Int) -> (mark: UInt8, count: Int, isBare: Bool)? {
        var position = start
        while position < bytes.count, position - start < 3, bytes[position] == 0x20 { position += 1 }
        guard position < bytes.count, bytes[position] == UInt8(ascii: "`") || bytes[position] == UInt8(ascii: "~")
        else {
            return nil
        }
        let mark = bytes[position]
        let run = bytes[position...].prefix { $0 == mark }
        guard run.count >= 3 else { return nil }
        let rest = bytes[run.endIndex..<nextLine(after: start)].filter { $0 > 0x20 }
        // The words behind an opening mark of backticks hold none themselves.
        guard mark != UInt8(ascii: "`") || !rest.contains(mark) else { return nil }
        return (mark, run.count, rest.isEmpty)
    }

    private func nextLine(after start: Int) -> Int {
        (bytes[start...].firstIndex(of: 0x0A) ?? bytes.count - 1) + 1
    }

    /// From a run of backticks to the next one of the same length in the paragraph.
    private mutating func span(at start: Int) -> Int? {
        let length = bytes[start...].prefix { $0 == UInt8(ascii: "`") }.count
        guard !unclosed.contains(length) else { return nil }
        var position = start + length
        while position < bytes.count {
            if bytes[position] == 0x0A, position + 1 < bytes.count, bytes[position + 1] == 0x0A { break }
            guard bytes[position] == UInt8(ascii: "`") else {
                position += 1
                continue
            }
            let run = bytes[position...].prefix { $0 == UInt8(ascii: "`") }.count
            position += run
            if run == length { return position }
        }
        unclosed.insert(length)
        return nil
    }
}
