// SPDX-License-Identifier: Apache-2.0
package import Wire

/// What one session's broker serves: a repository's name, what may be pushed, and how much of it.
package struct GitSite: Equatable, Sendable {
    package let address: RepositoryAddress
    package let rules: PushRules
    package let packBytes: Int
    package let repositoryBytes: UInt64
    /// Size that the ledger may reach.
    package let ledgerBytes: UInt64
    private let pushSeconds: UInt64

    /// Processor time that a push may take whose pack has so many bytes. A pack can be made so that unpacking it takes the
    /// square of its size.
    package func processorSeconds(pack bytes: Int) -> UInt64 { pushSeconds + UInt64(bytes >> 19) }

    package init(_ start: GitStart) {
        address = RepositoryAddress(host: start.host, port: 80, path: start.path)
        rules = PushRules(scope: start.scope)
        packBytes = Int(start.packBytes)
        repositoryBytes = start.repositoryBytes
        ledgerBytes = start.ledgerBytes
        pushSeconds = UInt64(start.pushSeconds)
    }
}
