// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import LinuxSystem
internal import Workspace

/// What was taken into the host's repository.
struct Delivered {
    let commit: ObjectID
    let commits: Int
    let files: Int
    let insertions: Int
    let deletions: Int
    let listed: [(insertions: Int, deletions: Int, path: String)]
    let hasPatch: Bool

    init(_ report: StepReport, tip: ObjectID) throws(TaskFailure) {
        commit = tip
        commits = try report.number("commits")
        files = try report.number("files")
        insertions = try report.number("insertions")
        deletions = try report.number("deletions")
        hasPatch = report["patch"] == "written"
        listed = report.all("file").compactMap { line in
            let parts = line.split(separator: " ", maxSplits: 2)
            guard parts.count == 3, let added = Int(parts[0]), let removed = Int(parts[1]) else { return nil }
            return (added, removed, String(parts[2]))
        }
    }
}

/// The record of a task: what was observed, and apart from it what was claimed.
struct Evidence {
    let task: String
    let repository: String
    let branch: String
    let startedMilliseconds: Int
    var base: ObjectID?
    var baseName = ""
    var baseIsDetached = false
    var delivered: Delivered?
    var refusal: String?
    /// What the push gate found; nil when nothing came before it.
    var gate: GateVerdict?
    var outcome: Outcome?
    private(set) var sessions: [(label: String, record: SessionRecord)] = []
    private var claims: [JSON] = []
    private var claimsCut = false

    private static let mostClaims = 2000
    private static let mostClaimBytes = 8 << 20

    init(task: String, repository: String, branch: String, startedMilliseconds: Int) {
        self.task = task
        self.repository = repository
        self.branch = branch
        self.startedMilliseconds = startedMilliseconds
    }

    mutating func observe(_ label: String, _ record: SessionRecord) { sessions.append((label, record)) }

    func test(_ label: String) -> TestOutcome? {
        sessions.first { $0.label == label }.map { TestOutcome($0.record) }
    }

    /// Settles the outcome when nothing has settled it before.
    mutating func decide(hasTest: Bool) {
        if hasTest {
            outcome = test("after").map { Outcome(after: $0) } ?? .testInfrastructureFailed
        } else {
            outcome = .delivered
        }
    }

    /// Reads the runner's statements as the gateway wrote them down: lines of ASCII JSON.
    mutating func readClaims(_ delivery: borrowing DeliveryDirectory) throws(TaskFailure) {
        guard try delivery.contains("frames.jsonl") else { return }
        let file = try delivery.open("frames.jsonl")
        let bytes = try host { () throws(SystemError) in
            try file.readAll(limit: Self.mostClaimBytes, subject: "\"frames.jsonl\"")
        }
        for line in bytes.split(separator: 0x0A) {
            guard claims.count < Self.mostClaims else {
                claimsCut = true
                return
            }
            do throws(DocumentError) {
                claims.append(try JSON.read(Array(line), file: "frames.jsonl"))
            } catch {
                throw TaskFailure(message: "\(error)")
            }
        }
    }

    /// - Parameter files: The files beside the evidence and their digests.
    func json(files: [(name: String, digest: String)]) -> JSON {
        [
            "version": 1,
            "task": .string(task),
            "outcome": .string((outcome ?? .interrupted).rawValue),
            "repository": .string(repository),
            "started": .int(startedMilliseconds),
            "base": [
                "commit": .optional(base?.description), "name": .string(baseName), "detached": .bool(baseIsDetached),
            ],
            "delivered": deliveredJSON,
            "refusal": .optional(refusal),
            "gate": gate.map { ["flags": $0.flags, "refusals": $0.refusals] } ?? .null,
            "observed": .object(sessions.map { JSON.Member($0.label, sessionJSON($0.label, $0.record)) }),
            "limits_hit": .array(ofEach("limit") { $0.limitsHit }),
            "denials": .array(ofEach("denial") { $0.denials }),
            "claimed": ["frames": .array(claims), "cut": .bool(claimsCut), "log": "work.log"],
            "files": .object(files.map { JSON.Member($0.name, .string($0.digest)) }),
        ]
    }

    /// Something of every sandbox's record, each with the sandbox it is from.
    private func ofEach(_ name: String, _ values: (SessionRecord) -> [JSON]) -> [JSON] {
        sessions.flatMap { session in
            values(session.record).map {
                .object([JSON.Member("sandbox", .string(session.label)), JSON.Member(name, $0)])
            }
        }
    }

    private func sessionJSON(_ label: String, _ record: SessionRecord) -> JSON {
        var members = record.evidence
        if label != "work" { members.insert(JSON.Member("test", .string(TestOutcome(record).rawValue)), at: 0) }
        members.append(JSON.Member("log", .string("\(label).log")))
        members.append(JSON.Member("record", .string("\(label).result.json")))
        return .object(members)
    }

    private var deliveredJSON: JSON {
        guard let delivered else { return .null }
        return [
            "commit": .string("\(delivered.commit)"), "branch": .string(branch), "repository": "result.git",
            "bundle": "result.bundle", "patch": delivered.hasPatch ? "result.patch" : .null,
            "commits": .int(delivered.commits), "files": .int(delivered.files),
            "insertions": .int(delivered.insertions), "deletions": .int(delivered.deletions),
        ]
    }
}
