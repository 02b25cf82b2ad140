// SPDX-License-Identifier: Apache-2.0
internal import Delivery
internal import Documents
internal import Glibc
internal import LinuxSystem
internal import TaskModel
internal import Workspace

/// What the project's own command measured on the base and on the delivered commit, and the files that it left.
///
/// It decides nothing: whoever wrote the commit wrote what is measured there, too.
struct Measurements {
    struct End {
        let outcome: CheckOutcome
        /// Nil where nothing came, or nothing that is taken.
        let pack: ArtifactPack?
        let refusal: String?
    }

    let command: String
    var before: End?
    var after: End?

    /// The directory of an end's files, in the delivery directory.
    static func place(_ phase: String) -> String { "declared/\(phase)" }

    var json: JSON {
        ["command": .string(command), "before": json(before, "before"), "after": json(after, "after")]
    }

    private func json(_ end: End?, _ phase: String) -> JSON {
        guard let end else { return .null }
        return [
            "outcome": .string(end.outcome.rawValue), "refusal": .optional(end.refusal),
            "files": .array(
                (end.pack?.files ?? []).map {
                    [
                        "file": .string("\(Self.place(phase))/\($0.name)"), "kind": .string($0.kind.rawValue),
                        "bytes": .int($0.bytes.count), "sha256": .string(Digest.sha256($0.bytes)),
                    ]
                }),
            "figures": .array(
                (end.pack?.figures ?? []).map {
                    ["name": .string($0.name), "value": .string($0.text), "unit": .string($0.unit)]
                }),
        ]
    }

    /// Each figure of the result beside the one of the base.
    var compared: [(name: String, before: String, after: String, change: String)] {
        (after?.pack?.figures ?? []).map { figure in
            let earlier = before?.pack?.figures.first { $0.name == figure.name }
            func shown(_ figure: Figure) -> String {
                figure.unit.isEmpty ? figure.text : "\(figure.text) \(figure.unit)"
            }
            return (
                figure.name, earlier.map(shown) ?? "-", shown(figure), earlier.flatMap { $0.change(to: figure) } ?? "-"
            )
        }
    }
}

extension TaskRun {
    /// Measures both commits, one right after the other.
    mutating func measure(_ base: ObjectID, _ delivered: ObjectID) throws(TaskFailure) {
        guard let command = arguments.measureCommand else { return }
        evidence.measurements = Measurements(command: command)
        guard let before = try measure("before", command, base) else { return }
        evidence.measurements?.before = before
        let after = try measure("after", command, delivered)
        evidence.measurements?.after = after
    }

    /// - Returns: Nil when the caller asked us to stop.
    private mutating func measure(_ phase: String, _ command: String, _ commit: ObjectID)
        throws(TaskFailure) -> Measurements.End?
    {
        let label = ObservedSandbox.label(of: ObservedSandbox.measuring, phase)
        var runner = ["measure", "--source", Sandbox.source, "--commit", "\(commit)", "--measure-command", command]
        if let setup = arguments.setupCommand { runner += ["--setup-command", setup] }
        if let build = arguments.buildCommand { runner += ["--build-command", build] }
        let received = Sandbox.Export(name: "\(label).received", mostBytes: ArtifactPack.longest + 1)
        let (record, _) = try sandbox.run(label, runner: runner, in: delivery, export: received)
        guard let record else {
            evidence.outcome = .interrupted
            return nil
        }
        try checkSetUp(record, label)
        try observe(label, record)
        let outcome = CheckOutcome(record)
        Progress.say("task \(identifier): measured \(phase): \(outcome.rawValue)")
        guard try delivery.contains(received.name), try delivery.size(received.name) > 0 else {
            return .init(outcome: outcome, pack: nil, refusal: nil)
        }
        let checked = "\(label).pack"
        let taken = try takeDocument(
            ["step-artifacts", "--quarantine", delivery.quarantine, "--become", quarantineOwner], from: received.name,
            into: checked, mostBytes: ArtifactPack.longest)
        guard case .taken(let bytes) = taken else {
            if case .refused(let reason) = taken { return .init(outcome: outcome, pack: nil, refusal: reason) }
            return nil
        }
        let pack: ArtifactPack
        do throws(ArtifactPack.Flaw) { pack = try ArtifactPack(bytes) } catch {
            throw TaskFailure("read", "\"\(checked)\"", error.description, remedy: "Report this.")
        }
        // Its files lie side by side from here on.
        try delivery.remove(checked)
        try delivery.remove(received.name)
        try delivery.writeAll(pack.files.map { ($0.name, $0.bytes) }, below: Measurements.place(phase))
        return .init(outcome: outcome, pack: pack, refusal: nil)
    }
}

extension StepProcess {
    /// Reads the files that a project's command left on standard input; descriptor 3 takes them in our own form.
    func artifacts(_ report: inout StepReport) throws {
        try Confinement(quarantine: try required("--quarantine"), identity: try identity()).enter()
        let bytes = try Descriptor(owning: 0).readAll(limit: ArtifactPack.longest + 1, subject: "the received files")
        let pack: ArtifactPack
        do throws(ArtifactPack.Flaw) { pack = try ArtifactPack(bytes) } catch {
            throw GitError(
                .refused, "take", "the received files", error.description,
                remedy: "The received bytes are kept beside the evidence.")
        }
        guard pack.bytes.withUnsafeBytes({ Self.write($0, to: 3) }) else {
            throw TaskFailure(message: "cannot write the files")
        }
    }
}
