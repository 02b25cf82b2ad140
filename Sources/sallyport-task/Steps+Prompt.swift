// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Documents
internal import Glibc
internal import LinuxSystem
internal import TaskModel
internal import Workspace

/// The steps that read a commit's files as text: for the prompt, for a review's workspace, for its findings.
extension StepProcess {
    private static let longestPlan = 4 << 20
    /// What stands in front of all segments.
    private static let frame = 1000

    /// Puts the prompt together from the plan on standard input and the rules of one commit; descriptor 3 takes it.
    func prompt(_ report: inout StepReport) throws {
        let rulesFrom = try commit("--rules")
        let cutsOrders = try required("--screening") == "strip"
        let confinement = Confinement(quarantine: try required("--quarantine"), identity: try identity())
        try confinement.enter()
        let plan = try PromptPlan(
            try Descriptor(owning: 0).readAll(limit: Self.longestPlan, subject: "the plan of the prompt"))
        let bare = try BareRepository.open(at: confinement.quarantinePath + "/" + Self.repositoryName)
        let (files, omitted) = try RuleFiles().read(bare, at: rulesFrom, paths: plan.paths)
        var rules: [Hydration.Source] = []
        for file in files {
            let scope = file.directory.isEmpty ? "everything" : "\(file.directory)/"
            rules.append(.init("rules: \(file.path) (for \(scope))", .repository, file.text))
        }
        var changed: [Hydration.Source] = []
        if let head = optional("--head"), let head = ObjectID(head) {
            let summary = try CommitRange(bare, from: rulesFrom, to: head).summary()
            var lines = summary.files.map { "\($0.path) | +\($0.insertions) -\($0.deletions)\n" }
            if summary.fileCount > summary.files.count {
                lines.append("and \(summary.fileCount - summary.files.count) more\n")
            }
            changed = [
                .init("files changed by the pull request", .thirdParty, parts: lines, shedding: .changedFiles)
            ]
        }
        let recent = Hydration.Source(
            "recent changes, as they were described", .thirdParty,
            parts: try RecentChanges(bare, at: rulesFrom).descriptions, shedding: .patterns)
        let hydration = try Hydration(
            plan.before + rules + plan.after + changed + [recent], cutsOrders: cutsOrders,
            longest: Prompt.longest - Self.frame)
        let prompt = hydration.prompt
        let text = Array(prompt.text(mark: String(Digest.sha256(prompt.markSource).prefix(16))).utf8)
        guard text.count <= Prompt.longest else {
            throw TaskFailure(
                "make", "the prompt", "it has \(text.count) bytes, more than \(Prompt.longest)",
                remedy: "Shorten the work item, or name fewer paths in it.")
        }
        guard text.withUnsafeBytes({ Self.write($0, to: 3) }) else {
            throw TaskFailure(message: "cannot write the prompt")
        }
        for segment in prompt.segments {
            let digest = Digest.sha256(Array(segment.text.utf8))
            report.add("segment", "\(segment.trust.rawValue) \(segment.text.utf8.count) \(digest) \(segment.label)")
        }
        for path in omitted.prefix(20) { report.add("omitted", path) }
        for omission in hydration.omitted { report.add("omitted", "\(omission.count) earlier of \(omission.label)") }
        for screened in hydration.screened.prefix(50) {
            report.add("note", "taken out of \(screened.label): \(screened.finding.description)")
        }
    }

    /// Puts a commit's files into a new directory of the quarantine, and the change since a base onto descriptor 3.
    func checkOut(_ report: inout StepReport) throws {
        let head = try commit("--head")
        let base = try commit("--base")
        let confinement = Confinement(quarantine: try required("--quarantine"), identity: try identity())
        try confinement.enter()
        let bare = try BareRepository.open(at: confinement.quarantinePath + "/" + Self.repositoryName)
        let directory = confinement.quarantinePath + "/" + Self.checkoutName
        try checked("create", "\"\(directory)\"") { sp_mkdirat(AT_FDCWD, directory, 0o755) }
        try TreeFiles(bare, at: head).checkOut(into: directory)
        let complete = try CommitRange(bare, from: base, to: head).writePatch(limit: 4 << 20) { Self.write($0, to: 3) }
        report.add("patch", complete ? "written" : "omitted")
    }

    static let checkoutName = "checkout"

    /// Reads an agent's findings on standard input; descriptor 3 takes them in our own form.
    func findings(_ report: inout StepReport) throws {
        let head = try commit("--head")
        let confinement = Confinement(quarantine: try required("--quarantine"), identity: try identity())
        try confinement.enter()
        let bytes = try Descriptor(owning: 0).readAll(
            limit: Findings.longestDocument + 1, subject: "the received findings")
        let found: Findings
        do throws(Findings.Flaw) {
            found = try Findings(bytes)
        } catch {
            throw refusedFindings(error.description)
        }
        let bare = try BareRepository.open(at: confinement.quarantinePath + "/" + Self.repositoryName)
        let files = try TreeFiles(bare, at: head)
        for (index, finding) in found.findings.enumerated() {
            guard let lines = try files.lines(of: finding.file) else {
                throw refusedFindings("finding \(index + 1) names a file that the reviewed commit does not have")
            }
            guard finding.line ?? 0 <= lines else {
                throw refusedFindings("finding \(index + 1) names a line past the end of its file")
            }
        }
        let text = JSONWriter().write(found.json) + [0x0A]
        guard text.count <= Findings.longestDocument else {
            throw refusedFindings("they are longer than \(Findings.longestDocument) bytes")
        }
        guard text.withUnsafeBytes({ Self.write($0, to: 3) }) else {
            throw TaskFailure(message: "cannot write the findings")
        }
        report.add("findings", "\(found.findings.count)")
    }

    /// Reads an agent's plan on standard input; descriptor 3 takes it in our own form.
    func plan(_ report: inout StepReport) throws {
        try Confinement(quarantine: try required("--quarantine"), identity: try identity()).enter()
        let bytes = try Descriptor(owning: 0).readAll(
            limit: WorkPlan.longestDocument + 1, subject: "the received plan")
        let plan: WorkPlan
        do throws(WorkPlan.Flaw) { plan = try WorkPlan(bytes) } catch { throw refusedPlan(error.description) }
        let text = JSONWriter().write(plan.json) + [0x0A]
        // In our form it has more escapes than it may have had.
        guard text.count <= WorkPlan.longestDocument else {
            throw refusedPlan("it is longer than \(WorkPlan.longestDocument) bytes")
        }
        guard text.withUnsafeBytes({ Self.write($0, to: 3) }) else {
            throw TaskFailure(message: "cannot write the plan")
        }
    }

    private func refusedPlan(_ reason: String) -> GitError {
        GitError(
            .refused, "take", "the received plan", reason,
            remedy: "Nothing was done by it; the received bytes are kept beside the evidence.")
    }

    private func refusedFindings(_ reason: String) -> GitError {
        GitError(
            .refused, "take", "the received findings", reason,
            remedy: "Nothing of them was posted; the received bytes are kept beside the evidence.")
    }

    /// Takes the delivered commits into the forge's repository and moves, or makes, their branch.
    ///
    /// Runs under the id that owns that repository and can write nothing else. The bundle is looked at once more, as if
    /// it came from a sandbox.
    func publish(_ report: inout StepReport) throws {
        let base = try commit("--base")
        let reference = try required("--reference")
        var incoming = BundleImport(base: base, reference: reference, budget: budget)
        if optional("--replacing") != nil { incoming.replacing = try commit("--replacing") }
        // What was judged and tested, and nothing else that a bundle may have in it.
        incoming.tip = try commit("--head")
        let path = try required("--repository")
        let confinement = Confinement(quarantine: path, identity: try identity())
        try confinement.enter()
        let repository = confinement.identity == nil ? path : "/"
        let bare = try BareRepository.open(at: repository)
        try bare.removeUnfinishedImport()
        do throws(GitError) {
            report.add("tip", "\(try incoming.run(Descriptor(owning: 0), into: bare))")
        } catch {
            guard error.code == .moved else { throw error }
            report.add("moved", error.description)
        }
    }
}
