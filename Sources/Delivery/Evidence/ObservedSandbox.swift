// SPDX-License-Identifier: Apache-2.0
package import Documents
package import TaskModel

/// One sandbox of a task and what the supervisor recorded about it, in the words of `evidence.json`.
///
/// Whoever writes the evidence and whoever verifies it take the words from here.
package struct ObservedSandbox: Sendable {
    /// Names its files in the bundle.
    package let label: String
    package let record: SessionRecord

    package init(label: String, record: SessionRecord) {
        self.label = label
        self.record = record
    }

    /// The label of the sandbox in which the agent works, the first time.
    package static let work = AgentRole.work.label(1)
    /// Names the sandboxes in which the project's own command measured, as a check's name does.
    package static let measuring = "measure"
    static let recordEnding = ".result.json"
    private static let gitEnding = ".git.jsonl"
    /// What the forge broker wrote, by its members.
    private static let forgeLogs = [("forge_file", ".forge.jsonl"), ("proposals_file", ".proposals.jsonl")]
    /// The ledgers of the model broker by their members.
    private static let modelLogs = [("model_file", ".model.jsonl"), ("transcript_file", ".model-transcript.jsonl")]
    /// The documents of each sandbox by their members under `observed`.
    private static let documents = [
        ("log", ".log"), ("record", recordEnding), ("plan", ".plan.json"), ("environment", ".environment.json"),
        ("profile_file", ".profile.yaml"), ("policy", ".profile.txt"),
    ]

    /// The label of a command of the project, or of a criterion's check.
    ///
    /// - Parameter phase: `before`, `after`, or `check` for a criterion.
    package static func label(of name: String, _ phase: String) -> String {
        // The labels of the test are older than those of the others.
        name == "test" && phase != "check" ? phase : "\(phase)-\(name)"
    }

    /// The sandbox that a file of the bundle is of; nil when it is of none.
    static func label(ofFile path: String) -> String? {
        guard !path.contains("/") else { return nil }
        let endings = documents.map(\.1) + [".audit.jsonl", gitEnding] + modelLogs.map(\.1) + forgeLogs.map(\.1)
        return endings.first { path.hasSuffix($0) }.map { String(path.dropLast($0.count)) }
    }

    /// What an agent was in it for; nil where a check ran.
    package var role: AgentRole? { AgentRole(label: label) }

    /// What the end of a check says; nil of an agent's sandbox, which says nothing.
    package var outcome: CheckOutcome? { role == nil ? CheckOutcome(record) : nil }

    /// What `evidence.json` has under `observed`.
    package var json: JSON {
        var members = outcome.map { [JSON.Member("test", .string($0.rawValue))] } ?? []
        members += record.members([
            "session", "outcome", "exit_code", "signal", "limit", "profile", "plan_digest", "duration_ms", "layers",
            "egress", "git", "model", "forge",
        ])
        if let correlation = record.correlation { members.append(.init(CorrelationID.member, correlation)) }
        if record.hasRepository { members.append(.init("git_file", .string(label + Self.gitEnding))) }
        if record.model != nil { members += Self.modelLogs.map { JSON.Member($0.0, .string(label + $0.1)) } }
        if record.hasForge { members += Self.forgeLogs.map { JSON.Member($0.0, .string(label + $0.1)) } }
        members += Self.documents.map { JSON.Member($0.0, .string(label + $0.1)) }
        return .object(members)
    }
}

extension [ObservedSandbox] {
    /// All of them, each under its label.
    package var observed: JSON { .object(map { JSON.Member($0.label, $0.json) }) }
    package var limitsHit: JSON { each("limit") { $0.limitsHit } }
    /// The last sandbox in which an agent worked.
    package var lastWork: SessionRecord? { last { $0.role == .work }?.record }
    /// What agents asked of models: nobody else has any. Sums over all of them, within what the first was allowed.
    package var model: JSON {
        let all = filter { $0.role != nil }.compactMap(\.record.model)
        guard let first = all.first, all.count > 1 else { return all.first ?? .null }
        func sum(_ numbers: [Int]) -> Int {
            // A record may say any number.
            numbers.reduce(0) { $0.addingReportingOverflow($1).overflow ? .max : $0 + $1 }
        }
        return .object(
            (first.objectValue ?? []).map { member in
                switch member.name {
                case "max_turns", "budget_microusd": return member
                case "spent_usd":
                    return .init(
                        member.name,
                        .string(DollarText.text(Swift.max(0, sum(all.map { $0["spent_microusd"]?.intValue ?? 0 })))))
                default:
                    let numbers = all.compactMap { $0[member.name]?.intValue }
                    guard numbers.count == all.count else { return member }
                    return .init(member.name, .int(sum(numbers)))
                }
            })
    }
    package var denials: JSON { each("denial") { $0.denials } }

    /// Something of every record, each with the sandbox it is from.
    private func each(_ name: String, _ values: (SessionRecord) -> [JSON]) -> JSON {
        .array(
            flatMap { sandbox in
                values(sandbox.record).map { .object([.init("sandbox", .string(sandbox.label)), .init(name, $0)]) }
            })
    }
}
