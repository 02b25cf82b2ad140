// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Delivery
internal import Documents
internal import Glibc
internal import LinuxSystem
internal import Workspace

/// Holds what a directory delivers, three times, against the commit that the evidence names.
///
/// Runs before anything is signed and behind signature and digests, so these are the files that the host has or that it
/// wrote; what they contain is the agent's, and is read in a process that can do nothing else.
extension StepProcess {
    func match(_ report: inout StepReport) throws {
        let bundle = try required("--bundle")
        let base = try base()
        var wanted = base.map { [(name: BareRepository.baseReference, commit: $0)] } ?? []
        var tip: (commit: ObjectID, tree: ObjectID)?
        if let reference = optional("--reference") {
            tip = (try commit("--commit"), try commit("--tree"))
            wanted.append((reference, try commit("--commit")))
        }
        let trailers = try trailers()
        let hasPatch = try required("--patch") == "yes"
        try Confinement(readable: [bundle], identity: try identity()).enter()
        do throws(GitError) {
            let repository = try BareRepository.open(at: bundle + "/" + Self.repositoryName)
            guard try repository.references() == wanted.map(\.name).sorted() else {
                return report.add("mismatch", "\(Self.repositoryName) has other branches than the evidence")
            }
            for (name, commit) in wanted where try repository.target(of: name) != commit {
                return report.add(
                    "mismatch", "\(Self.repositoryName) has another commit at \(name) than the evidence")
            }
            guard let tip, let reference = wanted.last?.name else { return }
            let range = try CommitRange(repository, from: base, to: tip.commit)
            if range.tree != tip.tree {
                report.add("mismatch", "\(Self.repositoryName) has another tree in \(tip.commit) than the evidence")
            }
            do throws(GitError) { try range.requireTrailers(trailers) } catch {
                guard error.code == .refused else { throw error }
                report.add("mismatch", "\(Self.repositoryName) has commits of other evidence: \(error.reason)")
            }
            if let digest = optional("--changes"),
                try range.changedLines(saved: ChangedLines.savedSubject).digest != digest
            {
                report.add("mismatch", "\(Manifest.evidenceName) has other changed lines than its commits")
            }
            if let flaw = try Self.bundleFlaw(range, bundle, reference, budget) {
                report.add("mismatch", "\(Manifest.bundleName) \(flaw)")
            }
            if let flaw = try Self.patchFlaw(range, hasPatch ? bundle : nil, budget) {
                report.add("mismatch", "\(Manifest.patchName) \(flaw)")
            }
        } catch { report.add("mismatch", "\(Self.repositoryName) cannot be read: \(error.reason)") }
    }

    private static func bundleFlaw(
        _ range: borrowing CommitRange, _ bundle: String, _ reference: String, _ budget: Budget
    ) throws(GitError) -> String? {
        let file: Descriptor
        do throws(SystemError) { file = try Descriptor.open(bundle + "/" + Manifest.bundleName, O_RDONLY) } catch {
            return "cannot be read (\(error.errno))"
        }
        return try range.flaw(ofBundle: file, reference: reference, budget: budget)
    }

    /// Why a patch is not, byte for byte, the one that we would write; or why there should be one.
    ///
    /// - Parameter bundle: The directory that has it; nil when there is none.
    private static func patchFlaw(
        _ range: borrowing CommitRange, _ bundle: String?, _ budget: Budget
    ) throws(GitError) -> String? {
        var rest: ArraySlice<UInt8>?
        if let bundle {
            do throws(SystemError) {
                let file = try Descriptor.open(bundle + "/" + Manifest.patchName, O_RDONLY)
                rest = try file.readAll(limit: budget.patchBytes, subject: "\"\(Manifest.patchName)\"")[...]
            } catch { return "cannot be read (\(error.errno))" }
        }
        var isOther = false
        let isComplete = try range.writePatch(limit: budget.patchBytes) { piece in
            isOther = isOther || rest?.starts(with: piece) == false
            if !isOther { rest = rest?.dropFirst(piece.count) }
            return true
        }
        guard let rest else { return isComplete ? "is missing: the difference has room in one" : nil }
        return isComplete && !isOther && rest.isEmpty ? nil : "is not the difference between base and delivered commit"
    }
}

extension ConfinedStep {
    /// Starts ``StepProcess/match(_:)`` on a directory and returns what does not match, each with its file.
    func match(_ directory: String, _ story: DeliveredStory) throws(TaskFailure) -> [(file: String, problem: String)] {
        var command = ["step-match", "--bundle", directory] + story.arguments
        command += ["--become", try Self.owner(of: directory)]
        switch try ask(command) {
        case .refused(let reason): return [(StepProcess.repositoryName, "cannot be read: \(reason)")]
        case .report(let report):
            return report.all("mismatch").map { line in
                let parts = line.split(separator: " ", maxSplits: 1)
                return (String(parts[0]), parts.count > 1 ? String(parts[1]) : "")
            }
        }
    }

    /// The same for files of our own that are about to be handed over: there is nothing wrong with them.
    func require(_ story: DeliveredStory, in directory: String) throws(TaskFailure) {
        guard let flaw = try match(directory, story).first else { return }
        throw TaskFailure(
            "hand over", "\"\(directory)/\(flaw.file)\"", "it \(flaw.problem)",
            remedy: "It is not what was judged: use nothing of the directory, and report this.")
    }

    /// Who reads a directory of the caller's choice: its owner, when we are root and somebody else owns it.
    static func owner(of path: String) throws(TaskFailure) -> String {
        guard geteuid() == 0 else { return "-" }
        let status = try host { () throws(SystemError) in
            try FileStatus.of(try Descriptor.open(path, O_PATH), subject: "\"\(path)\"")
        }
        return status.uid == 0 ? "-" : "\(status.uid):\(status.gid)"
    }
}

/// What a directory should deliver.
struct DeliveredStory {
    /// The commit that the branch starts from; nil for a history of its own.
    var base: String?
    /// Nil when there is the base commit and nothing else.
    var delivered: (reference: String, commit: String, tree: String)?
    var hasPatch = false
    /// What every commit has to say; nil for work of no task.
    var trailers: (task: String, prompt: String, evidence: String)?
    /// Digest of the lines that are said to have changed; nil where nothing is said of them.
    var changes: String?

    fileprivate var arguments: [String] {
        var result = ["--base", base ?? "-", "--patch", hasPatch ? "yes" : "no", "--task-id", trailers?.task ?? "-"]
        if let trailers { result += ["--prompt-version", trailers.prompt, "--evidence", trailers.evidence] }
        if let changes { result += ["--changes", changes] }
        if let delivered {
            result += ["--reference", delivered.reference, "--commit", delivered.commit, "--tree", delivered.tree]
        }
        return result
    }
}

extension DeliveredStory {
    /// As the evidence of a task tells it.
    init(evidence: JSON) {
        base = evidence["base"]?["commit"]?.stringValue
        delivered = Statement.delivered(of: evidence).map { ("refs/heads/\($0.branch)", $0.commit, $0.tree) }
        hasPatch = evidence["delivered"]?["patch"]?.stringValue != nil
        // Bundles of an earlier version have none; what cannot be read is the changes of no commit.
        changes = evidence["delivered"]?["changes"].map { ChangedLines(json: $0)?.digest ?? "none" }
        trailers = (
            evidence["task"]?.stringValue ?? "", evidence["prompt"]?["version"]?.stringValue ?? "",
            evidence["opening"]?["sha256"]?.stringValue ?? ""
        )
    }
}
