// SPDX-License-Identifier: Apache-2.0
package import LinuxSystem

/// The caller's variables as the kernel handed them over: a value is bytes and need not be UTF-8. environ(7)
///
/// A value that is passed on stays bytes all the way: a String in between would put U+FFFD where a name in another
/// encoding stood, and another file would be meant.
package struct CallerEnvironment: Sendable {
    private let find: @Sendable (String) -> [UInt8]?
    private let reveal: @Sendable (String) -> Secret?
    private let remove: @Sendable (String) -> Void

    /// - Parameters:
    ///   - reveal: The value of a variable that is a secret, without a copy beside it.
    ///   - remove: Overwrites a variable.
    package init(
        _ find: @escaping @Sendable (String) -> [UInt8]?,
        reveal: @escaping @Sendable (String) -> Secret? = { _ in nil },
        remove: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.find = find
        self.reveal = reveal
        self.remove = remove
    }

    /// Reads a secret.
    package func secret(_ reference: CredentialReference) throws(CredentialError) -> Secret {
        try reference.read { reveal($0) }
    }

    /// Overwrites it where it was in a variable: nobody reads it twice.
    package func forget(_ reference: CredentialReference) {
        if case .environment(let name) = reference { remove(name) }
    }

    /// The value of a variable, without its closing zero; nil when it is not set.
    package func bytes(_ name: String) -> [UInt8]? { find(name) }

    /// The value as text, for a decision over names that are ASCII; never for a path or for passing on.
    package func text(_ name: String) -> String? { find(name).map { String(decoding: $0, as: UTF8.self) } }
}
