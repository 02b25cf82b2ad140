// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import TaskModel

extension BundleAgreement {
    /// Holds what the evidence says of the sandboxes against the supervisor's record of each.
    ///
    /// - Parameter sandboxes: In the order of `observed`.
    func checkSandboxes(_ sandboxes: [ObservedSandbox], _ evidence: JSON, _ report: inout BundleReport) {
        func require(_ holds: Bool, _ problem: String) {
            if !holds { report.add(Manifest.evidenceName, problem) }
        }
        for sandbox in sandboxes {
            // In a bundle of an earlier version neither has one.
            require(
                sandbox.record.correlation == evidence[CorrelationID.member],
                "bears another id than the record of \"\(sandbox.label)\"")
            let (said, seen) = (evidence["observed"]?[sandbox.label], sandbox.json)
            if said == seen { continue }
            let other = (seen.objectValue ?? []).filter { $0.value != said?[$0.name] }
            for member in other {
                require(false, "has another \(member.name) of \"\(sandbox.label)\" than its record")
            }
            require(!other.isEmpty, "says something of \"\(sandbox.label)\" that its record does not")
        }
        require(evidence["model"] == sandboxes.model, "has other totals of models than the agent's record")
        require(evidence["limits_hit"] == sandboxes.limitsHit, "has other limits hit than the records")
        require(evidence["denials"] == sandboxes.denials, "has other denials than the records")
        checks(sandboxes, evidence, require)
        let asked = evidence["approvals"]?.arrayValue ?? []
        for sandbox in sandboxes {
            for opened in sandbox.record.openedHosts {
                require(
                    asked.contains { ApprovalRequest.isNewHost($0, opened, of: sandbox.label) },
                    "has let \"\(sandbox.label)\" reach a host that nobody approved")
            }
        }
    }

    /// What came of each command and each criterion is what the sandboxes came to in which they ran.
    private func checks(_ sandboxes: [ObservedSandbox], _ evidence: JSON, _ require: (Bool, String) -> Void) {
        var ends: [String: CheckOutcome] = [:]
        for sandbox in sandboxes { ends[sandbox.label] = sandbox.outcome }
        for check in evidence["checks"]?.arrayValue ?? [] {
            let name = check["name"]?.stringValue ?? ""
            let before = ends.removeValue(forKey: ObservedSandbox.label(of: name, "before"))
            let after = ends.removeValue(forKey: ObservedSandbox.label(of: name, "after"))
            for (phase, end) in [("before", before), ("after", after)] {
                require(
                    check[phase] == JSON.optional(end?.rawValue), "has another end of \(name) \(phase) than its record")
            }
            let gate = check["gate"]?.stringValue.flatMap { Gate(rawValue: $0) }
            let verdict = after.flatMap { after in gate?.decide(before: before, after: after) }
            require(
                check["verdict"] == JSON.optional(verdict?.rawValue),
                "has another verdict on \(name) than its ends give")
        }
        for criterion in evidence["criteria"]?.arrayValue ?? [] {
            let name = criterion["name"]?.stringValue ?? ""
            let end = ends.removeValue(forKey: ObservedSandbox.label(of: name, "check"))
            require(
                criterion["outcome"] == JSON.optional(end?.rawValue),
                "has another end of criterion \(name) than its record")
        }
        // Where it measured nothing there is no sandbox that did.
        for phase in ["before", "after"] {
            let end = ends.removeValue(forKey: ObservedSandbox.label(of: ObservedSandbox.measuring, phase))
            let said = evidence["measurements"]?[phase]?["outcome"] ?? .null
            require(said == JSON.optional(end?.rawValue), "has another end of the measuring \(phase) than its record")
        }
        for label in ends.keys.sorted() { require(false, "has no check that ran in \"\(label)\"") }
    }
}
