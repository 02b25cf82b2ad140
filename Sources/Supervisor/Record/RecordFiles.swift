// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import Glibc
internal import Isolation
internal import LinuxSystem
internal import Policy

/// The parts of a session's record that its caller keeps beside the result, for evidence that outlives the session.
///
/// `sha256sum` says of plan and profile.txt what the result names as `plan_digest` and as the profile's digest;
/// profile.yaml is the same profile as a file that `--profile` takes.
struct RecordFiles: ~Copyable {
    private let prefix: String
    private let plan: Descriptor
    private let profile: Descriptor
    private let document: Descriptor
    private let environment: Descriptor

    private static let largestLog = 64 << 20

    /// Opens the files before anything runs: one that cannot be written is better known then.
    init(_ prefix: String) throws(SystemError) {
        let plan = try Descriptor.create(prefix + ".plan.json")
        let profile = try Descriptor.create(prefix + ".profile.txt")
        let document = try Descriptor.create(prefix + ".profile.yaml")
        let environment = try Descriptor.create(prefix + ".environment.json")
        self.prefix = prefix
        self.plan = plan
        self.profile = profile
        self.document = document
        self.environment = environment
    }

    borrowing func write(plan launch: PlanDocument, profile policy: Profile, environment entries: [[UInt8]])
        throws(SystemError)
    {
        try plan.writeAll(Array(launch.json.prettyText.utf8), subject: "\"\(prefix).plan.json\"")
        try profile.writeAll(Array(policy.canonicalText.utf8), subject: "\"\(prefix).profile.txt\"")
        try document.writeAll(
            JSONWriter(pretty: true).write(policy.document) + [10], subject: "\"\(prefix).profile.yaml\"")
        try environment.writeAll(
            JSONWriter(pretty: true).write(Self.values(entries, policy)) + [10],
            subject: "\"\(prefix).environment.json\"")
    }

    /// Variables of the caller's whose values say how output looks and nothing else.
    private static let harmless: Set<String> = [
        "LANG", "LANGUAGE", "TERM", "COLORTERM", "NO_COLOR", "TZ", "CI", "COLUMNS", "LINES",
    ]

    /// The sandbox's variables; a value that is the caller's may be anything, and is null unless its name is harmless.
    private static func values(_ entries: [[UInt8]], _ profile: Profile) -> JSON {
        let ours = Preparation.fixedVariables + profile.environment.set.map { ($0.name, $0.value) }
        return .object(
            entries.map { entry in
                let name = String(decoding: entry.prefix { $0 != UInt8(ascii: "=") }, as: UTF8.self)
                let value = String(validating: entry.dropFirst(name.utf8.count + 1), as: UTF8.self)
                let isKnown =
                    harmless.contains(name) || name.hasPrefix("LC_") || ours.contains { $0.0 == name && $0.1 == value }
                return .init(name, isKnown ? .optional(value) : .null)
            })
    }

    /// What gateway and model broker wrote, once nobody writes it any more; nothing of those that there were none of.
    borrowing func copyLogs(from session: borrowing Directory) throws(SystemError) {
        for log in ["audit.jsonl", ModelFiles.ledger, ModelFiles.transcript] where try session.contains(log) {
            let bytes = try session.read(log, limit: Self.largestLog)
            let name = "\(prefix).\(log)"
            try Descriptor.create(name).writeAll(bytes, subject: "\"\(name)\"")
        }
    }
}
