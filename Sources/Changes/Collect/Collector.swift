// SPDX-License-Identifier: Apache-2.0
internal import LinuxSystem

/// How much a set may hold. What is more is left out by name, in the order of names, and the rest is kept.
package struct ChangeBudget: Sendable {
    /// Bytes of content over all files: the profile's `workspace_bytes`.
    package let bytes: UInt64
    /// One more says that there were more.
    package let entries: Int
    /// Directories within directories; two descriptors are open for each.
    package let depth: Int
    /// Bytes of all names taken together, each entry's whole path. A path has 4095 bytes and an inode costs a task nothing
    /// more than that: without this a set would grow to gigabytes, and whoever shows it with it.
    package let pathBytes: Int

    package init(bytes: UInt64, entries: Int = 1_000_000, depth: Int = 256, pathBytes: Int = 64 << 20) {
        self.bytes = bytes
        self.entries = entries
        self.depth = depth
        self.pathBytes = pathBytes
    }
}

/// What one collection came to.
package struct Collected: Equatable, Sendable {
    package let summary: ChangeSummary
    /// Entries that a tree could hold and the set does not: the set is partial when there is one.
    package let leftOut: UInt64
}

/// Reads the upper layer of a session that has ended, and writes what changed as one sealed set.
///
/// Runs in a confined process that can read the two trees and write the one file. The upper layer is hostile in names,
/// depth, kinds and sizes; what cannot be carried over becomes an entry that says so. All processes of the session must
/// be dead: the two trees are read while nobody writes.
package enum Collector {
    /// Collects the layer `u` beneath `upper`, or `upper` itself when `layer` is empty: then no overlay wrote it.
    ///
    /// Descriptors are given by number, as the collecting process finds them, and stay the caller's.
    ///
    /// - Parameters:
    ///   - upper: A directory, open for reading or as a path only; so is `lower`.
    ///   - lower: The caller's tree, or nil when the workspace started empty.
    ///   - output: An empty regular file, open for writing; synced when this returns.
    ///   - session: 1 to 64 letters, digits, `-` or `_`.
    ///   - created: Milliseconds since 1970: when the session started.
    /// - Throws: ``ChangeError``. Content or entries beyond the budget are no error: they are left out by name.
    package static func collect(
        upper: Int32, layer: String = "u", lower: Int32?, output: Int32, session: String, created: UInt64,
        budget: ChangeBudget
    ) throws(ChangeError) -> Collected {
        let top: Held
        switch Beneath.directory(upper, Array(layer.utf8)) {
        case .success(let held): top = held
        case .failure(let errno): throw ChangeError(SystemError("open", "the upper layer", errno))
        }
        var base: Held?
        if let lower {
            switch Beneath.directory(lower, []) {
            case .success(let held): base = held
            case .failure(let errno): throw ChangeError(SystemError("open", "the caller's tree", errno))
            }
        }
        let writer = try ChangeSetWriter(output: output, session: session, created: created)
        let walk = CollectorWalk(
            writer: writer, budget: budget, started: Int64(clamping: created) &* 1_000_000, isOverlay: !layer.isEmpty)
        try walk.run(upper: top, lower: base)
        return Collected(summary: try writer.finish(), leftOut: walk.leftOut)
    }
}
