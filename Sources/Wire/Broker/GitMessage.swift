// SPDX-License-Identifier: Apache-2.0
package import Documents

/// Where a git broker finds its two repositories: in a root of its own with nothing else but programs.
package enum BrokerView {
    /// The host's copy of the upstream, mounted read-only.
    package static let mirror = "/run"
    /// The session's own repository, where pushes land.
    package static let quarantine = "/workspace"
    /// Whom quarantines belong to on a host whose root makes them: ids that are nobody's, above any session's and below
    /// those of task steps.
    package static let identities: Range<UInt32> = 2_126_000_000..<2_130_194_304
}

/// The broker of a session's repository.
package enum GitServing: BrokerService {
    package typealias Start = GitStart
    package typealias Totals = GitTotals
    package static let commands: UInt8 = 0x31
    package static let reports: UInt8 = 0xB1
    package static let judgesDocument = false
    package static let tellsTotals = false
}

package typealias GitCommand = BrokerCommand<GitServing>
package typealias GitReport = BrokerReport<GitServing>

/// What was asked of a git broker, by what became of it.
package struct GitTotals: BrokerTotals {
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

    package static var fields: [WritableKeyPath<GitTotals, UInt64>] {
        [\.fetches, \.pushes, \.refusedPushes, \.refusedRequests, \.failures, \.linesLost]
    }
}

/// The first message to a git broker: what it serves, and how much of it.
///
/// Its descriptors, in this order: the file for the ledger, opened for appending, and the socket on which connections
/// arrive (``BrokerConnection``).
package struct GitStart: BrokerStart {
    package let options: BrokerOptions
    /// What its records bear; nil for a session of no task.
    package let correlation: CorrelationID?
    /// The name that requests must be for, at port 80.
    package let host: String
    package let path: RepositoryPath
    package let scope: PushScope
    /// Bytes of one push's pack.
    package let packBytes: UInt64
    /// Bytes that all pushes of the session may come to.
    package let repositoryBytes: UInt64
    /// Processor time of one push before its pack is counted: two seconds more for each of its mebibytes.
    package let pushSeconds: UInt32
    /// Size that the ledger may reach.
    package let ledgerBytes: UInt64

    package var descriptors: Int { 2 }
    private static let longestText = 512

    package init(
        options: BrokerOptions = [], correlation: CorrelationID? = nil, host: String, path: RepositoryPath,
        scope: PushScope,
        packBytes: UInt64 = 256 << 20,
        repositoryBytes: UInt64 = 1 << 30, pushSeconds: UInt32 = 30, ledgerBytes: UInt64 = 16 << 20
    ) {
        self.options = options
        self.correlation = correlation
        self.host = host
        self.path = path
        self.scope = scope
        self.packBytes = packBytes
        self.repositoryBytes = repositoryBytes
        self.pushSeconds = pushSeconds
        self.ledgerBytes = ledgerBytes
    }

    package func append(to writer: inout ByteWriter) {
        writer.append(options.rawValue)
        writer.append(correlation)
        writer.append(counted: Array(host.utf8))
        writer.append(counted: Array(path.description.utf8))
        writer.append(counted: Array(scope.text.utf8))
        writer.append(packBytes)
        writer.append(repositoryBytes)
        writer.append(pushSeconds)
        writer.append(ledgerBytes)
    }

    package init(from reader: inout ByteReader) throws(MessageError) {
        options = try BrokerOptions(from: &reader)
        correlation = try reader.nextCorrelationID()
        host = try Self.text(&reader)
        let name = try Self.text(&reader)
        let branches = try Self.text(&reader)
        guard let path = RepositoryPath(name), let scope = branches.isEmpty ? .nothing : PushScope(branches) else {
            throw .value
        }
        self.path = path
        self.scope = scope
        packBytes = try reader.next()
        repositoryBytes = try reader.next()
        pushSeconds = try reader.next()
        ledgerBytes = try reader.next()
        let most = UInt64(1) << 40
        guard packBytes > 0, packBytes <= repositoryBytes, repositoryBytes <= most, ledgerBytes <= most,
            pushSeconds > 0,
            pushSeconds <= 3600
        else {
            throw .value
        }
    }

    /// Printable ASCII.
    private static func text(_ reader: inout ByteReader) throws(MessageError) -> String {
        let bytes = try reader.nextCounted(most: longestText)
        guard bytes.allSatisfy({ (0x21...0x7E).contains($0) }) else { throw .value }
        return String(decoding: bytes, as: UTF8.self)
    }
}
