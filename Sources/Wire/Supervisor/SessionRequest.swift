// SPDX-License-Identifier: Apache-2.0

/// What an operator's command asks of a running session's supervisor, on `control.sock` in the session's directory.
///
///     sallyport session policy                          supervisor
///        │  policy (a document by SCM_RIGHTS), freeze, thaw ─▶  first and only
///        │  ◀────────  applied, frozen, thawed, or refused                then the connection is closed
///
/// Datagrams of a SOCK_SEQPACKET socket with the header of ``MessageHeader``. Only root and the supervisor's own user
/// are listened to; what they send is read as strictly as anybody's.
package enum SessionRequest: Equatable, Sendable {
    /// A new egress policy comes along as a sealed memfd.
    case policy
    /// Nothing of the sandbox runs until it is thawed, or ended; its clock goes on.
    case freeze
    case thaw

    /// Every request has this size; one that is longer is none.
    package static let size = 4
    /// The longest policy document, which a gateway would not read either.
    package static let longestDocument = 4 << 20

    private enum Kind: UInt8 {
        case policy = 0x21
        case freeze = 0x22
        case thaw = 0x23
    }

    /// The datagram of this request; its descriptor travels beside it.
    package func encoded() -> [UInt8] {
        var writer = ByteWriter()
        switch self {
        case .policy: writer.appendHeader(Kind.policy)
        case .freeze: writer.appendHeader(Kind.freeze)
        case .thaw: writer.appendHeader(Kind.thaw)
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
        let announced = kind == .policy ? 1 : 0
        guard descriptors == announced else { throw .descriptors(announced: announced, received: descriptors) }
        switch kind {
        case .policy: self = .policy
        case .freeze: self = .freeze
        case .thaw: self = .thaw
        }
    }
}
