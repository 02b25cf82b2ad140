// SPDX-License-Identifier: Apache-2.0
internal import Delivery
internal import Documents

/// The answer of `evidence verify`, for people.
struct VerificationText {
    let report: BundleReport
    let path: String

    var text: String { lines.joined(separator: "\n") + "\n" }

    var lines: [String] {
        var lines: [String] = []
        if report.isValid, let manifest = report.manifest, let statement = report.statement {
            let bytes = manifest.files.values.reduce(0) { $0 + $1.size }
            lines.append("valid     \(path.displayed)")
            lines.append("task      \(manifest.task.displayed)")
            lines.append("files     \(manifest.files.count), \(bytes) bytes, each as it was signed")
            lines.append("audit     \(manifest.audit.records) records, chained")
            if let delivered = statement.delivered {
                lines.append("commit    \(delivered.commit.displayed)  tree \(delivered.tree.displayed)")
            }
            lines.append("evidence  \(statement.manifest)")
        } else {
            lines.append("NOT VALID \(path.displayed)")
            lines += report.findings.map { "          \($0.description.displayed)" }
            if report.isCut { lines.append("          and more") }
            if report.manifest == nil {
                lines.append("          nothing else in it was looked at: nothing else is proven")
            }
        }
        lines.append("key       \(report.key)")
        return lines
    }
}

/// What a task did, for a reviewer. Everything in it is proven to be what the host wrote; what the agent claimed is
/// marked so, and all of it is escaped.
struct EvidenceText {
    let report: BundleReport
    let path: String

    var text: String {
        var lines = VerificationText(report: report, path: path).lines
        guard report.isValid, let evidence = report.evidence else { return lines.joined(separator: "\n") + "\n" }
        lines.append("")
        lines += head(evidence)
        lines.append("")
        lines.append("observed by the host")
        for session in evidence["observed"]?.objectValue ?? [] { lines += sandbox(session) }
        lines += denials(evidence)
        lines.append("")
        lines += claims(evidence)
        return lines.joined(separator: "\n") + "\n"
    }

    private func head(_ evidence: JSON) -> [String] {
        var lines = ["outcome   \(shown(evidence["outcome"]))"]
        if let id = evidence[CorrelationID.member] { lines.append("bears     \(shown(id))") }
        if let refusal = evidence["refusal"], !refusal.isNull { lines.append("refused   \(shown(refusal))") }
        for flag in evidence["gate"]?["flags"]?.arrayValue ?? [] {
            lines.append("flagged   \(shown(flag["place"])): \(shown(flag["reason"]))")
        }
        lines.append("from      \(shown(evidence["repository"])) at \(shown(evidence["base"]?["commit"]))")
        if let delivered = evidence["delivered"], !delivered.isNull {
            lines.append("branch    \(shown(delivered["branch"]))")
            lines.append(
                "change    \(shown(delivered["commits"])) commits, \(shown(delivered["files"])) files, "
                    + "+\(shown(delivered["insertions"])) -\(shown(delivered["deletions"]))")
            lines += changes(evidence)
        } else {
            lines.append("branch    none delivered")
        }
        if let upstream = evidence["upstream"], !upstream.isNull {
            let state = upstream["branch_pushed"] == true ? "has the branch" : "unchanged by this task"
            lines.append(
                "upstream  \(shown(upstream["url"])), \(state); "
                    + "the credential was used for \(shown(upstream["credential_uses"])) requests")
        }
        for pushed in evidence["received"]?["pushed"]?.arrayValue ?? [] {
            let end = pushed["taken"] == true ? "taken" : "not taken"
            lines.append("pushed    \(shown(pushed["reference"])) \(shown(pushed["commit"])), \(end)")
        }
        if let forge = evidence["forge"], !forge.isNull {
            let number = forge["handed_over"] == true ? ", pull request \(shown(forge["pull_request"]))" : ""
            let review = forge["review"].map { $0.isNull ? "" : ", review \(shown($0["number"]))" } ?? ""
            lines.append("forge     \(shown(forge["path"]))\(number)\(review)")
        }
        for approval in evidence["approvals"]?.arrayValue ?? [] {
            let facts = (approval["facts"]?.objectValue ?? []).map { "\($0.name.displayed) \(shown($0.value))" }
            lines.append(
                "asked     \(shown(approval["act"])): \(shown(approval["subject"])) (\(facts.joined(separator: ", "))); "
                    + "\(shown(approval["decision"])), decided by \(shown(approval["decided_by"]))"
                    + (approval["reason"].map { $0.isNull ? "" : ": \(shown($0))" } ?? ""))
        }
        let request = evidence["request"]
        let command = request?["agent_command"]
        lines.append("agent     \(shown(command?.isNull == false ? command : request?["agent_script"]))")
        if let test = request?["test_command"], !test.isNull { lines.append("test      \(shown(test))") }
        lines.append("prompt    \(path.displayed)/prompt.md  \(shown(request?["prompt_sha256"]))")
        lines.append(
            "host      Linux \(shown(evidence["host"]?["kernel"])) \(shown(evidence["host"]?["machine"])), "
                + "sallyport \(shown(evidence["host"]?["sallyport"]))")
        return lines
    }

    private func sandbox(_ session: JSON.Member) -> [String] {
        let record = session.value
        var end = shown(record["outcome"])
        if let code = record["exit_code"], !code.isNull { end += ", exit status \(shown(code))" }
        if let signal = record["signal"], !signal.isNull { end += ", signal \(shown(signal))" }
        if let limit = record["limit"], !limit.isNull { end += ", limit \(shown(limit))" }
        let test = record["test"].map { "test \(shown($0)); " } ?? ""
        var lines = [
            "  \(session.name.displayed): \(test)\(end), \(shown(record["duration_ms"])) ms",
            "    profile \(shown(record["profile"]?["name"]))  plan \(shown(record["plan_digest"]))",
        ]
        if let git = record["git"], !git.isNull {
            lines.append(
                "    git.internal: \(shown(git["fetches"])) fetches, \(shown(git["pushes"])) pushes, "
                    + "\(shown(git["refused_pushes"])) refused  \(shown(record["git_file"]))")
        }
        if let forge = record["forge"], !forge.isNull {
            lines.append(
                "    forge.internal: \(shown(forge["read"])) reads, \(shown(forge["proposed"])) proposals, "
                    + "\(shown(forge["refused"])) refused  \(shown(record["forge_file"]))")
        }
        return lines + ["    \(shown(record["log"])) (written inside)"]
    }

    private func denials(_ evidence: JSON) -> [String] {
        var lines: [String] = []
        for entry in evidence["denials"]?.arrayValue ?? [] {
            lines.append(
                "  denied in \(shown(entry["sandbox"])): \(shown(entry["denial"]?["syscall"])) "
                    + "x\(shown(entry["denial"]?["count"]))")
        }
        for session in evidence["observed"]?.objectValue ?? [] {
            for denied in session.value["egress"]?["denials"]?.arrayValue ?? [] {
                lines.append(
                    "  denied in \(session.name.displayed): \(shown(denied["subject"])) port \(shown(denied["port"])), "
                        + "\(shown(denied["reason"])) x\(shown(denied["count"]))")
            }
        }
        for entry in evidence["limits_hit"]?.arrayValue ?? [] {
            lines.append("  limit reached in \(shown(entry["sandbox"])): \(shown(entry["limit"]))")
        }
        return lines
    }

    private static let mostClaims = 40

    private func claims(_ evidence: JSON) -> [String] {
        let frames = evidence["claimed"]?["frames"]?.arrayValue ?? []
        var lines = ["claimed by what ran inside, and not checked"]
        for proposal in evidence["proposals"]?.arrayValue ?? [] {
            let end = proposal["carried_out"] == true ? "carried out" : "not carried out"
            lines.append("  proposed: \(shown(proposal["proposal"])) \(shown(proposal["do"])), \(end)")
        }
        for session in evidence["workflow"]?["sessions"]?.arrayValue ?? [] {
            let findings =
                session["findings"].map {
                    $0.isNull ? "" : "; \(shown($0)) findings, \(shown(session["blocking"])) of them block"
                } ?? ""
            lines.append("  \(shown(session["label"])): \(shown(session["document"]?["file"]))\(findings)")
        }
        for figure in evidence["measurements"]?["after"]?["figures"]?.arrayValue ?? [] {
            let before = (evidence["measurements"]?["before"]?["figures"]?.arrayValue ?? [])
                .first { $0["name"] == figure["name"] }
            lines.append(
                "  measured: \(shown(figure["name"])) \(shown(figure["value"])) \(figure["unit"]?.stringValue ?? "") "
                    + "(before: \(shown(before?["value"])))")
        }
        for file in evidence["measurements"]?["after"]?["files"]?.arrayValue ?? [] {
            lines.append("  left: \(shown(file["file"])) \(shown(file["kind"])) \(shown(file["bytes"])) bytes")
        }
        for frame in frames.prefix(Self.mostClaims) {
            let fields = frame["fields"]?.objectValue ?? []
            let text = fields.map { "\($0.name)=\($0.value.stringValue ?? "")" }.joined(separator: " ")
            lines.append("  claimed: \(shown(frame["type"])) \(text.displayed.prefix(200))")
        }
        if frames.count > Self.mostClaims {
            lines.append("  and \(frames.count - Self.mostClaims) more in frames.jsonl")
        }
        if frames.isEmpty { lines.append("  nothing") }
        return lines
    }

    /// A value on one line, with nothing in it that acts on a terminal.
    private func shown(_ value: JSON?) -> String {
        switch value {
        case nil, .null: "-"
        case .string(let text): String(text.displayed.prefix(300))
        case let value?: String(value.compactText.prefix(300))
        }
    }
}
