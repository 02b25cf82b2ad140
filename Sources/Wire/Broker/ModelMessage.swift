// SPDX-License-Identifier: Apache-2.0

/// What the supervisor tells a model broker.
///
///     supervisor                                              sallyport-broker model
///        │  start (files, connections, secrets by SCM_RIGHTS)  ──▶  first, exactly once
///        │  ◀────────────  ready, or refused or unusable and exit
///        │  ◀────────────  running                 before a request is sent, and when it is settled
///        │  close                                   ────────────▶  at most once: settle everything, report, end
///        │  ◀────────────  ended                         then exit 0
///
/// Datagrams of a SOCK_SEQPACKET socket with the header of ``GatewayCommand``. Both sides treat the other as hostile.
package enum ModelCommand: Equatable, Sendable {
    case start(ModelStart)
    case close

    /// No command is longer.
    package static let longest = 64

    private enum Kind: UInt8 {
        case start = 0x41
        case close = 0x42
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
            let start = try ModelStart(from: &reader)
            announced = ModelStart.files + start.secrets
            self = .start(start)
        case .close: self = .close
        }
        try reader.expectEnd()
        guard announced == descriptors else { throw .descriptors(announced: announced, received: descriptors) }
    }
}

/// The first message to a model broker: how much it may write, and how long it waits.
///
/// Its descriptors, in this order: a sealed file with its configuration, the socket on which connections arrive
/// (``BrokerConnection``), the files of the ledger, of the transcript and of the record that a replay is made from, each
/// opened for appending, and a sealed file for each secret of each upstream.
package struct ModelStart: Equatable, Sendable {
    package struct Options: OptionSet, Equatable, Sendable {
        package let rawValue: UInt8
        package init(rawValue: UInt8) { self.rawValue = rawValue }

        /// This host has no Landlock and the profile waives it; otherwise its absence ends the broker.
        package static let landlockWaived = Options(rawValue: 1 << 0)

        static let known: Options = [.landlockWaived]
    }

    package let options: Options
    /// How many secrets come along: those of the upstreams, one behind the other.
    package let secrets: Int
    package let ledgerBytes: UInt64
    package let transcriptBytes: UInt64
    package let recordBytes: UInt64
    /// Seconds for a connection to an upstream.
    package let connectSeconds: UInt32
    /// Seconds without a byte from an upstream, or without a client taking one.
    package let idleSeconds: UInt32

    package static let files = 5
    package static let mostSecrets = 8
    private static let most = UInt64(1) << 40

    package init(
        options: Options = [], secrets: Int, ledgerBytes: UInt64 = 16 << 20, transcriptBytes: UInt64 = 32 << 20,
        recordBytes: UInt64 = 128 << 20, connectSeconds: UInt32 = 30, idleSeconds: UInt32 = 300
    ) {
        self.options = options
        self.secrets = secrets
        self.ledgerBytes = ledgerBytes
        self.transcriptBytes = transcriptBytes
        self.recordBytes = recordBytes
        self.connectSeconds = connectSeconds
        self.idleSeconds = idleSeconds
    }

    func append(to writer: inout ByteWriter) {
        writer.append(options.rawValue)
        writer.append(UInt8(secrets))
        for bytes in [ledgerBytes, transcriptBytes, recordBytes] { writer.append(bytes) }
        writer.append(connectSeconds)
        writer.append(idleSeconds)
    }

    init(from reader: inout ByteReader) throws(MessageError) {
        options = Options(rawValue: try reader.next())
        guard options.isSubset(of: .known) else { throw .reserved }
        secrets = Int(try reader.next(UInt8.self))
        ledgerBytes = try reader.next()
        transcriptBytes = try reader.next()
        recordBytes = try reader.next()
        connectSeconds = try reader.next()
        idleSeconds = try reader.next()
        guard (1...Self.mostSecrets).contains(secrets), (1...3600).contains(connectSeconds),
            (1...3600).contains(idleSeconds),
            [ledgerBytes, transcriptBytes, recordBytes].allSatisfy({ $0 <= Self.most })
        else { throw .value }
    }
}

/// What a model broker tells its supervisor; see ``ModelCommand`` for the order.
package enum ModelReport: Equatable, Sendable {
    /// Confined; connections are served from now on.
    case ready
    case refused(GatewayReport.Refusal)
    /// What the operator has to change: printable ASCII.
    case unusable(String)
    /// How it stands: what is held by then was told before it can be spent.
    case running(Totals)
    /// Nothing more is served.
    case ended(Totals)

    /// What was asked of models, and what it came to.
    package struct Totals: Equatable, Sendable {
        /// Requests that were answered by an upstream, and those of them that cost something.
        package var answered: UInt64 = 0
        package var turns: UInt64 = 0
        /// Requests that were sent nowhere.
        package var refused: UInt64 = 0
        /// Requests that no upstream answered, or not to their end.
        package var failed: UInt64 = 0
        package var inputTokens: UInt64 = 0
        package var outputTokens: UInt64 = 0
        package var cachedTokens: UInt64 = 0
        /// Micro-dollars.
        package var spent: UInt64 = 0
        /// What requests under way may cost at most.
        package var held: UInt64 = 0
        /// Of them, what was charged by estimate because no believable count came.
        package var estimated: UInt64 = 0
        package var bytesUp: UInt64 = 0
        package var bytesDown: UInt64 = 0
        /// Lines for which ledger, transcript or record had no room.
        package var linesLost: UInt64 = 0

        package init() {}

        fileprivate func append(to writer: inout ByteWriter) {
            for field in Self.fields { writer.append(self[keyPath: field]) }
        }

        fileprivate init(from reader: inout ByteReader) throws(MessageError) {
            for field in Self.fields {
                let value: UInt64 = try reader.next()
                // Their reader adds them up.
                guard value <= 1 << 60 else { throw .value }
                self[keyPath: field] = value
            }
        }

        private static var fields: [WritableKeyPath<Totals, UInt64>] {
            [
                \.answered, \.turns, \.refused, \.failed, \.inputTokens, \.outputTokens, \.cachedTokens, \.spent,
                \.held, \.estimated, \.bytesUp, \.bytesDown, \.linesLost,
            ]
        }
    }

    /// No report is longer.
    package static let longest = 1024
    private static let longestText = 800

    private enum Kind: UInt8 {
        case ready = 0xC1
        case refused = 0xC2
        case ended = 0xC3
        case unusable = 0xC4
        case running = 0xC5
    }

    /// The datagram of this report.
    package func encoded() -> [UInt8] {
        var writer = ByteWriter()
        switch self {
        case .ready: writer.appendHeader(Kind.ready)
        case .refused(let refusal):
            writer.appendHeader(Kind.refused)
            refusal.append(to: &writer)
        case .unusable(let text):
            writer.appendHeader(Kind.unusable)
            writer.append(counted: text.utf8.prefix(Self.longestText).map { (0x20...0x7E).contains($0) ? $0 : 0x3F })
        case .running(let totals):
            writer.appendHeader(Kind.running)
            totals.append(to: &writer)
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
        case .unusable:
            let text = try reader.nextCounted(most: Self.longestText)
            guard text.allSatisfy({ (0x20...0x7E).contains($0) }) else { throw .value }
            self = .unusable(String(decoding: text, as: UTF8.self))
        case .running: self = .running(try Totals(from: &reader))
        case .ended: self = .ended(try Totals(from: &reader))
        }
        try reader.expectEnd()
    }
}
