// SPDX-License-Identifier: Apache-2.0

/// The broker of a session's packages.
package enum PackageServing: BrokerService {
    package typealias Start = PackageStart
    package typealias Totals = PackageTotals
    package static let commands: UInt8 = 0x61
    package static let reports: UInt8 = 0xE1
    package static let judgesDocument = true
    package static let tellsTotals = false
}

package typealias PackageCommand = BrokerCommand<PackageServing>
package typealias PackageReport = BrokerReport<PackageServing>

/// What was asked of indexes, by what became of it.
package struct PackageTotals: BrokerTotals {
    /// Pages of projects that were answered, and files.
    package var pages: UInt64 = 0
    package var files: UInt64 = 0
    /// Requests that no index was asked for.
    package var refused: UInt64 = 0
    /// Requests that an index did not answer, or not to the end.
    package var failed: UInt64 = 0
    /// Files that pages listed and the session was not shown.
    package var hidden: UInt64 = 0
    package var bytesDown: UInt64 = 0
    /// Lines for which the ledger had no room.
    package var linesLost: UInt64 = 0

    package init() {}

    package static var fields: [WritableKeyPath<PackageTotals, UInt64>] {
        [\.pages, \.files, \.refused, \.failed, \.hidden, \.bytesDown, \.linesLost]
    }
}

/// The first message to a package broker: how much it may write, and how long it waits.
///
/// Its descriptors, in this order: a sealed file with its configuration, the socket on which connections arrive
/// (``BrokerConnection``), the file of the ledger, opened for appending, and a sealed file for each index with a credential.
package struct PackageStart: BrokerStart {
    package let options: BrokerOptions
    /// How many secrets come along, in the order of the indexes.
    package let secrets: Int
    package let ledgerBytes: UInt64
    /// Seconds for a connection to an index.
    package let connectSeconds: UInt32
    /// Seconds without a byte from an index, or without a client taking one.
    package let idleSeconds: UInt32

    package var descriptors: Int { Self.files + secrets }
    package static let files = 3
    package static let mostSecrets = 16
    private static let most = UInt64(1) << 30

    package init(
        options: BrokerOptions = [], secrets: Int, ledgerBytes: UInt64 = 16 << 20, connectSeconds: UInt32 = 30,
        idleSeconds: UInt32 = 60
    ) {
        self.options = options
        self.secrets = secrets
        self.ledgerBytes = ledgerBytes
        self.connectSeconds = connectSeconds
        self.idleSeconds = idleSeconds
    }

    package func append(to writer: inout ByteWriter) {
        writer.append(options.rawValue)
        writer.append(UInt8(secrets))
        writer.append(ledgerBytes)
        writer.append(connectSeconds)
        writer.append(idleSeconds)
    }

    package init(from reader: inout ByteReader) throws(MessageError) {
        options = try BrokerOptions(from: &reader)
        secrets = Int(try reader.next(UInt8.self))
        ledgerBytes = try reader.next()
        connectSeconds = try reader.next()
        idleSeconds = try reader.next()
        guard (0...Self.mostSecrets).contains(secrets), ledgerBytes <= Self.most,
            (1...3600).contains(connectSeconds), (1...3600).contains(idleSeconds)
        else { throw .value }
    }
}
