// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Delivery
internal import Documents
internal import Glibc
internal import LinuxSystem
internal import Workspace

/// The push gate's answer about one branch.
struct GateVerdict {
    /// By which it was judged; without the salt, and what it accepts.
    let rules: GateRules
    /// In the order in which they are to be shown.
    var findings: [Finding] = []

    init(_ rules: GateRules, _ findings: [Finding] = []) {
        var rules = rules
        rules.secrets.salt = nil
        // Without the salt a fingerprint names nothing.
        rules.secrets.accept = []
        self.rules = rules
        self.findings = findings
    }

    var isRefused: Bool { findings.contains { $0.severity == .refuse } }

    /// The first reason for a refusal; there may be more.
    var refusal: String? {
        findings.first { $0.severity == .refuse }.map { "\($0.place): \($0.reason). \($0.remedy)" }
    }

    /// For records: what was decided, why, and by which rules.
    var json: JSON { ["verdict": .string(word), "flags": flags, "refusals": refusals, "rules": rules.json] }

    /// `passed` or `refused`.
    var word: String { isRefused ? "refused" : "passed" }

    var flags: JSON { json(.flag) }
    var refusals: JSON { json(.refuse) }

    private func json(_ severity: Finding.Severity) -> JSON {
        .array(
            findings.filter { $0.severity == severity }.map {
                [
                    "check": .string($0.check.rawValue), "place": .string($0.place), "reason": .string($0.reason),
                    "remedy": .string($0.remedy),
                ]
            })
    }

    /// The first lines of a summary: one for each finding.
    var lines: [String] {
        var lines = findings.prefix(Self.mostShown).map { finding in
            finding.severity == .refuse
                ? "refused   \(finding.place): \(finding.reason). \(finding.remedy)"
                : "flagged   \(finding.place): \(finding.reason)"
        }
        if findings.count > lines.count { lines.append("flagged   and \(findings.count - lines.count) more") }
        return lines
    }

    private static let mostShown = 30
}

/// Runs the push gate over the quarantine, in a step that can read it and do nothing else.
struct GateStep {
    let step: ConfinedStep
    let rules: GateRules

    /// - Parameters:
    ///   - bundle: The name of the file that brought the branch; its size counts.
    ///   - onto: Where the receiver's branch stands.
    ///   - verified: The tree that was tested.
    func judge(
        _ head: ObjectID, base: ObjectID?, bundle: String, onto: ObjectID?, verified: ObjectID?,
        in delivery: borrowing DeliveryDirectory
    ) throws(TaskFailure) -> GateVerdict {
        let input = try rulesWithSalt()
        var command = [
            "step-gate", "--base", base?.description ?? "-", "--head", "\(head)", "--pack-bytes",
            "\(try delivery.size(bundle))", "--quarantine", delivery.quarantine, "--become",
            delivery.quarantineOwner?.text ?? "-",
        ]
        if let onto { command += ["--onto", "\(onto)"] }
        if let verified { command += ["--verified-tree", "\(verified)"] }
        let report: StepReport
        switch try step.ask(command, input: input.number) {
        case .report(let answer): report = answer
        case .refused(let reason):
            let finding = Finding(
                .refuse, .references, at: "the branch", reason.hasSuffix(".") ? String(reason.dropLast()) : reason,
                remedy: "Have it made anew, inside a sandbox.")
            return GateVerdict(rules, [finding])
        }
        var verdict = GateVerdict(rules)
        for line in report.all("finding") {
            guard let finding = Finding(line: line) else {
                throw TaskFailure(
                    "read", "the push gate's findings", "a line is malformed", remedy: "Use one build of all programs.")
            }
            verdict.findings.append(finding)
        }
        // No answer is no permission.
        guard report["verdict"] == verdict.word else {
            throw TaskFailure(
                "read", "the push gate's verdict", "it is missing or contradicts itself", remedy: "Report this.")
        }
        return verdict
    }

    /// The rules as the step reads them, in memory that no name leads to: they hold the salt.
    private func rulesWithSalt() throws(TaskFailure) -> Descriptor {
        let rules = try host { () throws(SystemError) in
            var rules = self.rules
            if rules.secrets.salt == nil {
                rules.secrets.salt = hexadecimal(try randomBytes(16))
            }
            return rules
        }
        return try MemoryFile.make(JSONWriter().write(rules.json))
    }
}

extension StepProcess {
    /// Looks at the branch in the quarantine by the rules on standard input.
    func gate(_ report: inout StepReport) throws {
        let quarantine = try Descriptor.open(try required("--quarantine"), O_PATH | O_DIRECTORY)
        try Confinement(tree: quarantine.number, identity: try identity()).enter()
        let text = try Descriptor(owning: 0).readAll(limit: 1 << 20, subject: "the rules")
        let rules = try GateRules(try Node.read(text, file: "rules", limits: .record))
        guard let salt = rules.secrets.salt, let packBytes = Int(try required("--pack-bytes")) else {
            throw TaskFailure(message: "step-gate needs a salt and --pack-bytes")
        }
        let head = try commit("--head")
        let bare = try BareRepository.open(at: Self.repositoryName)
        let candidate = PushCandidate(
            references: try bare.branches().filter { $0.name != Array(BareRepository.baseReference.utf8) },
            onto: try optionalCommit("--onto"), packBytes: packBytes,
            verifiedTree: try optionalCommit("--verified-tree"))
        let range = try ReceivedRange(bare, from: try base(), to: head)
        let findings = try PushGate.judge(range, candidate, rules: rules, salt: Array(salt.utf8))
        for finding in findings { report.add("finding", finding.line) }
        report.add("verdict", GateVerdict(rules, findings).word)
    }

    private func optionalCommit(_ name: String) throws(TaskFailure) -> ObjectID? {
        optional(name) == nil ? nil : try commit(name)
    }
}
