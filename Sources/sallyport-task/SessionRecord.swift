// SPDX-License-Identifier: Apache-2.0
internal import Documents

/// What the supervisor recorded about one sandbox: the observed part of a task.
struct SessionRecord {
    let json: JSON

    /// - Parameter bytes: The `result.json` of the session; written by the supervisor, never by the sandbox.
    init(_ bytes: [UInt8], file: String) throws(TaskFailure) {
        do throws(DocumentError) {
            json = try JSON.read(bytes, file: file)
        } catch {
            throw TaskFailure(message: "\(error)")
        }
        guard json["session"]?.stringValue != nil, json["outcome"]?.stringValue != nil else {
            throw TaskFailure(
                "read", "\"\(file)\"", "it names no session or no outcome", remedy: "Use one build of all programs.")
        }
    }

    var session: String { json["session"]?.stringValue ?? "" }
    var outcome: String { json["outcome"]?.stringValue ?? "" }
    /// What the supervisor could not do; one sentence without its end.
    var error: String? {
        json["error"]?.stringValue.map { String($0.hasSuffix(".") ? $0.dropLast() : $0[...]) }
    }
    var exitCode: Int? { json["exit_code"]?.intValue }
    var signal: Int? { json["signal"]?.intValue }
    var planDigest: String { json["plan_digest"]?.stringValue ?? "" }
    /// A file system of the sandbox was full: what failed then may have failed for that.
    var ranOutOfSpace: Bool {
        limitsHit.contains { ["workspace_bytes", "workspace_inodes", "tmp"].contains($0.stringValue ?? "") }
    }
    /// A name that the egress gateway denied, the most frequent one.
    var deniedName: String? { json["egress"]?["denials"]?.arrayValue?.first?["subject"]?.stringValue }
    /// What the agent asked of models, and what it cost; nil where it had none.
    var model: JSON? { json["model"].flatMap { $0.isNull ? nil : $0 } }
    var limit: String? { json["limit"]?.stringValue }
    var limitsHit: [JSON] { json["limits_hit"]?.arrayValue ?? [] }
    var denials: [JSON] { json["denials"]?.arrayValue ?? [] }

    /// The members that an evidence file repeats.
    var evidence: [JSON.Member] {
        [
            "session", "outcome", "exit_code", "signal", "limit", "profile", "plan_digest", "duration_ms", "layers",
            "egress", "model",
        ].map { JSON.Member($0, json[$0] ?? .null) }
    }
}
