// SPDX-License-Identifier: Apache-2.0

/// The line of JSON that stands for a frame in the session's frame file.
///
/// A reader of that file parses no byte that the sandbox chose: every string is ASCII, everything else in it is
/// written as `\uXXXX`, and one frame is one line.
package enum ClaimLine {
    /// The line for an accepted frame, line feed included.
    ///
    /// - Parameters:
    ///   - sequence: Counts the lines of the file from 0 without a gap.
    ///   - receivedMilliseconds: When the gateway read it, since 1970; the only part that was observed.
    package static func accepted(_ frame: Frame, sequence: UInt64, receivedMilliseconds: Int64) -> [UInt8] {
        var line = head(sequence, frame.kind.name, receivedMilliseconds) + ",\"claimed\":true,\"fields\":{"
        for (index, field) in frame.fields.enumerated() {
            if index > 0 { line += "," }
            line += quoted(field.key) + ":" + quoted(field.value)
        }
        return Array((line + "}}\n").utf8)
    }

    /// The line that ends the file when the gateway stopped reading: the stream was malformed, or a cap was reached.
    ///
    /// - Parameter offset: Bytes of the stream that were accepted before.
    package static func stopped(
        reason: String, offset: UInt64, sequence: UInt64, receivedMilliseconds: Int64
    ) -> [UInt8] {
        let line =
            head(sequence, "stopped", receivedMilliseconds)
            + ",\"claimed\":false,\"offset\":\(offset),\"reason\":\(quoted(reason))}\n"
        return Array(line.utf8)
    }

    private static func head(_ sequence: UInt64, _ type: String, _ milliseconds: Int64) -> String {
        "{\"seq\":\(sequence),\"type\":\(quoted(type)),\"received_ms\":\(milliseconds)"
    }

    private static func quoted(_ text: String) -> String {
        var output = "\""
        for unit in text.utf16 {
            switch unit {
            case 0x22: output += "\\\""
            case 0x5C: output += "\\\\"
            case 0x20...0x7E: output.unicodeScalars.append(Unicode.Scalar(UInt8(unit)))
            default:
                let digits = String(unit, radix: 16)
                output += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
            }
        }
        return output + "\""
    }
}

extension Frame.Kind {
    /// The name of a frame's kind in the frame file.
    package var name: String {
        switch self {
        case .milestone: "milestone"
        case .note: "note"
        case .testOutcome: "test"
        case .turn: "turn"
        case .toolCall: "tool"
        case .cost: "cost"
        }
    }
}
