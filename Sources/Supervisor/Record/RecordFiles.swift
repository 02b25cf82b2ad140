// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import Glibc
internal import Isolation
internal import LinuxSystem
package import Policy

/// The parts of a session's record that its caller keeps beside the result, for evidence that outlives the session.
///
/// `sha256sum` says of plan and profile.txt what the result names as `plan_digest` and as the profile's digest;
/// profile.yaml is the same profile as a file that `--profile` takes.
package struct RecordFiles: ~Copyable {
    private let prefix: String
    private let plan: Descriptor
    private let profile: Descriptor
    private let document: Descriptor
    private let environment: Descriptor
    private let audit: Descriptor?
    private let git: Descriptor?
    private let model: Descriptor?
    private let transcript: Descriptor?
    private let forge: Descriptor?
    private let proposals: Descriptor?
    private let packages: Descriptor?

    private static let largestLog = 64 << 20

    private static let always = ["plan.json", "profile.txt", "profile.yaml", "environment.json"]
    /// What each file's name ends in, of all that there can be.
    static let names =
        always + ["audit.jsonl", "git.jsonl", ModelFiles.ledger, ModelFiles.transcript]
        + [ForgeFiles.ledger, ForgeFiles.proposals, PackageFiles.ledger]

    /// The files of one session.
    ///
    /// - Parameters:
    ///   - hasAudit: Whether the session has a gateway, which writes one.
    ///   - brokers: The hosts that it serves itself, each with a broker that writes a ledger, and more.
    package static func wanted(hasAudit: Bool, brokers: [VirtualHost]) -> [String] {
        always + (hasAudit ? ["audit.jsonl"] : []) + (brokers.contains(.repository) ? ["git.jsonl"] : [])
            + (brokers.contains(.model) ? [ModelFiles.ledger, ModelFiles.transcript] : [])
            + (brokers.contains(.forge) ? [ForgeFiles.ledger, ForgeFiles.proposals] : [])
            + (brokers.contains(.packages) ? [PackageFiles.ledger] : [])
    }

    /// Opens the files before anything runs: one that cannot be written is better known then.
    init(
        _ prefix: String, _ wanted: [String], create: (String) throws(SystemError) -> Descriptor
    ) throws(SystemError) {
        func created(_ name: String) throws(SystemError) -> Descriptor? {
            wanted.contains(name) ? try create(name) : nil
        }
        let plan = try create("plan.json")
        let profile = try create("profile.txt")
        let document = try create("profile.yaml")
        let environment = try create("environment.json")
        let audit = try created("audit.jsonl")
        let git = try created("git.jsonl")
        let model = try created(ModelFiles.ledger)
        let transcript = try created(ModelFiles.transcript)
        let forge = try created(ForgeFiles.ledger)
        let proposals = try created(ForgeFiles.proposals)
        let packages = try created(PackageFiles.ledger)
        self.packages = packages
        self.forge = forge
        self.proposals = proposals
        self.audit = audit
        self.git = git
        self.model = model
        self.transcript = transcript
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
        let ours =
            Preparation.fixedVariables + PackageAccess.variables + profile.environment.set.map { ($0.name, $0.value) }
        return .object(
            entries.map { entry in
                let name = String(decoding: entry.prefix { $0 != UInt8(ascii: "=") }, as: UTF8.self)
                let value = String(validating: entry.dropFirst(name.utf8.count + 1), as: UTF8.self)
                let isKnown =
                    harmless.contains(name) || name.hasPrefix("LC_") || ours.contains { $0.0 == name && $0.1 == value }
                return .init(name, isKnown ? .optional(value) : .null)
            })
    }

    /// What gateway and brokers of the session wrote down, once none of them writes any more; nothing where there was none.
    borrowing func copyLogs(from session: borrowing Directory) throws(SystemError) {
        try audit?.writeAll(try Self.log("audit.jsonl", of: session), subject: "\"\(prefix).audit.jsonl\"")
        try git?.writeAll(try Self.log("git.jsonl", of: session), subject: "\"\(prefix).git.jsonl\"")
        try model?.writeAll(
            try Self.log(ModelFiles.ledger, of: session), subject: "\"\(prefix).\(ModelFiles.ledger)\"")
        try transcript?.writeAll(
            try Self.log(ModelFiles.transcript, of: session), subject: "\"\(prefix).\(ModelFiles.transcript)\"")
        try forge?.writeAll(
            try Self.log(ForgeFiles.ledger, of: session), subject: "\"\(prefix).\(ForgeFiles.ledger)\"")
        try proposals?.writeAll(
            try Self.log(ForgeFiles.proposals, of: session), subject: "\"\(prefix).\(ForgeFiles.proposals)\"")
        try packages?.writeAll(
            try Self.log(PackageFiles.ledger, of: session), subject: "\"\(prefix).\(PackageFiles.ledger)\"")
    }

    private static func log(_ name: String, of session: borrowing Directory) throws(SystemError) -> [UInt8] {
        try session.contains(name) ? try session.read(name, limit: largestLog) : []
    }
}
