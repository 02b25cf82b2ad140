// SPDX-License-Identifier: Apache-2.0
internal import Secrets
internal import Workspace

/// How a finding names a place.
enum Place {
    /// A path as printable text; what looks like a secret in it does not stand there.
    static func path(_ bytes: [UInt8]) -> String {
        var shown: [UInt8] = []
        var position = 0
        for match in SecretScanner.scan(bytes) where match.range.lowerBound >= position {
            shown += bytes[position..<match.range.lowerBound] + Array("[secret]".utf8)
            position = match.range.upperBound
        }
        return PrintableText.escaped(shown + bytes[position...], longest: 300)
    }
}
