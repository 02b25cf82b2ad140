// SPDX-License-Identifier: Apache-2.0

/// A few bytes to look for in many.
struct Needle: Sendable {
    private let bytes: [UInt8]

    init(_ text: String) { bytes = Array(text.utf8) }

    func isIn(_ text: [UInt8]) -> Bool {
        guard text.count >= bytes.count else { return false }
        var index = 0
        let last = text.count - bytes.count
        while index <= last {
            if text[index] == bytes[0], text[index...].starts(with: bytes) { return true }
            index += 1
        }
        return false
    }
}

/// The data of server-sent events, whatever the pieces in which the stream comes.
///
/// Lines end with LF, CR or both. An event that is longer than what is held is passed over, and that is told.
///
/// - SeeAlso: HTML Living Standard, 9.2 Server-sent events.
struct EventReader: Sendable {
    static let longest = 4 << 20

    private var line: [UInt8] = []
    private var data: [UInt8] = []
    private var hasData = false
    private var isSkipping = false
    private var sawCarriageReturn = false
    private var isFirstLine = true
    /// An event was too long to be looked at.
    private(set) var wasTooLong = false

    /// Takes one byte; the data of an event when it ends one.
    mutating func take(_ byte: UInt8) -> [UInt8]? {
        if byte == 0x0A, sawCarriageReturn {
            sawCarriageReturn = false
            return nil
        }
        sawCarriageReturn = byte == 0x0D
        guard byte == 0x0A || byte == 0x0D else {
            if isSkipping { return nil }
            if line.count + data.count < Self.longest {
                line.append(byte)
            } else {
                skip()
            }
            return nil
        }
        return endLine()
    }

    /// What stands unfinished at the end of the stream: a count that is there whole is one.
    mutating func end() -> [UInt8]? {
        if !line.isEmpty, let event = endLine() { return event }
        return endEvent()
    }

    private mutating func skip() {
        (line, data) = ([], [])
        isSkipping = true
        hasData = false
        wasTooLong = true
    }

    private mutating func endLine() -> [UInt8]? {
        defer { line.removeAll(keepingCapacity: true) }
        if isFirstLine {
            isFirstLine = false
            if line.starts(with: [0xEF, 0xBB, 0xBF]) { line.removeFirst(3) }
        }
        // The line of an event that is passed over ends, its event goes on to the empty line.
        if line.isEmpty, !isSkipping { return endEvent() }
        if isSkipping {
            isSkipping = false
            return nil
        }
        guard line.starts(with: "data".utf8) else { return nil }
        var value = line[4...]
        if value.isEmpty || value.first == UInt8(ascii: ":") {
            value = value.dropFirst()
            if value.first == 0x20 { value = value.dropFirst() }
            if hasData { data.append(0x0A) }
            data += value
            hasData = true
        }
        return nil
    }

    private mutating func endEvent() -> [UInt8]? {
        defer {
            data = []
            hasData = false
        }
        return hasData ? data : nil
    }
}
