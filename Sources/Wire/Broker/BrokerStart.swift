// SPDX-License-Identifier: Apache-2.0

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

/// The first message to a git broker: what it serves, and how much of it.
///
/// Its descriptors, in this order: the file for the ledger, opened for appending, and the socket on which connections
/// arrive (``BrokerConnection``).
package struct BrokerStart: Equatable, Sendable {
    package struct Options: OptionSet, Equatable, Sendable {
        package let rawValue: UInt8
        package init(rawValue: UInt8) { self.rawValue = rawValue }

        /// This host has no Landlock and the profile waives it; otherwise its absence ends the broker.
        package static let landlockWaived = Options(rawValue: 1 << 0)

        static let known: Options = [.landlockWaived]
    }

    package let options: Options
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

    package static let descriptors = 2
    private static let longestText = 512

    package init(
        options: Options = [], host: String, path: RepositoryPath, scope: PushScope, packBytes: UInt64 = 256 << 20,
        repositoryBytes: UInt64 = 1 << 30, pushSeconds: UInt32 = 30, ledgerBytes: UInt64 = 16 << 20
    ) {
        self.options = options
        self.host = host
        self.path = path
        self.scope = scope
        self.packBytes = packBytes
        self.repositoryBytes = repositoryBytes
        self.pushSeconds = pushSeconds
        self.ledgerBytes = ledgerBytes
    }

    func append(to writer: inout ByteWriter) {
        writer.append(options.rawValue)
        writer.append(counted: Array(host.utf8))
        writer.append(counted: Array(path.description.utf8))
        writer.append(counted: Array(scope.text.utf8))
        writer.append(packBytes)
        writer.append(repositoryBytes)
        writer.append(pushSeconds)
        writer.append(ledgerBytes)
    }

    init(from reader: inout ByteReader) throws(MessageError) {
        options = Options(rawValue: try reader.next())
        guard options.isSubset(of: .known) else { throw .reserved }
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

/// One connection from inside, handed from the egress gateway to a broker.
///
/// The gateway reads hostile bytes, so what it can say here is this one thing; it has no part in the control socket.
package enum BrokerConnection {
    /// The datagram, with the connection as its one descriptor.
    package static let message: [UInt8] = [0x62]
    package static let longest = 1
}
