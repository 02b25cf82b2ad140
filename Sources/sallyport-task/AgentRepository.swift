// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxSystem
internal import Wire
internal import Workspace

/// The task's own repository, as the agent's session finds it at git.internal, and what was pushed to it.
///
///     quarantine/result.git               has the objects; the session reads them
///     session/quarantine/session.git      takes what is pushed; belongs to an id of its own, and goes with the session
///
/// It begins with the commit that the task starts from and its history, and with no other branch of the caller's.
struct AgentRepository {
    static let directoryName = "session"
    private static let start = "http://git.internal"

    private let session: SessionRepository
    private let base: ObjectID
    private let references: ReferenceList
    /// The task's branch by its full name.
    private let branch: String

    /// - Parameters:
    ///   - name: Its path at git.internal; one that is no plain path is replaced.
    ///   - task: The task's name, which stands in the branch where that is the task's own.
    ///   - begun: The branch that the base commit is the tip of, by its full name; any other name counts as none.
    ///   - continued: The task's branch is there already.
    init(
        in delivery: borrowing DeliveryDirectory, name: String, task: String, branch: String, base: ObjectID,
        begun: String, continued: Bool
    ) throws(TaskFailure) {
        let full = "refs/heads/\(branch)"
        let own = "sallyport/\(task)/"
        guard let scope = PushScope(branch.hasPrefix(own) ? "refs/heads/\(own)*" : full),
            let path = Self.path(name) ?? RepositoryPath("/task/repository")
        else {
            throw TaskFailure(
                "work on", "branch \"\(PrintableText.escapedOnce(branch))\"",
                "its name has a character that git.internal does not take",
                remedy: "Name another with --branch, or rename it.")
        }
        let isBranch = begun.hasPrefix("refs/heads/") && ReferenceList.isTaken(begun)
        let first = isBranch ? begun : BareRepository.baseReference
        var references = ReferenceList(head: first, references: [first: base])
        if continued { references.references[full] = base }
        self.references = references
        self.base = base
        self.branch = full
        session = SessionRepository(
            directory: "\(delivery.path)/\(Self.directoryName)", path: path, scope: scope)
    }

    private static func path(_ name: String) -> RepositoryPath? {
        RepositoryPath(name.hasSuffix(".git") ? String(name.dropLast(4)) : name)
    }

    /// The path in a URL that ``url`` gave once.
    static func name(in url: String) -> String? {
        url.hasPrefix(start + "/") ? String(url.dropFirst(start.utf8.count)) : nil
    }

    /// Where git inside finds it.
    var url: String { Self.start + session.path.description }
    /// For `sallyport run --git`.
    var description: String { session.description }

    func make(_ step: ConfinedStep, in delivery: borrowing DeliveryDirectory) throws(TaskFailure) {
        try session.make(step, over: delivery.repository, references)
    }

    /// What came in by pushes.
    struct Pushed {
        /// References that were made or moved, the first of them.
        var references: [(name: String, id: ObjectID)] = []
        /// There are more than those.
        var isCut = false
        /// The task's branch among them.
        var tip: ObjectID?
        /// Why none of it can be taken.
        var refusal: String?

        /// With what sessions of the same task before it pushed.
        func after(_ earlier: Pushed?) -> Pushed {
            guard let earlier else { return self }
            var all = self
            all.references = earlier.references + references
            all.isCut = earlier.isCut || isCut
            return all
        }
    }

    /// Looks at what was pushed, once nobody writes there any more, and writes a bundle of the task's branch.
    ///
    /// - Parameter bundle: Name of the new file in the delivery directory; nil leaves it at the look.
    func read(_ step: ConfinedStep, into bundle: String?, in delivery: borrowing DeliveryDirectory) throws(TaskFailure)
        -> Pushed
    {
        let view = try LeftTreeView.make(session.quarantine, own: delivery.quarantineOwner)
        let output = if let bundle { try delivery.create(bundle) } else { try MemoryFile.make() }
        var command = [
            "step-pushed", "--base", "\(base)", "--repository", delivery.repository, "--become",
            view.identity?.text ?? "-",
        ]
        if bundle != nil { command += ["--reference", branch] }
        var pushed = Pushed()
        switch try step.ask(command, outputs: [view.descriptor.number, output.number]) {
        case .refused(let reason):
            pushed.refusal = reason
            if let bundle { try delivery.remove(bundle) }
        case .report(let report):
            pushed.isCut = report["note"] != nil
            for line in report.all("reference") {
                let parts = line.split(separator: " ", maxSplits: 1)
                guard parts.count == 2, let id = ObjectID(parts[0]), references.references[String(parts[1])] != id
                else {
                    continue
                }
                pushed.references.append((String(parts[1]), id))
            }
            if report["tip"] != nil { pushed.tip = try report.commit("tip") }
        }
        return pushed
    }
}

extension StepProcess {
    private static let pushedTree: Int32 = 3
    private static let pushedBundle: Int32 = 4
    private static let mostPushed = 200

    /// Reads the session's repository on descriptor 3, over the objects that it began with, and writes to 4 a bundle of
    /// what `--reference` has beyond the base commit.
    func pushed(_ report: inout StepReport) throws {
        let objects = try required("--repository") + "/objects"
        let base = try commit("--base")
        let begun = LeftDirectory(owning: try Descriptor.open(objects, O_RDONLY | O_DIRECTORY))
        try Confinement(readable: [objects], tree: Self.pushedTree, identity: try identity()).enter()
        let work = try PushedWork(
            LeftDirectory(owning: Descriptor(owning: Self.pushedTree)), over: begun, budget: budget)
        for reference in work.references.prefix(Self.mostPushed) {
            report.add("reference", "\(reference.id) \(PrintableText.escaped(reference.name, longest: 600))")
        }
        if work.references.count > Self.mostPushed { report.add("note", "there are more") }
        guard let reference = optional("--reference"), let tip = work.commit(of: reference), tip != base else { return }
        try work.bundle(tip, since: base, as: reference) { Self.write($0, to: Self.pushedBundle) }
        report.add("tip", "\(tip)")
    }
}
