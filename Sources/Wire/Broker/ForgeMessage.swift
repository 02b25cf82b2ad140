// SPDX-License-Identifier: Apache-2.0

/// What the supervisor tells a forge broker.
///
///     supervisor                                            sallyport-broker forge
///        │  start (view, connections, files by SCM_RIGHTS)  ──▶  first, exactly once
///        │  ◀────────────  ready, or refused or unusable and exit
///        │  close                                ────────────▶  at most once: report, end
///        │  ◀────────────  ended                      then exit 0
///
/// Datagrams of a SOCK_SEQPACKET socket with the header of ``GatewayCommand``. Both sides treat the other as hostile.
package enum ForgeCommand: Equatable, Sendable {
    case start(ForgeStart)
    case close

    /// No command is longer.
    package static let longest = 64

    private enum Kind: UInt8 {
        case start = 0x51
        case close = 0x52
    }

    /// The datagram of this command; descriptors travel beside it.
    package func encoded() -> [UInt8] {
        var writer = ByteWriter()
        switch self {
        case .start(let start):
            writer.appendHeader(Kind.start)
            start.append(to: &writer)
        case .close: writer.appendHeader(Kind.close)
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
            announced = ForgeStart.descriptors
            self = .start(try ForgeStart(from: &reader))
        case .close: self = .close
        }
        try reader.expectEnd()
        guard announced == descriptors else { throw .descriptors(announced: announced, received: descriptors) }
    }
}

/// The first message to a forge broker: how much it may write.
///
/// Its descriptors, in this order: a sealed file with what the session may see and propose, the socket on which
/// connections arrive (``BrokerConnection``), and the files of the ledger and of the proposals, opened for appending.
package struct ForgeStart: Equatable, Sendable {
    package struct Options: OptionSet, Equatable, Sendable {
        package let rawValue: UInt8
        package init(rawValue: UInt8) { self.rawValue = rawValue }

        /// This host has no Landlock and the profile waives it; otherwise its absence ends the broker.
        package static let landlockWaived = Options(rawValue: 1 << 0)

        static let known: Options = [.landlockWaived]
    }

    package let options: Options
    package let ledgerBytes: UInt64
    package let proposalBytes: UInt64

    package static let descriptors = 4
    /// No view is longer.
    package static let longestView = 32 << 20
    private static let most = UInt64(1) << 30

    package init(options: Options = [], ledgerBytes: UInt64 = 16 << 20, proposalBytes: UInt64 = 8 << 20) {
        self.options = options
        self.ledgerBytes = ledgerBytes
        self.proposalBytes = proposalBytes
    }

    func append(to writer: inout ByteWriter) {
        writer.append(options.rawValue)
        writer.append(ledgerBytes)
        writer.append(proposalBytes)
    }

    init(from reader: inout ByteReader) throws(MessageError) {
        options = Options(rawValue: try reader.next())
        guard options.isSubset(of: .known) else { throw .reserved }
        ledgerBytes = try reader.next()
        proposalBytes = try reader.next()
        guard ledgerBytes <= Self.most, proposalBytes <= Self.most else { throw .value }
    }
}

/// What a forge broker tells its supervisor; see ``ForgeCommand`` for the order.
package enum ForgeReport: Equatable, Sendable {
    /// Confined; connections are served from now on.
    case ready
    case refused(GatewayReport.Refusal)
    /// The view is none: printable ASCII.
    case unusable(String)
    /// Nothing more is served.
    case ended(Totals)

    /// What was asked of a forge, by what became of it.
    package struct Totals: Equatable, Sendable {
        /// Requests that were answered with what the session may see.
        package var read: UInt64 = 0
        /// Changes that were taken down, to be looked at when the work is done.
        package var proposed: UInt64 = 0
        package var refused: UInt64 = 0
        /// Lines for which the ledger had no room.
        package var linesLost: UInt64 = 0

        package init() {}

        fileprivate static var fields: [WritableKeyPath<Totals, UInt64>] {
            [\.read, \.proposed, \.refused, \.linesLost]
        }
    }

    /// No report is longer.
    package static let longest = 1024
    private static let longestText = 800

    private enum Kind: UInt8 {
        case ready = 0xD1
        case refused = 0xD2
        case ended = 0xD3
        case unusable = 0xD4
    }

    /// The datagram of this report.
    package func encoded() -> [UInt8] {
        var writer = ByteWriter()
        switch self {
        case .ready: writer.appendHeader(Kind.ready)
        case .refused(let refusal):
            writer.appendHeader(Kind.refused)
            writer.append(refusal.check.rawValue)
            writer.append(refusal.errno)
        case .unusable(let text):
            writer.appendHeader(Kind.unusable)
            writer.append(counted: text.utf8.prefix(Self.longestText).map { (0x20...0x7E).contains($0) ? $0 : 0x3F })
        case .ended(let totals):
            writer.appendHeader(Kind.ended)
            for field in Totals.fields { writer.append(totals[keyPath: field]) }
        }
        return writer.bytes
    }

    /// Reads one datagram; the supervisor closes any descriptor that came with it and treats that as an error.
    package init(decoding bytes: [UInt8]) throws(MessageError) {
        guard bytes.count <= Self.longest else { throw .size(bytes.count) }
        var reader = ByteReader(bytes)
        let kind = try reader.nextHeader(Kind.self)
        switch kind {
        case .ready: self = .ready
        case .refused:
            guard let check = GatewayReport.Refusal.Check(rawValue: try reader.next()) else { throw .value }
            self = .refused(GatewayReport.Refusal(check: check, errno: try reader.next()))
        case .unusable:
            let text = try reader.nextCounted(most: Self.longestText)
            guard text.allSatisfy({ (0x20...0x7E).contains($0) }) else { throw .value }
            self = .unusable(String(decoding: text, as: UTF8.self))
        case .ended:
            var totals = Totals()
            for field in Totals.fields { totals[keyPath: field] = try reader.next() }
            self = .ended(totals)
        }
        try reader.expectEnd()
    }
}
