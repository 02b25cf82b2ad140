// SPDX-License-Identifier: Apache-2.0

/// Why a datagram or stream message got no look-up, and what goes back for it.
package struct DNSRefusal: Error, Equatable, Sendable {
    /// Stable names for the audit record.
    package enum Reason: String, Sendable, CaseIterable {
        /// Shorter than a header: there is no identifier to answer to.
        case tooShort = "too-short"
        /// The response bit is set. Answering it would let two servers answer each other for ever.
        case response
        case opcode
        /// Truncated queries do not exist.
        case truncated
        /// Not exactly one question, or answer or authority records in a query.
        case counts
        /// A label runs past the message, is longer than 63, or the name is longer than 253.
        case name
        /// A compression pointer or another label type: nothing stands before the question to point to.
        case compression
        /// A label holds a byte other than letters, digits, "-" and "_".
        case characters
        /// The question is about the root, which is no host.
        case root
        case recordClass = "class"
        /// The additional section is not one well-formed OPT record.
        case additional
        case ednsVersion = "edns-version"
        /// Bytes after the last record.
        case trailing
    }

    package let reason: Reason
    /// The message to send back; nil when silence is the only safe answer.
    package let reply: [UInt8]?
}

/// Response codes that are sent; RFC 1035 4.1.1, RFC 6891 9.
enum DNSResponseCode {
    static let noError: UInt16 = 0
    static let formatError: UInt16 = 1
    static let nameError: UInt16 = 3
    static let notImplemented: UInt16 = 4
    static let refused: UInt16 = 5
    /// Needs the upper bits in an OPT record.
    static let badVersion: UInt16 = 16
}
