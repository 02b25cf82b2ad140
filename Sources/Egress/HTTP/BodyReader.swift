// SPDX-License-Identifier: Apache-2.0
internal import Policy

/// Passes the body of one request and nothing behind it.
///
/// A body of known length goes through as it is. Chunks are decoded strictly and written anew, so that no size, extension
/// or trailer of the client's own spelling reaches the upstream.
package struct BodyReader: Sendable {
    private enum Position: Equatable {
        /// Bytes of a body of known length that are still to come.
        case counted(UInt64)
        /// In a chunk size of which this many digits were read.
        case size(digits: Int, value: UInt64)
        /// After the size, before its line feed.
        case sizeEnd(UInt64)
        case data(UInt64)
        /// After a chunk's data: its CR, then its LF.
        case dataEnd
        case dataLineFeed
        case trailers(size: Int)
        case complete
    }

    /// What comes out.
    package enum Form: Sendable {
        /// A body as it is sent onwards, chunks included.
        case framed
        /// Only the data.
        case data
    }

    private static let longestTrailers = 8192

    private let form: Form
    private var position: Position
    private var collector = LineCollector()

    package init(_ framing: RequestHead.Framing, form: Form = .framed) {
        self.form = form
        switch framing {
        case .none: position = .complete
        case .length(let count): position = count == 0 ? .complete : .counted(count)
        case .chunked: position = .size(digits: 0, value: 0)
        }
    }

    package var isComplete: Bool { position == .complete }

    /// Bytes still to come of a body of known length, for a relay that moves them unread; nil for chunks.
    package var remaining: UInt64? {
        switch position {
        case .counted(let count): count
        case .complete: 0
        default: nil
        }
    }

    /// Says that a relay moved this many bytes past this reader, not more than ``remaining``.
    package mutating func passed(_ count: UInt64) {
        guard case .counted(let left) = position, count > 0 else { return }
        position = count < left ? .counted(left - count) : .complete
    }

    /// Takes the next bytes and appends what is to be sent for them.
    ///
    /// - Returns: How many bytes belong to the body; what is behind them is never sent.
    /// - Throws: ``HTTPRefusal``; nothing was appended, and the connections are to be closed.
    package mutating func take(_ bytes: Span<UInt8>, into output: inout [UInt8]) throws(HTTPRefusal) -> Int {
        if case .counted(let left) = position {
            let count = Int(min(left, UInt64(bytes.count)))
            for index in 0..<count { output.append(bytes[index]) }
            passed(UInt64(count))
            return count
        }
        var data: [UInt8] = []
        var index = 0
        while index < bytes.count, !isComplete {
            if case .data(let left) = position {
                let count = Int(min(left, UInt64(bytes.count - index)))
                for offset in index..<index + count { data.append(bytes[offset]) }
                index += count
                position = UInt64(count) == left ? .dataEnd : .data(left - UInt64(count))
            } else {
                try step(bytes[index])
                index += 1
                if isComplete { append(&data, to: &output, isLast: true) }
            }
        }
        append(&data, to: &output, isLast: false)
        return index
    }

    /// One byte of what stands between chunks.
    private mutating func step(_ byte: UInt8) throws(HTTPRefusal) {
        switch position {
        case .size(let digits, let value):
            if digits > 0, byte == UInt8(ascii: "\r") {
                position = .sizeEnd(value)
            } else {
                // Sixteen digits fill the number exactly; a seventeenth would wrap it (CVE-2013-2028).
                guard digits < 16, let digit = byte.hexadecimalValue else { throw .chunk }
                position = .size(digits: digits + 1, value: value << 4 | UInt64(digit))
            }
        case .sizeEnd(let value):
            guard byte == UInt8(ascii: "\n") else { throw .chunk }
            position = value == 0 ? .trailers(size: 0) : .data(value)
        case .dataEnd:
            guard byte == UInt8(ascii: "\r") else { throw .chunk }
            position = .dataLineFeed
        case .dataLineFeed:
            guard byte == UInt8(ascii: "\n") else { throw .chunk }
            position = .size(digits: 0, value: 0)
        case .trailers(let size):
            guard size < Self.longestTrailers else { throw .oversized }
            position = .trailers(size: size + 1)
            guard try collector.take(byte, allowsTab: true) else { return }
            if collector.line.isEmpty {
                position = .complete
            } else {
                // Read for its form only; a trailer is never sent.
                _ = try HTTPField(collector.line)
            }
            collector.next()
        case .counted, .data, .complete: break
        }
    }

    /// Writes the data gathered so far, as one chunk where chunks go on, and the end of the body when it was reached.
    private func append(_ data: inout [UInt8], to output: inout [UInt8], isLast: Bool) {
        if form == .data {
            output += data
            data = []
            return
        }
        if !data.isEmpty {
            output += String(data.count, radix: 16).utf8
            output += "\r\n".utf8
            output += data
            output += "\r\n".utf8
            data = []
        }
        if isLast { output += "0\r\n\r\n".utf8 }
    }
}
