// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import Workspace

/// The steps; each confines itself before it opens what is not ours.
extension StepProcess {
    /// The repository inside the quarantine directory.
    static let repositoryName = "result.git"

    /// Reads the caller's repository, or the host's own one again, and writes the base commit's history to descriptor 3.
    ///
    /// Runs under the id that owns the repository, so it reads what its owner could read and nothing more.
    func pack(_ report: inout StepReport) throws {
        let source: SourceRepository
        if let place = optional("--within") {
            // The host's copy of an upstream: its owner has no way from the root directory down to it.
            let tree = try Descriptor.open(place, O_PATH | O_DIRECTORY)
            try Confinement(tree: tree.number, identity: try identity()).enter()
            let path = try required("--repo")
            source = try SourceRepository(layout: try RepositoryLayout(path: path), path: optional("--shown") ?? path)
        } else if let quarantine = optional("--quarantine") {
            let confinement = Confinement(quarantine: quarantine, identity: try identity())
            try confinement.enter()
            let path = confinement.quarantinePath + "/" + Self.repositoryName
            source = try SourceRepository(layout: try RepositoryLayout(path: path), path: path)
        } else {
            let path = try required("--repo")
            let layout = try RepositoryLayout(path: path)
            try Confinement(readable: layout.readable, identity: try identity()).enter()
            source = try SourceRepository(layout: layout, path: optional("--shown") ?? path)
        }
        let base = try source.resolve(optional("--base"))
        try source.pack(base, budget: budget) { Self.write($0, to: 3) }
        report.add("base", "\(base.id)")
        report.add("name", base.name)
        report.add("detached", base.isDetached ? "yes" : "no")
        if try source.hasLargeFilePointers(base.id) { report.add("pointers", "lfs") }
        guard let target = optional("--target") else { return }
        guard let parting = try source.mergeBase(base.id, with: target) else {
            throw TaskFailure(
                "compare", "\(base.name) with \(target)", "they have no commit in common",
                remedy: "Open a pull request whose branch starts from its base.")
        }
        report.add("merge_base", "\(parting)")
        let standing = try source.standing(of: base.id, to: target)
        report.add("behind", "\(standing.behind)")
        report.add("conflicts", "\(standing.conflictCount)")
        for path in standing.conflicts { report.add("conflict", PrintableText.escaped(path, longest: 300)) }
    }

    /// Makes the host's repository from the pack on standard input; empty when there is no base commit.
    func index(_ report: inout StepReport) throws {
        let confinement = Confinement(quarantine: try required("--quarantine"), identity: try identity())
        try confinement.enter()
        let bare = try BareRepository.create(at: confinement.quarantinePath + "/" + Self.repositoryName)
        guard let base = try base() else { return }
        try bare.takeBase(base, from: Descriptor(owning: 0), budget: budget)
    }

    /// Takes the bundle on standard input into the host's repository.
    func takeIn(_ report: inout StepReport) throws {
        let base = try base()
        let reference = try required("--reference")
        let confinement = Confinement(quarantine: try required("--quarantine"), identity: try identity())
        try confinement.enter()
        let repository = confinement.quarantinePath + "/" + Self.repositoryName
        var incoming = BundleImport(base: base, reference: reference, budget: budget)
        // Not only by the runner, which is inside the agent's trust.
        incoming.trailers = try trailers()
        let tip = try incoming.run(Descriptor(owning: 0), into: try BareRepository.open(at: repository))
        let bare = try BareRepository.open(at: repository)
        try bare.setHead(reference)
        report.add("tip", "\(tip)")
        report.add("tree", "\(try ReceivedRange(bare, from: base, to: tip).tree(of: tip))")
    }

    /// Writes bundle and patch of a commit that the gate has judged to descriptors 3 and 4, and describes it.
    ///
    /// It reads the host's repository alone, and can change nothing there: what was judged stays what is delivered.
    func export(_ report: inout StepReport) throws {
        let base = try base()
        let reference = try required("--reference")
        let tip = try commit("--head")
        let quarantine = try Descriptor.open(try required("--quarantine"), O_PATH | O_DIRECTORY)
        try Confinement(tree: quarantine.number, identity: try identity()).enter()
        let bare = try BareRepository.open(at: Self.repositoryName)
        let range = try CommitRange(bare, from: base, to: tip)
        describe(try range.summary(), tip: tip, tree: range.tree, in: &report)
        try describeMessages(range, in: &report)
        try describe(range.changedLines(saved: ChangedLines.savedSubject), in: &report)
        try range.writeBundle(reference: reference, budget: budget) { Self.write($0, to: 3) }
        let complete = try range.writePatch(limit: budget.patchBytes) { Self.write($0, to: 4) }
        report.add("patch", complete ? "written" : "omitted")
    }

    /// What every commit has to say; nothing in work of no task, such as what was left in a directory.
    func trailers() throws(TaskFailure) -> [(key: String, value: String)] {
        let task = try required("--task-id")
        if task == "-" { return [] }
        return [
            ("Task-Id", task), ("Prompt-Version", try required("--prompt-version")),
            ("Sallyport-Evidence", try required("--evidence")),
        ]
    }

    /// The commit of `--base`; `-` is none.
    func base() throws(TaskFailure) -> ObjectID? { try required("--base") == "-" ? nil : try commit("--base") }

    private func describe(_ summary: ChangeSummary, tip: ObjectID, tree: ObjectID, in report: inout StepReport) {
        report.add("tip", "\(tip)")
        report.add("tree", "\(tree)")
        report.add("commits", "\(summary.commits)")
        report.add("files", "\(summary.fileCount)")
        report.add("insertions", "\(summary.insertions)")
        report.add("deletions", "\(summary.deletions)")
        for file in summary.files { report.add("file", "\(file.insertions) \(file.deletions) \(file.path)") }
    }

    /// Subjects, newest first, and the threads that commits say they settle.
    private func describeMessages(_ range: borrowing CommitRange, in report: inout StepReport) throws(GitError) {
        var subjects: [String] = []
        var threads: [String] = []
        try range.forEachMessage { (_, message) throws(GitError) in
            if subjects.count < Self.mostSubjects { subjects.append(message.subject) }
            for value in message.values(of: "Resolves-Thread")
            where threads.count < Self.mostThreads && Int(value) != nil && !threads.contains(value) {
                threads.append(value)
            }
        }
        for subject in subjects { report.add("subject", subject.isEmpty ? "(none)" : subject) }
        for thread in threads { report.add("thread", thread) }
    }

    private func describe(_ changes: ChangedLines, in report: inout StepReport) {
        for line in changes.text {
            let parts = line.split(separator: " ", maxSplits: 1)
            report.add(String(parts[0]), parts.count > 1 ? String(parts[1]) : "")
        }
    }

    private static let mostSubjects = 20
    private static let mostThreads = 200

    static func write(_ bytes: UnsafeRawBufferPointer, to fd: Int32) -> Bool {
        var done = 0
        while done < bytes.count, let start = bytes.baseAddress {
            let result = sp_write(fd, start + done, bytes.count - done)
            guard result > 0 else { return false }
            done += result
        }
        return true
    }
}
