// SPDX-License-Identifier: Apache-2.0

extension SecretScanner {
    /// A text in which the kind of each secret of a known form stands in the place of its value.
    package static func redacted(_ text: String) -> String {
        let bytes = Array(text.utf8)
        var result: [UInt8] = []
        var position = 0
        for match in scan(bytes) where match.confidence == .certain {
            result += bytes[position..<match.range.lowerBound] + Array("[\(match.kind)]".utf8)
            position = match.range.upperBound
        }
        return position == 0 ? text : String(decoding: result + bytes[position...], as: UTF8.self)
    }
}
