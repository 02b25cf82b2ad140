// SPDX-License-Identifier: Apache-2.0

/// What applying may do.
package struct ApplyOptions: Sendable {
    /// Apply what acts on the host when opened too.
    package let acceptFlagged: Bool
    /// Apply a set that lacks something a tree could hold. Without it such a set changes nothing: a file that was moved
    /// would be deleted at its old place and missing at its new one.
    package let acceptPartial: Bool
    /// The caller's file creation mask; new files get no bit of it.
    package let umask: UInt32

    package init(acceptFlagged: Bool = false, acceptPartial: Bool = false, umask: UInt32) {
        self.acceptFlagged = acceptFlagged
        self.acceptPartial = acceptPartial
        self.umask = umask
    }
}

/// What applying did.
package struct ApplyReport: Equatable, Sendable {
    package struct Item: Equatable, Sendable {
        package let path: [UInt8]
        package let reason: String
        package var shown: String { "\(escapedPath(path)): \(reason)" }
    }

    /// Changed by this call, in the order of the set.
    package internal(set) var applied: [[UInt8]] = []
    /// The tree already held the result: an earlier call was cut short, or the caller made the same change.
    package internal(set) var already: [[UInt8]] = []
    /// Flagged or refused, and so left out.
    package internal(set) var withheld: [Item] = []
    /// Missing from the set. When there is any, nothing was written unless ``ApplyOptions/acceptPartial`` was given.
    package internal(set) var leftOut: [Item] = []
    /// What stands in the way. When there is any, nothing was written.
    package internal(set) var conflicts: [Item] = []
    /// Left in place at the end because it changed while this call ran.
    package internal(set) var left: [Item] = []
}

/// One thing that applying does to the tree, in the order in which it happens: all stages, then publications, then
/// removals, then mode changes.
package enum ApplyEffect: Equatable, Sendable {
    case stage([UInt8])
    case publish([UInt8])
    case remove([UInt8])
    case mode([UInt8])
}
