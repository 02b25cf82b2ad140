// SPDX-License-Identifier: Apache-2.0
package import Documents
package import TaskModel

/// What whoever decides is told, taken from the evidence as it stands: by the host before the act, and by a verifier after it.
extension ApprovalRequest {
    /// - Parameter server: Its origin.
    package static func secretUse(_ evidence: JSON, server: String) -> ApprovalRequest {
        ApprovalRequest(.secretUse, server, ["repository", "type"].map { Fact($0, evidence[$0] ?? .null) })
    }

    /// The only request with words of a sandbox in it: they are what is decided about, and marked as claimed.
    ///
    /// - Parameters:
    ///   - digest: Of the plan as it lies beside the evidence; what is approved is what is worked by.
    ///   - round: From 1.
    package static func plan(_ evidence: JSON, _ plan: WorkPlan, digest: String, round: Int) -> ApprovalRequest {
        ApprovalRequest(
            .plan, "plan \(round) for \(evidence["work_item"]?["title"]?.stringValue ?? "the task")",
            [
                Fact("repository", evidence["repository"] ?? .null), Fact("base", evidence["base"]?["commit"] ?? .null),
                Fact("plan_sha256", .string(digest)), Fact("steps", .int(plan.steps.count)),
                Fact("files", .array(Set(plan.steps.flatMap(\.files)).sorted().map { .string($0) })),
                Fact(claimed + "plan", .string(plan.text)),
            ])
    }

    /// - Parameter repository: Where what came out lies on this host.
    package static func release(_ evidence: JSON, repository: String) -> ApprovalRequest {
        let branch = evidence["delivered"]?["branch"]?.stringValue ?? ""
        return ApprovalRequest(
            .release, "refs/heads/\(branch)",
            [
                Fact("tree", evidence["delivered"]?["tree"] ?? .null),
                Fact("base", evidence["base"]?["commit"] ?? .null),
                Fact("repository", .string(repository)), Fact("outcome", evidence["outcome"] ?? .null),
            ] + change(evidence))
    }

    package static func push(_ evidence: JSON) -> ApprovalRequest {
        let place = evidence["upstream"]?["url"]?.stringValue ?? evidence["forge"]?["path"]?.stringValue ?? ""
        let branch = evidence["delivered"]?["branch"]?.stringValue ?? ""
        return ApprovalRequest(
            .push, "refs/heads/\(branch) of \(place)",
            [Fact("reference", .string("refs/heads/\(branch)"))] + change(evidence))
    }

    package static func pullRequest(_ evidence: JSON, number: Int?) -> ApprovalRequest {
        let place = evidence["forge"]?["path"]?.stringValue ?? ""
        let subject = number.map { "pull request \($0) of \(place)" } ?? "a pull request in \(place)"
        return ApprovalRequest(.pullRequest, subject, change(evidence))
    }

    package static func review(_ evidence: JSON, number: Int, findings: Int) -> ApprovalRequest {
        let place = evidence["forge"]?["path"]?.stringValue ?? ""
        return ApprovalRequest(
            .review, "pull request \(number) of \(place)",
            [Fact("commit", evidence["base"]?["commit"] ?? .null), Fact("findings", .int(findings))])
    }

    /// - Parameters:
    ///   - sandbox: The label of the one that wanted it.
    ///   - times: How often it was asked for.
    package static func newHost(_ host: String, port: Int, sandbox: String, times: Int) -> ApprovalRequest {
        ApprovalRequest(
            .newHost, "\(host):\(port)",
            [
                Fact("host", .string(host)), Fact("port", .int(port)), Fact("sandbox", .string(sandbox)),
                Fact("times", .int(times)),
            ])
    }

    /// Whether an entry of the evidence lets one sandbox reach a name that its record has as opened.
    static func isNewHost(_ entry: JSON, _ opened: JSON, of sandbox: String) -> Bool {
        entry["act"]?.stringValue == Act.newHost.rawValue && isApproved(entry)
            && entry["facts"]?["sandbox"]?.stringValue == sandbox
            && ["host", "port"].allSatisfy { opened[$0] != nil && entry["facts"]?[$0] == opened[$0] }
    }

    /// Whether an entry is an answer after which a task does not go on.
    static func isRefusal(_ entry: JSON) -> Bool {
        !isApproved(entry) && entry["act"]?.stringValue != Act.newHost.rawValue
    }

    /// Whether an entry of the evidence asks to hand over what is delivered, and lets it.
    static func isRelease(_ entry: JSON, of evidence: JSON) -> Bool {
        entry["act"]?.stringValue == Act.release.rawValue && isApproved(entry)
            && ["commit", "tree"].allSatisfy { entry["facts"]?[$0] == evidence["delivered"]?[$0] }
    }

    static func isApproved(_ entry: JSON) -> Bool {
        ApprovalAnswer(json: entry)?.decision == .approved
    }

    /// The change, and what gate and checks said of it.
    private static func change(_ evidence: JSON) -> [Fact] {
        let members = ["commit", "commits", "files", "insertions", "deletions"]
        let ends = (evidence["checks"]?.arrayValue ?? []).map { check in
            JSON.Member(check["name"]?.stringValue ?? "", check["after"] ?? .null)
        }
        return members.map { Fact($0, evidence["delivered"]?[$0] ?? .null) } + [
            Fact("gate", evidence["gate"]?["verdict"] ?? .null),
            Fact("risk", evidence["risk"]?["label"] ?? .null),
            Fact("flags", .int(evidence["gate"]?["flags"]?.arrayValue?.count ?? 0)), Fact("checks", .object(ends)),
        ]
    }
}

extension ApprovalOutcome {
    /// Why something was not done, in a sentence; nil for what was approved.
    package var refusal: String? {
        let act = "\(request.act.rawValue) of \(request.subject)"
        switch answer.decision {
        case .approved: return nil
        case .noAnswer: return "\(act): nobody answered in time\(answer.reason.map { " (\($0))" } ?? "")"
        case .denied: return "\(act): denied by \(answer.by)\(answer.reason.map { ": \($0)" } ?? "")"
        }
    }
}
