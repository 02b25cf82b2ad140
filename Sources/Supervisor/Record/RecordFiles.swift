// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import Glibc
internal import Isolation
internal import LinuxSystem
internal import Policy

/// The parts of a session's record that its caller keeps beside the result, for evidence that outlives the session.
///
/// `sha256sum` says of the first two what the result names as `plan_digest` and as the profile's digest.
struct RecordFiles: ~Copyable {
    private let prefix: String
    private let plan: Descriptor
    private let profile: Descriptor

    private static let largestAudit = 64 << 20

    /// Opens the files before anything runs: one that cannot be written is better known then.
    init(_ prefix: String) throws(SystemError) {
        let plan = try Descriptor.create(prefix + ".plan.json")
        let profile = try Descriptor.create(prefix + ".profile.txt")
        self.prefix = prefix
        self.plan = plan
        self.profile = profile
    }

    borrowing func write(plan document: PlanDocument, profile policy: Profile) throws(SystemError) {
        try plan.writeAll(Array(document.json.prettyText.utf8), subject: "\"\(prefix).plan.json\"")
        try profile.writeAll(Array(policy.canonicalText.utf8), subject: "\"\(prefix).profile.txt\"")
    }

    /// The audit of the session's gateway, once nobody writes it any more; nothing where there was no gateway.
    borrowing func copyAudit(from session: borrowing Directory) throws(SystemError) {
        guard try session.contains("audit.jsonl") else { return }
        let bytes = try session.read("audit.jsonl", limit: Self.largestAudit)
        let name = prefix + ".audit.jsonl"
        try Descriptor.create(name).writeAll(bytes, subject: "\"\(name)\"")
    }
}
