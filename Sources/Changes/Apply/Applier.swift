// SPDX-License-Identifier: Apache-2.0
internal import CLinux
package import LinuxSystem

/// Brings a set into the caller's tree: all of it that is not withheld, or nothing.
///
/// Runs in a process that is confined to the tree (``Confinement``). Nothing is overwritten that differs from what the
/// session started from. Everything is first written under temporary names, then moved into place, then what is gone
/// is removed; a call that is cut short at any point is completed by calling again with the same set.
package enum Applier {
    /// - Parameters:
    ///   - workspace: The caller's tree, open for reading.
    ///   - observe: Called before each effect; an error from it stops at once and leaves everything as a crash would.
    /// - Throws: ``ChangeError``. Before the first publication, everything written has been removed again.
    package static func apply(
        _ set: ChangeSet, to workspace: borrowing Directory, options: ApplyOptions,
        observe: ((ApplyEffect) throws(ChangeError) -> Void)? = nil
    ) throws(ChangeError) -> ApplyReport {
        let tree = Tree(root: workspace.fd.number)
        let review = try Review(set, for: tree.root)
        let plan = try ApplyPlan(review, set, tree, options)
        guard plan.report.conflicts.isEmpty, plan.report.leftOut.isEmpty || options.acceptPartial else {
            return plan.report
        }
        let run = ApplyRun(review.entries, set, tree, plan, options, observe)
        return try run.run()
    }

    /// The calling process's file creation mask; only for a process with one thread.
    package static func currentMask() -> UInt32 { sp_umask() }
}
