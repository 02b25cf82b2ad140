// SPDX-License-Identifier: Apache-2.0
internal import LinuxSystem

/// What a session pushed to its own repository, read with the care for what an agent left: the packs in it passed through
/// a process that reads what the session sends, and whoever took that over chose their bytes.
///
/// Runs in a process that can read the two places and nothing else. What it writes is looked at again, object by object.
package struct PushedWork: ~Copyable {
    /// What the repository names, by name; loose ones before packed ones.
    package let references: [ReferenceText.Reference]
    private let objects: LeftObjects
    private let budget: Budget

    /// - Parameters:
    ///   - repository: The session's own, which has what was pushed and nothing else.
    ///   - base: The directory `objects` of the repository that it began with.
    package init(_ repository: borrowing LeftDirectory, over base: consuming LeftDirectory, budget: Budget)
        throws(GitError)
    {
        let left = try LeftRepository(in: repository)
        guard left.layout == .bare, !left.borrowsObjects else {
            throw LeftRepository.refused("the session's repository", "it is not as the host made it")
        }
        let place = try LeftRepository.reading("objects") { () throws(SystemError) in
            try repository.directory(Array("objects".utf8))
        }
        objects = try LeftObjects(
            try LeftStore(place, budget: budget), try LeftStore(base, budget: budget), budget: budget)
        references = left.references
        self.budget = budget
    }

    /// Where a reference stands; nil when there is none of this name.
    package func commit(of name: String) -> ObjectID? { references.first { $0.name == Array(name.utf8) }?.id }

    /// Writes a bundle of the commits since the base.
    package borrowing func bundle(
        _ tip: ObjectID, since base: ObjectID, as reference: String, write: (UnsafeRawBufferPointer) -> Bool
    ) throws(GitError) {
        try objects.bundle(tip, since: base, as: reference, budget: budget, write: write)
    }
}
