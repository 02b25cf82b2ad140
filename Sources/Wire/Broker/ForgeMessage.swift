// SPDX-License-Identifier: Apache-2.0
package import Documents

/// The broker of what a session's task is about at its forge.
package enum ForgeServing: BrokerService {
    package typealias Start = ForgeStart
    package typealias Totals = ForgeTotals
    package static let commands: UInt8 = 0x51
    package static let reports: UInt8 = 0xD1
    package static let judgesDocument = true
    package static let tellsTotals = false
}

package typealias ForgeCommand = BrokerCommand<ForgeServing>
package typealias ForgeReport = BrokerReport<ForgeServing>

/// What was asked of a forge, by what became of it.
package struct ForgeTotals: BrokerTotals {
    /// Requests that were answered with what the session may see.
    package var read: UInt64 = 0
    /// Changes that were taken down, to be looked at when the work is done.
    package var proposed: UInt64 = 0
    package var refused: UInt64 = 0
    /// Lines for which the ledger had no room.
    package var linesLost: UInt64 = 0

    package init() {}

    package static var fields: [WritableKeyPath<ForgeTotals, UInt64>] {
        [\.read, \.proposed, \.refused, \.linesLost]
    }
}

/// The first message to a forge broker: how much it may write.
///
/// Its descriptors, in this order: a sealed file with what the session may see and propose, the socket on which
/// connections arrive (``BrokerConnection``), and the files of the ledger and of the proposals, opened for appending.
package struct ForgeStart: BrokerStart {
    package let options: BrokerOptions
    /// What its records bear; nil for a session of no task.
    package let correlation: CorrelationID?
    package let ledgerBytes: UInt64
    package let proposalBytes: UInt64

    package var descriptors: Int { 4 }
    /// No view is longer.
    package static let longestView = 32 << 20
    private static let most = UInt64(1) << 30

    package init(
        options: BrokerOptions = [], correlation: CorrelationID? = nil, ledgerBytes: UInt64 = 16 << 20,
        proposalBytes: UInt64 = 8 << 20
    ) {
        self.options = options
        self.correlation = correlation
        self.ledgerBytes = ledgerBytes
        self.proposalBytes = proposalBytes
    }

    package func append(to writer: inout ByteWriter) {
        writer.append(options.rawValue)
        writer.append(correlation)
        writer.append(ledgerBytes)
        writer.append(proposalBytes)
    }

    package init(from reader: inout ByteReader) throws(MessageError) {
        options = try BrokerOptions(from: &reader)
        correlation = try reader.nextCorrelationID()
        ledgerBytes = try reader.next()
        proposalBytes = try reader.next()
        guard ledgerBytes <= Self.most, proposalBytes <= Self.most else { throw .value }
    }
}
