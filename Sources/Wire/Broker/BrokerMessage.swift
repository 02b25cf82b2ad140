// SPDX-License-Identifier: Apache-2.0

/// What the supervisor tells a git broker.
///
///     supervisor                                         sallyport-broker
///        │  start (ledger, connections by SCM_RIGHTS)  ──▶  first, exactly once
///        │  ◀────────────  ready, or refused and exit
///        │  close                              ────────────▶  at most once: cut everything, report, end
///        │  ◀────────────  ended                    then exit 0
///
/// Datagrams of a SOCK_SEQPACKET socket with the header of ``GatewayCommand``. Both sides treat the other as hostile.
package enum BrokerCommand: Equatable, Sendable {
    case start(BrokerStart)
    case close

    /// No command is longer.
    package static let longest = 2048

    private enum Kind: UInt8 {
        case start = 0x31
        case close = 0x32
    }

    /// The datagram of this command; descriptors travel beside it.
    package func encoded() -> [UInt8] {
        var writer = ByteWriter()
        switch self {
        case .start(let start):
            writer.appendHeader(Kind.start)
            start.append(to: &writer)
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
            announced = BrokerStart.descriptors
            self = .start(try BrokerStart(from: &reader))
        case .close:
            self = .close
        }
        try reader.expectEnd()
        guard announced == descriptors else { throw .descriptors(announced: announced, received: descriptors) }
    }
}

/// What a git broker tells its supervisor; see ``BrokerCommand`` for the order.
package enum BrokerReport: Equatable, Sendable {
    /// Confined; connections are served from now on.
    case ready
    case refused(GatewayReport.Refusal)
    /// Nothing more is served.
    case ended(Totals)

    /// What was asked of a broker, by what became of it.
    package struct Totals: Equatable, Sendable {
        package var fetches: UInt64 = 0
        package var pushes: UInt64 = 0
        /// Pushes of which nothing was taken.
        package var refusedPushes: UInt64 = 0
        /// Requests that are no part of clone, fetch and push.
        package var refusedRequests: UInt64 = 0
        /// Connections whose process ended before its time: a fault of ours, or somebody tried to make one.
        package var failures: UInt64 = 0
        /// Lines for which the ledger had no room.
        package var linesLost: UInt64 = 0

        package init() {}
    }

    /// No report is longer.
    package static let longest = 64

    private enum Kind: UInt8 {
        case ready = 0xB1
        case refused = 0xB2
        case ended = 0xB3
    }

    /// The datagram of this report.
    package func encoded() -> [UInt8] {
        var writer = ByteWriter()
        switch self {
        case .ready: writer.appendHeader(Kind.ready)
        case .refused(let refusal):
            writer.appendHeader(Kind.refused)
            refusal.append(to: &writer)
        case .ended(let totals):
            writer.appendHeader(Kind.ended)
            totals.append(to: &writer)
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
        case .refused: self = .refused(try GatewayReport.Refusal(from: &reader))
        case .ended: self = .ended(try Totals(from: &reader))
        }
        try reader.expectEnd()
    }
}

extension BrokerReport.Totals {
    func append(to writer: inout ByteWriter) {
        for count in [fetches, pushes, refusedPushes, refusedRequests, failures, linesLost] { writer.append(count) }
    }

    init(from reader: inout ByteReader) throws(MessageError) {
        fetches = try reader.next()
        pushes = try reader.next()
        refusedPushes = try reader.next()
        refusedRequests = try reader.next()
        failures = try reader.next()
        linesLost = try reader.next()
    }
}
