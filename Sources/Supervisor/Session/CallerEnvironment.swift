// SPDX-License-Identifier: Apache-2.0

/// The caller's variables as the kernel handed them over: a value is bytes and need not be UTF-8. environ(7)
///
/// A value that is passed on stays bytes all the way: a String in between would put U+FFFD where a name in another
/// encoding stood, and another file would be meant.
package struct CallerEnvironment: Sendable {
    private let find: @Sendable (String) -> [UInt8]?

    package init(_ find: @escaping @Sendable (String) -> [UInt8]?) { self.find = find }

    /// The value of a variable, without its closing zero; nil when it is not set.
    package func bytes(_ name: String) -> [UInt8]? { find(name) }

    /// The value as text, for a decision over names that are ASCII; never for a path or for passing on.
    package func text(_ name: String) -> String? { find(name).map { String(decoding: $0, as: UTF8.self) } }
}
