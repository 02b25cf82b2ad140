// SPDX-License-Identifier: Apache-2.0
internal import Workspace

/// One branch, by a plain name that the rules allow; no tag, no note, nothing beside it.
enum ReferencesCheck {
    static func findings(in input: borrowing GateInput) -> [Finding] {
        let references = input.candidate.references
        let rules = input.rules
        var findings = references.compactMap { reference -> Finding? in
            guard let reason = flaw(reference, head: input.range.head, rules) else { return nil }
            return Finding(
                .refuse, .references, at: PrintableText.escaped(reference.name, longest: 300), reason,
                remedy: "Deliver one branch named as the rules say: \(rules.branches.joined(separator: ", ")).")
        }
        if references.count != 1 {
            findings.append(
                Finding(
                    .refuse, .references, at: "the push", "it has \(references.count) references, not one",
                    remedy: "Deliver each branch by itself."))
        }
        return findings
    }

    private static func flaw(_ reference: ReferenceText.Reference, head: ObjectID, _ rules: GateRules) -> String? {
        if let flaw = ReferenceName.flaw(reference.name) { return "its name \(flaw)" }
        let name = String(decoding: reference.name, as: UTF8.self)
        guard name.hasPrefix("refs/heads/") else { return "it is no branch" }
        guard rules.allows(branch: String(name.dropFirst("refs/heads/".count))) else {
            return "the rules allow no branch of this name"
        }
        return reference.id == head ? nil : "it names \(reference.id), and \(head) was judged"
    }
}
