// SPDX-License-Identifier: Apache-2.0
internal import CGit2
package import LinuxSystem

/// Takes a branch out of a bundle that a sandbox wrote.
///
/// Every byte is hostile. The header is ours to read; the pack goes through libgit2's indexer; then every object is
/// looked at, and only then does the branch exist. Runs in a process that holds nothing.
package struct BundleImport: Sendable {
    /// The commit that the branch has to contain; nil for a history of its own.
    package let base: ObjectID?
    /// The only reference that is taken.
    package let reference: String
    package let budget: Budget
    /// What the reference must name now, and is moved from; nil when it must not exist.
    package var replacing: ObjectID?
    /// The only commit that is taken; nil for whatever the bundle brings.
    package var tip: ObjectID?
    /// Lines that the message of every new commit has to end with, each once.
    package var trailers: [(key: String, value: String)] = []

    package init(base: ObjectID?, reference: String, budget: Budget) {
        self.base = base
        self.reference = reference
        self.budget = budget
    }

    /// Imports a bundle into a repository that has the base commit.
    ///
    /// - Returns: The commit that the branch now names.
    /// - Throws: ``GitError`` with `.refused` when the bundle breaks a rule; the branch was not created then.
    package func run(_ bundle: borrowing Descriptor, into bare: borrowing BareRepository) throws(GitError) -> ObjectID {
        let (header, packStart) = try readHeader(bundle)
        guard header.prerequisite == base else {
            throw refused("it builds on \(Self.shown(header.prerequisite)), not on \(Self.shown(base))")
        }
        guard header.reference == reference else {
            throw refused("it brings \"\(PrintableText.escaped(header.reference.utf8))\", not \"\(reference)\"")
        }
        guard tip == nil || header.tip == tip else {
            throw refused("its branch is \(header.tip), not \(Self.shown(tip))")
        }
        guard header.tip != base else { throw refused("its branch is the base commit itself") }
        var incoming = try IncomingPack(into: bare, budget: budget)
        try incoming.append(packStart)
        try incoming.append(rest: bundle)
        let completed = try incoming.commit()
        let known = try KnownObjects(of: bare)
        try ReceivedObjects(completed, budget: budget).check(for: header.tip) { (id) throws(GitError) in
            known.contains(id)
        }
        try checkHistory(of: header.tip, in: bare)
        if !trailers.isEmpty { try CommitRange(bare, from: base, to: header.tip).requireTrailers(trailers) }
        try incoming.install()
        try bare.setReference(reference, to: header.tip, replacing: replacing)
        return header.tip
    }

    /// The header, and what was read beyond it.
    private func readHeader(_ bundle: borrowing Descriptor) throws(GitError) -> (BundleHeader, [UInt8]) {
        var bytes: [UInt8] = []
        do throws(SystemError) {
            while bytes.count < BundleHeader.longest {
                let piece = try bundle.readSome(
                    upTo: BundleHeader.longest - bytes.count, subject: "the received bundle")
                if piece.isEmpty { break }
                bytes += piece
            }
        } catch {
            throw GitError(.failed, "read", "the received bundle", "\(error.errno)", remedy: "Try again.")
        }
        do throws(BundleHeader.Flaw) {
            let header = try BundleHeader(bytes)
            return (header, Array(bytes[header.length...]))
        } catch {
            throw refused(error.reason)
        }
    }

    private func checkHistory(of tip: ObjectID, in bare: borrowing BareRepository) throws(GitError) {
        var tipID = tip.raw
        let repository = bare.repository.pointer
        let commit = try Handle(
            "read", "commit \(tip)", code: .refused, remedy: GitError.nothingTaken, free: git_commit_free
        ) { git_commit_lookup(&$0, repository, &tipID) }
        _ = commit.pointer
        if let base {
            var baseID = base.raw
            let descends = try git("compare", "\(tip) with \(base)", code: .refused, remedy: GitError.nothingTaken) {
                git_graph_descendant_of(repository, &tipID, &baseID)
            }
            guard descends == 1 else { throw refused("its branch does not contain the base commit \(base)") }
        }
        let walk = try Handle("walk", "commit \(tip)", free: git_revwalk_free) { git_revwalk_new(&$0, repository) }
        try git("walk", "commit \(tip)") { git_revwalk_push(walk.pointer, &tipID) }
        if var baseID = base?.raw { try git("walk", "the base commit") { git_revwalk_hide(walk.pointer, &baseID) } }
        var count = 0
        while try walk.nextCommit("commit \(tip)") != nil {
            count += 1
            guard count <= budget.commits else { throw refused("it adds more than \(budget.commits) commits") }
        }
    }

    private static func shown(_ base: ObjectID?) -> String { base?.description ?? "no commit" }

    private func refused(_ reason: String) -> GitError {
        GitError(.refused, "take", "the received bundle", reason, remedy: GitError.nothingTaken)
    }
}
