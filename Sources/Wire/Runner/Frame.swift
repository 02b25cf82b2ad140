// SPDX-License-Identifier: Apache-2.0

/// One statement of the runner about its own work; all of it is claimed, none of it observed.
///
///     runner (inside)                                            sallyport-gateway (outside)
///        │  u32be length of the rest (2...65536)                         │
///        │  u8 version = 1                                               │
///        │  u8 type: 1 milestone, 2 note, 3 test outcome, 4 turn,        │
///        │           5 tool call, 6 cost                                 │
///        │  payload: lines "key=value\n"                                 │
///        └────────────── stream socket, one way ────────────────────────▶│
///
/// A key is `[a-z][a-z0-9_]{0,31}` and stands once. A value is UTF-8 in which `%`, `=`, line feed and every other
/// control character are written as `%` and two hexadecimal digits; any byte may be written so. There is no answer.
package struct Frame: Equatable, Sendable {
    /// What a frame speaks about.
    package enum Kind: UInt8, Sendable, CaseIterable {
        /// A point of the work was reached: `name`, and what belongs to it.
        case milestone = 1
        /// Free text for the log: `text`.
        case note = 2
        /// A test command ended, as the runner saw it.
        case testOutcome = 3
        /// The agent says that a turn of its model began: `number`.
        case turn = 4
        /// The agent says that it called a tool: `name`, `outcome`.
        case toolCall = 5
        /// The agent says what it spent so far: `micro_dollars`.
        case cost = 6
    }

    /// One `key=value` of a frame, the value decoded.
    package struct Field: Equatable, Sendable {
        package let key: String
        package let value: String

        package init(key: String, value: String) {
            self.key = key
            self.value = value
        }
    }

    package static let version: UInt8 = 1
    /// Values of the length word that are accepted; it counts version, type and payload.
    package static let acceptedLengths: ClosedRange<Int> = 2...65_536
    package static let mostFields = 64
    package static let longestKey = 32

    package let kind: Kind
    package let fields: [Field]

    package init(kind: Kind, fields: [Field]) {
        self.kind = kind
        self.fields = fields
    }

    /// The value of a key, or nil when the frame does not have it.
    package subscript(key: String) -> String? {
        fields.first { $0.key == key }?.value
    }

    /// The bytes of this frame, length word included.
    ///
    /// - Throws: ``FrameError`` where a decoder would refuse the result.
    package func encoded() throws(FrameError) -> [UInt8] {
        guard fields.count <= Self.mostFields else { throw .tooManyFields }
        var payload: [UInt8] = []
        for (index, field) in fields.enumerated() {
            let key = Array(field.key.utf8)
            guard FramePayload.isKey(key.span) else { throw .key }
            guard !fields[..<index].contains(where: { $0.key == field.key }) else { throw .duplicateKey }
            payload += key
            payload.append(UInt8(ascii: "="))
            FramePayload.appendEscaped(field.value, to: &payload)
            payload.append(UInt8(ascii: "\n"))
        }
        let length = payload.count + 2
        guard let word = UInt32(exactly: length), Self.acceptedLengths.contains(length) else {
            throw .length(UInt32(clamping: length))
        }
        var writer = ByteWriter()
        writer.append(word)
        writer.append(Self.version)
        writer.append(kind.rawValue)
        return writer.bytes + payload
    }
}

/// Why bytes are no frame; after any of these the rest of the stream means nothing and is not read.
package enum FrameError: Error, Equatable, Sendable {
    /// The length word is outside ``Frame/acceptedLengths``.
    case length(UInt32)
    case version(UInt8)
    case kind(UInt8)
    /// The payload does not end with a line feed.
    case unterminatedLine
    /// A line has no `=`, or what stands before the first one is no key.
    case key
    case duplicateKey
    case tooManyFields
    /// `%` without two hexadecimal digits after it.
    case percentEscape
    /// A control character or a second `=` that is not written with `%`.
    case unescaped
    case notUTF8
    /// The stream ended inside a frame, with this many bytes of it present.
    case truncated(Int)
    /// An earlier frame of this stream was refused.
    case streamRefused

    /// The reason in a few words that hold no byte of the stream.
    package var reason: String {
        switch self {
        case .length(let length): "length \(length) is outside 2...65536"
        case .version(let version): "version \(version) is not 1"
        case .kind(let kind): "type \(kind) is unknown"
        case .unterminatedLine: "the last line has no line feed"
        case .key: "a line does not start with a key and \"=\""
        case .duplicateKey: "a key stands twice"
        case .tooManyFields: "more than \(Frame.mostFields) fields"
        case .percentEscape: "\"%\" without two hexadecimal digits"
        case .unescaped: "a control character or \"=\" in a value is not escaped"
        case .notUTF8: "a value is not UTF-8"
        case .truncated(let count): "the stream ended after \(count) bytes of a frame"
        case .streamRefused: "an earlier frame of the stream was refused"
        }
    }
}

extension FrameError: CustomStringConvertible {
    package var description: String {
        "cannot read the runner's frames: \(reason) (EBADMSG). Nothing after it is read; "
            + "the task's outcome does not depend on frames."
    }
}
