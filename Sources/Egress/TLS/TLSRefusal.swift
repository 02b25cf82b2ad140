// SPDX-License-Identifier: Apache-2.0

/// Why the first bytes of a connection are not a ClientHello that a rule can be applied to.
package enum TLSRefusal: String, Error, Sendable, CaseIterable {
    /// The first byte starts no handshake record: plain text, or another protocol on a TLS port.
    case notTLS = "not-tls"
    /// An SSL 2 hello, which some servers still read and which has no place for a server name.
    case sslv2 = "ssl-2"
    /// A record or hello version outside SSL 3's successors (0x0301 to 0x0303, also what TLS 1.3 sends).
    case version
    /// A handshake that does not begin with a ClientHello.
    case notClientHello = "not-client-hello"
    /// Another record type between the pieces of the hello, or an empty record.
    case interrupted
    /// More bytes, records or extensions than any client sends.
    case oversized
    /// A length that does not agree with what is there, or a field without a legal value.
    case malformed
    /// Bytes after the hello in its last record.
    case trailing
    case duplicateExtension = "duplicate-extension"
    case duplicateServerName = "duplicate-server-name"
    case noServerName = "no-server-name"
    /// Not exactly one entry, or one that is no host name: an address, a trailing dot, a byte outside the alphabet.
    case badServerName = "bad-server-name"
    /// Encrypted ClientHello, or what cannot be told from it: the name that counts would be inside.
    case encryptedHello = "ech"
    /// A second hello, which a server may ask for, names another server than the first; servers go by the second.
    case otherSecondName = "other-second-name"
}

/// What a refused client is told, as the bytes of one record.
package enum TLSAlert {
    /// Fatal `access_denied` (RFC 8446 6.2): curl, Go, Node and Java all print it. Stands in an 0x0303 record, which
    /// every client takes before a version is agreed on.
    package static let accessDenied: [UInt8] = fatal(49)
    /// Fatal `internal_error`, for a fault that is not the client's, such as a destination that cannot be reached.
    package static let internalError: [UInt8] = fatal(80)

    private static func fatal(_ description: UInt8) -> [UInt8] { [21, 3, 3, 0, 2, 2, description] }
}
