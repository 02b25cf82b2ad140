// SPDX-License-Identifier: Apache-2.0
package import Documents

/// What a profile decides about a subject, with the rules that led there: nothing is run for it.
package struct Judgement: Sendable, Hashable {
    package struct Step: Sendable, Hashable {
        /// The rule as it is written.
        package var rule: String
        package var origin: String
        /// What it means for the subject: `decides`, `denies`, `less specific`.
        package var effect: String
        package var reason: String?

        package init(rule: String, origin: String, effect: String, reason: String?) {
            self.rule = rule
            self.origin = origin
            self.effect = effect
            self.reason = reason
        }
    }

    package var subject: Subject
    package var isAllowed: Bool
    /// The decision in words: `writable`, `allowed as TLS`, `denied: no rule names it`.
    package var verdict: String
    package var steps: [Step]
    /// What would change it; nil when it is allowed.
    package var remedy: String?

    package init(subject: Subject, isAllowed: Bool, verdict: String, steps: [Step], remedy: String?) {
        self.subject = subject
        self.isAllowed = isAllowed
        self.verdict = verdict
        self.steps = steps
        self.remedy = remedy
    }

    package var json: JSON {
        [
            "subject": .string(subject.description), "allowed": .bool(isAllowed), "verdict": .string(verdict),
            "chain": .array(
                steps.map { step in
                    [
                        "rule": .string(step.rule), "origin": .string(step.origin), "effect": .string(step.effect),
                        "reason": .optional(step.reason),
                    ]
                }), "remedy": .optional(remedy),
        ]
    }
}

extension Profile {
    /// What this profile decides about a subject.
    package func judge(_ subject: Subject) -> Judgement {
        switch subject {
        case .path(let path): judge(path, subject)
        case .host(let name, let port): judge(name, port, subject)
        case .address(let address, let port): judge(address, port, subject)
        case .socket(let path): judge(socket: path, subject)
        case .syscall(let name): judge(syscall: name, subject)
        }
    }

    private func judge(_ path: RulePath, _ subject: Subject) -> Judgement {
        let decision = filesystem.decide(path)
        let lists: [(String, [RulePath])] = [
            ("deny", filesystem.deny), ("read_only", filesystem.readOnly), ("writable", filesystem.writable),
        ]
        var steps: [Judgement.Step] = []
        for (key, rules) in lists {
            for (index, rule) in rules.enumerated() where rule.contains(path) {
                let origin = origins["filesystem.\(key)[\(index)]"]?.description ?? "not written"
                let decides = rule == decision.rule && !steps.contains { $0.effect == "decides" }
                steps.append(
                    .init(
                        rule: "filesystem.\(key): \(rule.text)", origin: origin,
                        effect: decides ? "decides" : "less specific",
                        reason: nil))
            }
        }
        if filesystem.workspace == .readOnly, RulePath.workspace.contains(path) {
            steps.append(
                .init(
                    rule: "filesystem.workspace: read-only",
                    origin: origins["filesystem.workspace"]?.description ?? "not written",
                    effect: "takes away writing", reason: nil))
        }
        return Judgement(
            subject: subject, isAllowed: decision.access != .denied, verdict: decision.access.text, steps: steps,
            remedy: decision.access == .denied ? "Name it, or a directory above it, under filesystem." : nil)
    }

    private func judge(syscall name: String, _ subject: Subject) -> Judgement {
        let rules = syscalls.filter.rules.filter { $0.name == name }
        let allowing = rules.filter { $0.action == .allow }
        let verdict =
            allowing.isEmpty
            ? "denied" : (allowing.contains { $0.conditions.isEmpty } ? "allowed" : "allowed for some arguments")
        var steps = rules.map {
            Judgement.Step(
                rule: $0.text, origin: origins["syscalls.allow_groups"]?.description ?? "not written",
                effect: "decides",
                reason: nil)
        }
        if let index = syscalls.deny.firstIndex(of: name) {
            steps.append(
                .init(
                    rule: "syscalls.deny: \(name)",
                    origin: origins["syscalls.deny[\(index)]"]?.description ?? "not written",
                    effect: "denies", reason: nil))
        } else if rules.isEmpty {
            steps.append(
                .init(
                    rule: "default: \(syscalls.filter.defaultAction.text)", origin: "every profile", effect: "decides",
                    reason: nil))
        }
        return Judgement(
            subject: subject, isAllowed: !allowing.isEmpty, verdict: verdict, steps: steps,
            remedy: allowing.isEmpty ? "Another group under syscalls.allow_groups may have it; most never do." : nil)
    }
}
