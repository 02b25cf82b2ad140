// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import Workspace

/// Holds what a bundle delivers, three times, against the commit that its statement names.
///
/// Runs behind signature and digests, so these are the files that the host wrote; what they contain is the agent's, and
/// is read in a process that can do nothing else.
extension StepProcess {
    func match(_ report: inout StepReport) throws {
        let bundle = try required("--bundle")
        let base = try commit("--base")
        var wanted = [(BareRepository.baseReference, base)]
        if let reference = optional("--reference") { wanted.append((reference, try commit("--commit"))) }
        try Confinement(readable: [bundle], identity: try identity()).enter()
        let repository = try BareRepository.open(at: bundle + "/" + Self.repositoryName)
        guard try repository.references() == wanted.map(\.0).sorted() else {
            return report.add("mismatch", "\(Self.repositoryName) has other branches than the evidence")
        }
        for (reference, commit) in wanted where try repository.target(of: reference) != commit {
            return report.add("mismatch", "\(Self.repositoryName) has another commit at \(reference) than the evidence")
        }
        guard wanted.count == 2 else { return }
        let (reference, tip) = wanted[1]
        let range = try CommitRange(repository, from: base, to: tip)
        if range.tree != (try commit("--tree")) {
            report.add("mismatch", "\(Self.repositoryName) has another tree in \(tip) than the evidence")
        }
        let file = try Descriptor.open(bundle + "/result.bundle", O_RDONLY)
        let start = try file.readStart(BundleHeader.longest, subject: "\"result.bundle\"")
        let header = BundleHeader.encoded(prerequisite: base, tip: tip, reference: reference)
        if !start.starts(with: header) { report.add("mismatch", "result.bundle has another header than the evidence") }
        guard try required("--patch") == "yes" else { return }
        if try !isPatch(range, at: bundle + "/result.patch") {
            report.add("mismatch", "result.patch is not the difference between base and delivered commit")
        }
    }

    /// Whether a file is, byte for byte, the patch that we would write.
    private func isPatch(_ range: borrowing CommitRange, at path: String) throws -> Bool {
        let file = try Descriptor.open(path, O_RDONLY)
        let bytes = try file.readAll(limit: budget.patchBytes, subject: "\"result.patch\"")
        var rest = bytes[...]
        let isComplete: Bool
        do {
            isComplete = try range.writePatch(limit: budget.patchBytes) { piece in
                guard rest.starts(with: piece) else { return false }
                rest = rest.dropFirst(piece.count)
                return true
            }
        } catch { return false }
        return isComplete && rest.isEmpty
    }
}

extension ConfinedStep {
    /// Starts ``StepProcess/match(_:)`` on a bundle and returns what does not match, each with its file.
    func match(
        _ bundle: String, base: String, delivered: (reference: String, commit: String, tree: String)?, patch: Bool
    )
        throws(TaskFailure) -> [(file: String, problem: String)]
    {
        var command = ["step-match", "--bundle", bundle, "--base", base, "--patch", patch ? "yes" : "no"]
        command += ["--become", try Self.owner(of: bundle)]
        if let delivered {
            command += ["--reference", delivered.reference, "--commit", delivered.commit, "--tree", delivered.tree]
        }
        switch try ask(command) {
        case .refused(let reason): return [(StepProcess.repositoryName, "cannot be read: \(reason)")]
        case .report(let report):
            return report.all("mismatch").map { line in
                let parts = line.split(separator: " ", maxSplits: 1)
                return (String(parts[0]), parts.count > 1 ? String(parts[1]) : "")
            }
        }
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
