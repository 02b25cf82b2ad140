// SPDX-License-Identifier: Apache-2.0
package import Documents

/// The broker of a session's models. It tells its totals before a request is sent and when it is settled, so that what it
/// may have spent is known whatever becomes of it.
package enum ModelServing: BrokerService {
    package typealias Start = ModelStart
    package typealias Totals = ModelTotals
    package static let commands: UInt8 = 0x41
    package static let reports: UInt8 = 0xC1
    package static let judgesDocument = true
    package static let tellsTotals = true
}

package typealias ModelCommand = BrokerCommand<ModelServing>
package typealias ModelReport = BrokerReport<ModelServing>

/// What was asked of models, and what it came to.
package struct ModelTotals: BrokerTotals {
    /// Requests that were answered by an upstream, and those of them that cost something.
    package var answered: UInt64 = 0
    package var turns: UInt64 = 0
    /// Requests that were sent nowhere.
    package var refused: UInt64 = 0
    /// Of them, those for which the budget had no room.
    package var unaffordable: UInt64 = 0
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

    package static var fields: [WritableKeyPath<ModelTotals, UInt64>] {
        [
            \.answered, \.turns, \.refused, \.unaffordable, \.failed, \.inputTokens, \.outputTokens, \.cachedTokens,
            \.spent,
            \.held, \.estimated, \.bytesUp, \.bytesDown, \.linesLost,
        ]
    }
}

/// The first message to a model broker: how much it may write, and how long it waits.
///
/// Its descriptors, in this order: a sealed file with its configuration, the socket on which connections arrive
/// (``BrokerConnection``), the files of the ledger, of the transcript and of the record that a replay is made from, each
/// opened for appending, and a sealed file for each secret of each upstream.
package struct ModelStart: BrokerStart {
    package let options: BrokerOptions
    /// What its records bear; nil for a session of no task.
    package let correlation: CorrelationID?
    /// How many secrets come along: those of the upstreams, one behind the other.
    package let secrets: Int
    package let ledgerBytes: UInt64
    package let transcriptBytes: UInt64
    package let recordBytes: UInt64
    /// Seconds for a connection to an upstream.
    package let connectSeconds: UInt32
    /// Seconds without a byte from an upstream, or without a client taking one.
    package let idleSeconds: UInt32

    package var descriptors: Int { Self.files + secrets }
    package static let files = 5
    package static let mostSecrets = 8
    private static let most = UInt64(1) << 40

    package init(
        options: BrokerOptions = [], correlation: CorrelationID? = nil, secrets: Int, ledgerBytes: UInt64 = 16 << 20,
        transcriptBytes: UInt64 = 32 << 20,
        recordBytes: UInt64 = 128 << 20, connectSeconds: UInt32 = 30, idleSeconds: UInt32 = 300
    ) {
        self.options = options
        self.correlation = correlation
        self.secrets = secrets
        self.ledgerBytes = ledgerBytes
        self.transcriptBytes = transcriptBytes
        self.recordBytes = recordBytes
        self.connectSeconds = connectSeconds
        self.idleSeconds = idleSeconds
    }

    package func append(to writer: inout ByteWriter) {
        writer.append(options.rawValue)
        writer.append(correlation)
        writer.append(UInt8(secrets))
        for bytes in [ledgerBytes, transcriptBytes, recordBytes] { writer.append(bytes) }
        writer.append(connectSeconds)
        writer.append(idleSeconds)
    }

    package init(from reader: inout ByteReader) throws(MessageError) {
        options = try BrokerOptions(from: &reader)
        correlation = try reader.nextCorrelationID()
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
