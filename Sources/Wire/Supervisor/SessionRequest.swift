// SPDX-License-Identifier: Apache-2.0

/// What an operator's command asks of a running session's supervisor, on `control.sock` in the session's directory.
///
///     sallyport session policy                          supervisor
///        │  policy (a document by SCM_RIGHTS)  ────────────▶  first and only
///        │  ◀────────────  applied, or refused                then the connection is closed
///
/// Datagrams of a SOCK_SEQPACKET socket with the header of ``MessageHeader``. Only root and the supervisor's own user
/// are listened to; what they send is read as strictly as anybody's.
package enum SessionRequest: Equatable, Sendable {
    /// A new egress policy comes along as a sealed memfd.
    case policy

    /// Every request has this size; one that is longer is none.
    package static let size = 4
    /// The longest policy document, which a gateway would not read either.
    package static let longestDocument = 4 << 20

    private enum Kind: UInt8 { case policy = 0x21 }

    /// The datagram of this request; its descriptor travels beside it.
    package func encoded() -> [UInt8] {
        var writer = ByteWriter()
        switch self {
        case .policy: writer.appendHeader(Kind.policy)
        }
        return writer.bytes
    }

    /// Reads one datagram.
    ///
    /// - Parameter descriptors: How many descriptors came with it.
    package init(decoding bytes: [UInt8], descriptors: Int) throws(MessageError) {
        var reader = ByteReader(bytes)
        let kind = try reader.nextHeader(Kind.self)
        try reader.expectEnd()
        switch kind {
        case .policy:
            guard descriptors == 1 else { throw .descriptors(announced: 1, received: descriptors) }
            self = .policy
        }
    }
}
