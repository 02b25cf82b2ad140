// SPDX-License-Identifier: Apache-2.0
internal import CGit2
internal import LinuxSystem

/// What is taken out of a directory that an agent left: the commits of one branch and, as one commit on top of them,
/// what its working tree has beyond them.
///
/// Runs in a process that can read the directory and nothing else, and keeps what it makes in memory. What it writes is
/// as little trusted as the directory: the receiver looks at every object again.
package struct LeftWork: ~Copyable {
    /// Who stands in the commit of the working tree: its author is not known, and nobody's name is borrowed.
    package static let identity = "sallyport collect <collected@sallyport.invalid>"

    package let repository: LeftRepository
    /// The branch by its short name; nil when HEAD is detached or its name is no plain one.
    package let branch: String?
    package let head: ObjectID?
    /// The commit that is delivered; nil when there is neither a commit nor a file.
    package let tip: ObjectID?
    /// Names of the working tree that are not taken, the first hundred of them.
    package let leftOut: [LeftOut]
    package let leftOutCount: Int
    /// Names that the tree's own rules ignore.
    package let ignored: Int
    /// What a reader should know of how it was read.
    package let notes: [String]
    private let objects: LeftObjects
    private let budget: Budget

    /// - Parameters:
    ///   - from: A branch to take instead of the one that is checked out; the working tree then stays.
    ///   - time: Seconds since 1970, for the commit of the working tree.
    package init(
        _ root: borrowing LeftDirectory, from: String? = nil, time: Int, budget: Budget
    ) throws {
        let repository = try LeftRepository(in: root)
        let directory = try LeftRepository.reading("objects") { () throws(SystemError) in
            try root.directory(Array(repository.path.utf8)).directory(Array("objects".utf8))
        }
        let objects = try LeftObjects(try LeftStore(directory, budget: budget), budget: budget)
        let choice = try Self.choose(from, in: repository)
        if let commit = choice.commit, !objects.contains(commit) {
            guard repository.borrowsObjects else { throw LeftRepository.refused("commit \(commit)", "it is not there") }
            throw LeftRepository.refused(
                "commit \(commit)",
                "its objects lie in another repository (objects/info/alternates), which is not read",
                "Give the clone objects of its own, inside a sandbox: git repack -a -d.")
        }
        var notes = repository.notes
        if choice.commit == nil { notes.append("HEAD: no commit yet, so the files are a history of their own") }
        var taken: Taken?
        if repository.layout == .workingTree {
            if choice.isCheckedOut {
                taken = try Self.workingTree(root, of: repository, over: choice.commit, objects, time, budget)
            } else {
                notes.append("the working tree belongs to another branch and was not looked at")
            }
        }
        branch = choice.branch
        head = choice.commit
        tip = taken?.commit ?? choice.commit
        leftOut = taken?.tree.leftOut ?? []
        leftOutCount = taken?.tree.leftOutCount ?? 0
        ignored = taken?.tree.ignored ?? 0
        self.notes = notes + (taken?.tree.notes ?? [])
        self.budget = budget
        self.objects = objects
        self.repository = repository
    }

    private struct Choice {
        var branch: String?
        var commit: ObjectID?
        var isCheckedOut: Bool
    }

    private static func choose(_ from: String?, in repository: LeftRepository) throws(GitError) -> Choice {
        let short = { (name: [UInt8]) -> String? in
            guard ReferenceName.flaw(name) == nil, name.starts(with: "refs/heads/".utf8) else { return nil }
            return String(decoding: name.dropFirst(11), as: UTF8.self)
        }
        if let from {
            let name = Array("refs/heads/\(from)".utf8)
            guard let id = repository.commit(of: name) else {
                throw LeftRepository.refused("branch \"\(PrintableText.escaped(from.utf8))\"", "it is not there")
            }
            return Choice(branch: short(name), commit: id, isCheckedOut: repository.head == .reference(name))
        }
        let commit = try repository.headCommit()
        switch repository.head {
        case .commit: return Choice(branch: nil, commit: commit, isCheckedOut: true)
        case .reference(let name): return Choice(branch: short(name), commit: commit, isCheckedOut: true)
        }
    }

    /// What the working tree gave.
    private struct Taken {
        var tree: WorkingTree
        var commit: ObjectID?
    }

    private static func workingTree(
        _ root: borrowing LeftDirectory, of repository: LeftRepository, over head: ObjectID?,
        _ objects: borrowing LeftObjects, _ time: Int, _ budget: Budget
    ) throws -> Taken {
        var tree = WorkingTree(budget: budget, keepsMissing: repository.isSparse)
        let before: ObjectID? = if let head { try objects.tree(of: head) } else { nil }
        let after = try tree.tree(of: root, over: before, exclusions: repository.exclusions, in: objects)
        // Without a commit a tree without entries is nothing either.
        guard after != before, head != nil || after != emptyTree else { return Taken(tree: tree) }
        var text = "tree \(after)\n"
        if let head { text += "parent \(head)\n" }
        text += "author \(identity) \(time) +0000\ncommitter \(identity) \(time) +0000\n\n"
        text +=
            "Collect the changes of the working tree\n\n"
            + "They were not committed. Who made them is not recorded anywhere.\n"
        return Taken(tree: tree, commit: try objects.write(Array(text.utf8), GIT_OBJECT_COMMIT))
    }

    private static let emptyTree = ObjectID("4b825dc642cb6eb9a060e54bf8d69288fbee4904")

    /// How many commits lead from one to the delivered one; nil when it is not there, or no part of what leads there.
    package borrowing func distance(from commit: ObjectID) throws(GitError) -> Int? {
        guard let tip, objects.contains(commit) else { return nil }
        if commit == tip { return 0 }
        var newest = tip.raw
        var oldest = commit.raw
        var ahead = 0
        var behind = 0
        try git("compare", "\(tip) with \(commit)", code: .refused, remedy: LeftRepository.incomplete) {
            git_graph_ahead_behind(&ahead, &behind, objects.repository.pointer, &newest, &oldest)
        }
        return behind == 0 ? ahead : nil
    }

    /// Writes a pack of the base commit's history.
    package borrowing func packBase(_ base: ObjectID, write: (UnsafeRawBufferPointer) -> Bool) throws(GitError) {
        guard objects.contains(base) else {
            throw LeftRepository.refused(
                "commits since \(base)", "that commit is not among them",
                "Name the commit that the agent started from with --base.")
        }
        _ = try objects.pack("history of \(base)", from: base, hiding: nil, budget: budget, write: write)
    }

    /// Writes a bundle of the commits since the base, or of all without one.
    package borrowing func bundle(
        _ tip: ObjectID, since base: ObjectID?, as reference: String, write: (UnsafeRawBufferPointer) -> Bool
    ) throws(GitError) {
        try objects.bundle(tip, since: base, as: reference, budget: budget, write: write)
    }
}
