// SPDX-License-Identifier: Apache-2.0

/// What the supervisor tells an egress gateway.
///
///     supervisor                                        sallyport-gateway egress
///        │  start (sockets, configuration, audit file by SCM_RIGHTS) ──▶  first, exactly once
///        │  ◀────────────  ready, or refused and exit
///        │  ◀────────────  whoIs                   which process owns this socket?
///        │  owner                              ────────────▶  the answer, by number
///        │  ◀────────────  connect                 to a socket of the host that the policy grants
///        │  connected (by SCM_RIGHTS), or notConnected ────▶  the answer, by number
///        │  ◀────────────  wanted                  a name that no rule names; not answered
///        │  policy (a new document by SCM_RIGHTS) ─────────▶  any number; each is answered by `applied`
///        │  close                              ────────────▶  at most once: shut everything, report, end
///        │  ◀────────────  denial (the most frequent ones), ended    then exit 0
///
/// Datagrams of a SOCK_SEQPACKET socket with the header of ``MessageHeader``. Both sides treat the other as hostile.
package enum EgressCommand: Equatable, Sendable {
    case start(EgressStart)
    /// A new policy document comes along as a sealed memfd.
    case policy(generation: UInt32)
    case owner(query: UInt32, SocketOwner?)
    /// A connection to a socket of the host comes along.
    case connected(query: UInt32)
    case notConnected(query: UInt32, errno: UInt32)
    case close

    /// No command is longer.
    package static let longest = 1024

    private enum Kind: UInt8 {
        case start = 0x11
        case policy = 0x12
        case owner = 0x13
        case close = 0x14
        case connected = 0x15
        case notConnected = 0x16
    }

    /// The datagram of this command; descriptors travel beside it.
    package func encoded() -> [UInt8] {
        var writer = ByteWriter()
        switch self {
        case .start(let start):
            writer.appendHeader(Kind.start)
            start.append(to: &writer)
        case .policy(let generation):
            writer.appendHeader(Kind.policy)
            writer.append(generation)
        case .owner(let query, let owner):
            writer.appendHeader(Kind.owner)
            writer.append(query)
            writer.append(UInt8(owner == nil ? 0 : 1))
            if let owner { owner.append(to: &writer) }
        case .connected(let query):
            writer.appendHeader(Kind.connected)
            writer.append(query)
        case .notConnected(let query, let errno):
            writer.appendHeader(Kind.notConnected)
            writer.append(query)
            writer.append(errno)
        case .close:
            writer.appendHeader(Kind.close)
        }
        return writer.bytes
    }

    /// Reads one datagram.
    ///
    /// - Parameter descriptors: How many descriptors came with it.
    package init(decoding bytes: [UInt8], descriptors: Int) throws(MessageError) {
        guard bytes.count <= Self.longest else { throw .size(bytes.count) }
        var reader = ByteReader(bytes)
        let kind = try reader.nextHeader(Kind.self)
        var announced = 0
        switch kind {
        case .start:
            let start = try EgressStart(from: &reader)
            announced = start.roles.count
            self = .start(start)
        case .policy:
            announced = 1
            self = .policy(generation: try reader.next())
        case .owner:
            let query = try reader.next(UInt32.self)
            switch try reader.next(UInt8.self) {
            case 0: self = .owner(query: query, nil)
            case 1: self = .owner(query: query, try SocketOwner(from: &reader))
            default: throw .value
            }
        case .connected:
            announced = 1
            self = .connected(query: try reader.next())
        case .notConnected: self = .notConnected(query: try reader.next(), errno: try reader.next())
        case .close:
            self = .close
        }
        try reader.expectEnd()
        guard announced == descriptors else { throw .descriptors(announced: announced, received: descriptors) }
    }
}

/// Which process holds a socket, as the supervisor read it from the kernel.
package struct SocketOwner: Equatable, Sendable {
    package let pid: UInt32
    /// The executable, by device and inode, which the process cannot choose; 0 where it has just ended.
    package let device: UInt64
    package let inode: UInt64
    /// What the process calls itself, cut to size; it can write what it likes there. The parts of a command end in NUL.
    package let claimedName: [UInt8]
    package let claimedCommand: [UInt8]

    package static let longestName = 16
    package static let longestCommand = 512

    package init(
        pid: UInt32, device: UInt64, inode: UInt64, claimedName: some Sequence<UInt8>,
        claimedCommand: some Sequence<UInt8>
    ) {
        self.pid = pid
        self.device = device
        self.inode = inode
        self.claimedName = Array(claimedName.prefix(Self.longestName))
        self.claimedCommand = Array(claimedCommand.prefix(Self.longestCommand))
    }

    func append(to writer: inout ByteWriter) {
        writer.append(pid)
        writer.append(device)
        writer.append(inode)
        writer.append(counted: claimedName)
        writer.append(counted: claimedCommand)
    }

    init(from reader: inout ByteReader) throws(MessageError) {
        pid = try reader.next()
        device = try reader.next()
        inode = try reader.next()
        claimedName = try reader.nextCounted(most: Self.longestName)
        claimedCommand = try reader.nextCounted(most: Self.longestCommand)
    }
}
