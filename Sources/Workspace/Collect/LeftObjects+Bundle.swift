// SPDX-License-Identifier: Apache-2.0
internal import CGit2

extension LeftObjects {
    /// Writes a bundle of the commits since the base, or of all without one.
    borrowing func bundle(
        _ tip: ObjectID, since base: ObjectID?, as reference: String, budget: Budget,
        write: (UnsafeRawBufferPointer) -> Bool
    ) throws(GitError) {
        let header = BundleHeader.encoded(prerequisite: base, tip: tip, reference: reference)
        guard header.withUnsafeBytes(write) else {
            throw GitError(.failed, "write", "the bundle", "the file refused it", remedy: "Check the free space.")
        }
        let isAny = try pack("commits up to \(tip)", from: tip, hiding: base, budget: budget, write: write)
        guard isAny || base == nil else {
            throw LeftRepository.refused(
                "commits since \(base?.description ?? "")", "there are none: \(tip) is older than that commit",
                "Name the commit that the agent started from with --base.")
        }
    }

    /// - Returns: False when there is nothing to write.
    borrowing func pack(
        _ subject: String, from tip: ObjectID, hiding base: ObjectID?, budget: Budget,
        write: (UnsafeRawBufferPointer) -> Bool
    ) throws(GitError) -> Bool {
        let repository = self.repository.pointer
        let walk = try Handle("walk", subject, free: git_revwalk_free) { git_revwalk_new(&$0, repository) }
        var newest = tip.raw
        try git("walk", subject, code: .refused, remedy: LeftRepository.incomplete) {
            git_revwalk_push(walk.pointer, &newest)
        }
        if var oldest = base?.raw {
            try git("walk", subject, code: .refused, remedy: LeftRepository.incomplete) {
                git_revwalk_hide(walk.pointer, &oldest)
            }
        }
        return try PackWriter(repository: repository, subject: subject).writeAny(
            walk: walk, budget: budget, code: .refused, remedy: LeftRepository.incomplete, to: write)
    }
}
