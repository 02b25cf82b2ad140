// SPDX-License-Identifier: Apache-2.0
internal import CGit2

/// What a repository or a bundle may hold before we stop reading it.
package struct Budget: Sendable {
    /// Objects in one pack.
    package var objects = 2_000_000
    /// Bytes of one object, inflated.
    package var objectBytes = 512 << 20
    /// Bytes of all received objects together, inflated.
    package var inflatedBytes = 4 << 30
    /// Bytes that reading a left repository may unpack, each object as often as it is wanted.
    package var unpackedBytes = 32 << 30
    /// Commits that a task may add.
    package var commits = 10_000
    /// Bytes of the received bundle.
    package var bundleBytes = 1 << 30
    /// Bytes of one file of a working tree that is taken as it lies there.
    package var fileBytes = 64 << 20
    /// Bytes of all such files together.
    package var treeBytes = 512 << 20
    /// Bytes of all files of a working tree that are read, taken or not.
    package var readBytes = 64 << 30
    /// Names of a working tree that are looked at.
    package var treeEntries = 2_000_000
    /// Bytes of result.patch; a larger patch is left out, the bundle has everything.
    package var patchBytes = 64 << 20

    package init() {}
}

/// The process-wide state of libgit2.
package enum GitLibrary {
    /// Starts libgit2 with no configuration but a repository's own.
    ///
    /// Called once, before anything else of this module and before the process confines itself.
    package static func start(budget: Budget) throws(GitError) {
        try git("start", "libgit2") { git_libgit2_init() }
        try git("configure", "libgit2") { sp_git_confine(budget.objects, budget.objectBytes) }
    }
}
