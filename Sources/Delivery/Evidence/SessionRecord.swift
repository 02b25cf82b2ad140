// SPDX-License-Identifier: Apache-2.0
package import Documents
package import TaskModel
internal import Workspace

/// What the supervisor recorded about one sandbox: the observed part of a task.
package struct SessionRecord: Sendable {
    package let json: JSON

    /// - Parameter bytes: The `result.json` of the session; written by the supervisor, never by the sandbox.
    package init(_ bytes: [UInt8]) throws(Flaw) {
        do throws(JSONParser.Failure) { json = try JSONParser.parse(bytes) } catch {
            throw Flaw("it is no JSON: \(error.reason) at byte \(error.offset)")
        }
        guard json["session"]?.stringValue != nil, json["outcome"]?.stringValue != nil else {
            throw Flaw("it names no session or no outcome")
        }
    }

    package var session: String { json["session"]?.stringValue ?? "" }
    /// Of its task, as its supervisor was told; nil in records of an earlier version.
    package var correlation: JSON? { json[CorrelationID.member] }
    package var outcome: String { json["outcome"]?.stringValue ?? "" }
    /// What the supervisor could not do; one sentence without its end.
    package var error: String? {
        json["error"]?.stringValue.map { String($0.hasSuffix(".") ? $0.dropLast() : $0[...]) }
    }
    package var exitCode: Int? { json["exit_code"]?.intValue }
    package var signal: Int? { json["signal"]?.intValue }
    /// Whether its workspace was kept as it was at the end.
    package var hasKept: Bool { json["changes"]?["kept"]?.boolValue == true }
    package var planDigest: String { json["plan_digest"]?.stringValue ?? "" }
    /// A file system of the sandbox was full: what failed then may have failed for that.
    package var ranOutOfSpace: Bool {
        limitsHit.contains { ["workspace_bytes", "workspace_inodes", "tmp"].contains($0.stringValue ?? "") }
    }
    /// What can have kept a task from going on: of the network the most frequent denial and failure.
    package var seen: BlockedReason.Seen {
        func shown(_ json: JSON?) -> String? {
            json?.stringValue.map { PrintableText.escaped($0.utf8, longest: 300) }
        }
        var seen = BlockedReason.Seen()
        seen.networkLost = shown(json["egress"]?["lost"])
        seen.denied = shown(egressDenials.first?["subject"])
        if let name = shown(egressFailures.first?["subject"]), let reason = shown(egressFailures.first?["reason"]) {
            seen.unreachable = (name, reason)
        }
        return seen
    }
    /// Whether it had a repository at git.internal, which leaves a ledger.
    package var hasRepository: Bool { json["git"]?.isNull == false }
    /// What its agent asked of models at llm.internal, and what it cost; nil where it had none.
    package var model: JSON? {
        // Not with flatMap: there nil would be JSON's own.
        guard let model = json["model"], !model.isNull else { return nil }
        return model
    }
    /// Whether it had a forge at forge.internal, which leaves a ledger and proposals.
    package var hasForge: Bool { json["forge"]?.isNull == false }
    /// The changes that it proposed there.
    var proposals: Int { json["forge"]?["proposed"]?.intValue ?? 0 }
    package var limit: String? { json["limit"]?.stringValue }
    package var limitsHit: [JSON] { json["limits_hit"]?.arrayValue ?? [] }
    package var denials: [JSON] { json["denials"]?.arrayValue ?? [] }
    package var egressDenials: [JSON] { json["egress"]?["denials"]?.arrayValue ?? [] }
    /// Names that somebody let through while it ran.
    package var openedHosts: [JSON] { json["egress"]?["opened"]?.arrayValue ?? [] }
    package var egressFailures: [JSON] { json["egress"]?["failures"]?.arrayValue ?? [] }

    /// Members of the record as it has them, null where it has none.
    func members(_ names: [String]) -> [JSON.Member] { names.map { JSON.Member($0, json[$0] ?? .null) } }
}

extension CheckOutcome {
    /// From how the supervisor saw the sandbox of the command end.
    package init(_ record: SessionRecord) {
        switch (record.outcome, record.exitCode) {
        case ("exited", let code?): self.init(exitCode: code, ranOutOfSpace: record.ranOutOfSpace)
        case ("timed_out", _): self = .timedOut
        case ("signalled", _): self = record.signal == 9 ? .infrastructureFailed : .failed
        default: self = .infrastructureFailed
        }
    }
}
