// SPDX-License-Identifier: Apache-2.0

/// One kind of broker: what it is started with, what it counts, and the numbers of its datagrams.
package protocol BrokerService: Sendable {
    associatedtype Start: BrokerStart
    associatedtype Totals: BrokerTotals
    /// Of the first command; the others follow. No two kinds share a number, so that no message is taken for another's.
    static var commands: UInt8 { get }
    static var reports: UInt8 { get }
    /// Whether it gets a document of which it can say that it is none (``BrokerReport/unusable(_:)``).
    static var judgesDocument: Bool { get }
    /// Whether it tells its totals while it serves (``BrokerReport/running(_:)``).
    static var tellsTotals: Bool { get }
}

/// The first message to a broker.
package protocol BrokerStart: Equatable, Sendable {
    /// How many descriptors come along.
    var descriptors: Int { get }
    func append(to writer: inout ByteWriter)
    init(from reader: inout ByteReader) throws(MessageError)
}

/// What a broker was asked, by what became of it. Every field is a count.
package protocol BrokerTotals: Equatable, Sendable {
    static var fields: [WritableKeyPath<Self, UInt64>] { get }
    init()
}

/// How a broker confines itself.
package struct BrokerOptions: OptionSet, Equatable, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// This host has no Landlock and the profile waives it; otherwise its absence ends the broker.
    package static let landlockWaived = BrokerOptions(rawValue: 1 << 0)

    private static let known: BrokerOptions = [.landlockWaived]

    init(from reader: inout ByteReader) throws(MessageError) {
        rawValue = try reader.next()
        guard isSubset(of: Self.known) else { throw .reserved }
    }
}

/// What the supervisor tells a broker.
///
///     supervisor                                            sallyport-broker
///        │  start (files, connections, ... by SCM_RIGHTS)  ──▶  first, exactly once
///        │  ◀────────────  ready, or refused or unusable and exit
///        │  ◀────────────  running, where it tells its totals
///        │  close                                  ──────────▶  at most once: settle, report, end
///        │  ◀────────────  ended                      then exit 0
///
/// Datagrams of a SOCK_SEQPACKET socket with the header of ``GatewayCommand``. Both sides treat the other as hostile.
package enum BrokerCommand<Service: BrokerService>: Equatable, Sendable {
    case start(Service.Start)
    case close

    /// No command is longer.
    package static var longest: Int { 2048 }

    /// The datagram of this command; descriptors travel beside it.
    package func encoded() -> [UInt8] {
        var writer = ByteWriter()
        switch self {
        case .start(let start):
            writer.appendHeader(kind: Service.commands)
            start.append(to: &writer)
        case .close: writer.appendHeader(kind: Service.commands + 1)
        }
        return writer.bytes
    }

    /// Reads one datagram.
    ///
    /// - Parameter descriptors: How many descriptors came with it.
    package init(decoding bytes: [UInt8], descriptors: Int) throws(MessageError) {
        guard bytes.count <= Self.longest else { throw .size(bytes.count) }
        var reader = ByteReader(bytes)
        var announced = 0
        switch try reader.nextHeader() {
        case Service.commands:
            let start = try Service.Start(from: &reader)
            announced = start.descriptors
            self = .start(start)
        case Service.commands + 1: self = .close
        case let number: throw .kind(number)
        }
        try reader.expectEnd()
        guard announced == descriptors else { throw .descriptors(announced: announced, received: descriptors) }
    }
}

/// What a broker tells its supervisor; see ``BrokerCommand`` for the order.
package enum BrokerReport<Service: BrokerService>: Equatable, Sendable {
    /// Confined; connections are served from now on.
    case ready
    case refused(GatewayReport.Refusal)
    /// What the operator has to change: printable ASCII.
    case unusable(String)
    /// How it stands.
    case running(Service.Totals)
    /// Nothing more is served.
    case ended(Service.Totals)

    /// No report is longer.
    package static var longest: Int { 1024 }
    private static var longestText: Int { 800 }

    private enum Kind: UInt8 { case ready, refused, ended, unusable, running }

    private var kind: Kind {
        switch self {
        case .ready: .ready
        case .refused: .refused
        case .unusable: .unusable
        case .running: .running
        case .ended: .ended
        }
    }

    /// The datagram of this report.
    package func encoded() -> [UInt8] {
        var writer = ByteWriter()
        writer.appendHeader(kind: Service.reports + kind.rawValue)
        switch self {
        case .ready: break
        case .refused(let refusal): refusal.append(to: &writer)
        case .unusable(let text):
            writer.append(counted: text.utf8.prefix(Self.longestText).map { (0x20...0x7E).contains($0) ? $0 : 0x3F })
        case .running(let totals), .ended(let totals):
            for field in Service.Totals.fields { writer.append(totals[keyPath: field]) }
        }
        return writer.bytes
    }

    /// Reads one datagram; the supervisor closes any descriptor that came with it and treats that as an error.
    package init(decoding bytes: [UInt8]) throws(MessageError) {
        guard bytes.count <= Self.longest else { throw .size(bytes.count) }
        var reader = ByteReader(bytes)
        let number = try reader.nextHeader()
        guard number >= Service.reports, let kind = Kind(rawValue: number - Service.reports) else {
            throw .kind(number)
        }
        switch kind {
        case .ready: self = .ready
        case .refused: self = .refused(try GatewayReport.Refusal(from: &reader))
        case .unusable:
            guard Service.judgesDocument else { throw .kind(number) }
            let text = try reader.nextCounted(most: Self.longestText)
            guard text.allSatisfy({ (0x20...0x7E).contains($0) }) else { throw .value }
            self = .unusable(String(decoding: text, as: UTF8.self))
        case .running:
            guard Service.tellsTotals else { throw .kind(number) }
            self = .running(try Self.totals(&reader))
        case .ended: self = .ended(try Self.totals(&reader))
        }
        try reader.expectEnd()
    }

    private static func totals(_ reader: inout ByteReader) throws(MessageError) -> Service.Totals {
        var totals = Service.Totals()
        for field in Service.Totals.fields {
            let value: UInt64 = try reader.next()
            // Their reader adds them up.
            guard value <= 1 << 60 else { throw .value }
            totals[keyPath: field] = value
        }
        return totals
    }
}

/// One connection from inside, handed from the egress gateway to a broker.
///
/// The gateway reads hostile bytes, so what it can say here is this one thing; it has no part in the control socket.
package enum BrokerConnection {
    /// The datagram, with the connection as its one descriptor.
    package static let message: [UInt8] = [0x62]
    package static let longest = 1
}
