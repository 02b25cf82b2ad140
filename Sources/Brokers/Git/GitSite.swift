// SPDX-License-Identifier: Apache-2.0
package import Wire

/// What one session's broker serves: a repository's name, what may be pushed, and how much of it.
package struct GitSite: Equatable, Sendable {
    package let address: RepositoryAddress
    package let rules: PushRules
    package let packBytes: Int
    package let repositoryBytes: UInt64
    private let pushSeconds: UInt64

    package static let host = "git.internal"

    /// Processor time that a push may take whose pack has so many bytes. A pack can be made so that unpacking it takes the
    /// square of its size.
    package func processorSeconds(pack bytes: Int) -> UInt64 { pushSeconds + UInt64(bytes >> 19) }

    /// Nil when the supervisor names a path or a scope that is none.
    package init?(_ start: BrokerStart) {
        guard let address = RepositoryAddress(host: Self.host, port: 80, path: start.path) else { return nil }
        if start.scope.isEmpty {
            rules = PushRules(scope: .nothing)
        } else {
            guard let scope = PushScope(start.scope) else { return nil }
            rules = PushRules(scope: scope)
        }
        self.address = address
        packBytes = Int(start.packBytes)
        repositoryBytes = start.repositoryBytes
        pushSeconds = UInt64(start.pushSeconds)
    }
}
