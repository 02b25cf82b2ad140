// SPDX-License-Identifier: Apache-2.0

/// Where a text has what looks like a secret. The value itself is a range only: nothing prints it.
package struct SecretMatch: Equatable, Sendable {
    package enum Confidence: Sendable {
        /// It has the form of a known kind, and the disorder of a value that was drawn.
        case certain
        /// A name beside it says so.
        case likely
    }

    /// In words: `AWS access key`.
    package let kind: String
    package let confidence: Confidence
    package let range: Range<Int>

    /// Digits of a fingerprint.
    package static let fingerprintLength = 8
}
