// SPDX-License-Identifier: Apache-2.0
internal import Delivery
internal import Documents
internal import LinuxSystem
internal import TaskModel
internal import Workspace

/// What was taken into the host's repository.
struct Delivered {
    let commit: ObjectID
    let tree: ObjectID
    let commits: Int
    let files: Int
    let insertions: Int
    let deletions: Int
    let listed: [(insertions: Int, deletions: Int, path: String)]
    let hasPatch: Bool
    /// Newest first, printable.
    let subjects: [String]
    /// Review threads that commits say they settle.
    let threads: [Int]

    init(_ report: StepReport, tip: ObjectID) throws(TaskFailure) {
        commit = tip
        tree = try report.commit("tree")
        commits = try report.number("commits")
        files = try report.number("files")
        insertions = try report.number("insertions")
        deletions = try report.number("deletions")
        hasPatch = report["patch"] == "written"
        subjects = report.all("subject")
        threads = report.all("thread").compactMap { Int($0) }
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
    let branch: String
    let startedMilliseconds: Int
    var finishedMilliseconds: Int?
    var machine = JSON.null
    private let order: TaskOrder
    private let arguments: TaskArguments
    var base: ObjectID?
    var baseName = ""
    var baseIsDetached = false
    /// Files of the base commit are pointers of Git LFS.
    var hasLargeFilePointers = false
    /// Where the pull request parts from its base.
    var parting: ObjectID?
    var promptDigest = ""
    /// Lines `trust bytes digest label`.
    var promptSegments: [String] = []
    var verification: Verification
    var delivered: Delivered?
    var refusal: String?
    /// What the push gate found; nil when nothing came before it.
    var gate: GateVerdict?
    var outcome: Outcome?
    /// The delivered branch is in the forge's repository.
    var pushed = false
    /// The pull request that shows the result.
    var pullRequest: Int?
    var resolvedThreads: [Int] = []
    var review: (number: Int, findings: Int)?
    private(set) var sessions: [(label: String, record: SessionRecord)] = []
    private var claims: [JSON] = []
    private var claimsCut = false

    private static let mostClaims = 2000
    private static let mostClaimBytes = 8 << 20

    init(task: String, order: TaskOrder, arguments: TaskArguments, branch: String, startedMilliseconds: Int) {
        self.task = task
        self.order = order
        self.arguments = arguments
        self.branch = branch
        self.startedMilliseconds = startedMilliseconds
        verification = Verification(arguments, order.criteria)
    }

    /// Names the prompt in commits: the start of its digest.
    var promptVersion: String { String(promptDigest.prefix(12)) }
    /// Of ``opening``, as it lies beside the evidence.
    var openingDigest = ""

    mutating func observe(_ label: String, _ record: SessionRecord) { sessions.append((label, record)) }

    func record(_ label: String) -> SessionRecord? { sessions.first { $0.label == label }?.record }

    /// The verdict of the matrix over what was seen.
    var verdict: OutcomeMatrix.Verdict {
        OutcomeMatrix.decide(
            .init(
                type: order.type, report: outcome == .interrupted ? .unknown : .init(work: record("work")),
                delivered: order.type.writes ? pullRequest != nil : review != nil, commits: delivered?.commits ?? 0,
                gateFailed: isGateFailure, lost: outcome == .lost))
    }

    /// Exit status 0: the outcome is one of success, and the matrix says so too.
    var isSuccess: Bool { outcome?.isSuccess == true && verdict.state == .completed }

    private var isGateFailure: Bool {
        switch outcome {
        case .testFailed, .testTimedOut, .buildFailed, .lintFailed, .criteriaFailed, .testInfrastructureFailed,
            .refused,
            .upstreamMoved:
            true
        default: verification.hasFailed
        }
    }

    /// Why a task that failed could not go on, where the host saw it.
    var blocked: BlockedReason? {
        guard !isSuccess, let name = sessions.lazy.compactMap(\.record.deniedName).first else { return nil }
        return BlockedReason(
            .egressDenied, "the profile denies what was tried", resource: PrintableText.escaped(name.utf8, longest: 300)
        )
    }

    /// What the agent says it did.
    var claimedSummary: String? {
        for claim in claims.reversed() where claim["type"]?.stringValue == "milestone" {
            if claim["fields"]?["name"]?.stringValue == "summary" { return claim["fields"]?["text"]?.stringValue }
        }
        return nil
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
            do throws(JSONParser.Failure) {
                claims.append(try JSONParser.parse(Array(line)))
            } catch {
                throw TaskFailure(
                    "read", "\"frames.jsonl\", line \(claims.count + 1)", error.reason,
                    remedy: "Use one build of all programs.")
            }
        }
    }

    static let openingFile = "opening.json"

    /// What stood before the agent began: what was asked for, of which commit, and how that commit fared. Its digest is in
    /// every commit, since none of them can name a whole that they are part of.
    var opening: JSON {
        [
            "version": 1, "task": .string(task), "type": .string(order.type.rawValue),
            "repository": .string(order.repository), "request": requestJSON, "host": machine, "work_item": workItemJSON,
            "prompt": promptJSON, "base": baseJSON, "checks": .array(checksJSON), "criteria": .array(criteriaJSON),
            "observed": observedJSON,
        ]
    }

    private var baseJSON: JSON {
        [
            "commit": .optional(base?.description), "name": .string(baseName), "detached": .bool(baseIsDetached),
            "lfs_pointers": .bool(hasLargeFilePointers),
        ]
    }

    private var observedJSON: JSON {
        .object(sessions.map { JSON.Member($0.label, sessionJSON($0.label, $0.record)) })
    }

    /// - Parameter files: The files beside the evidence and their digests.
    func json(files: [(name: String, digest: String)]) -> JSON {
        [
            "version": 1,
            "task": .string(task),
            "type": .string(order.type.rawValue),
            "outcome": .string((outcome ?? .interrupted).rawValue),
            "state": .string(verdict.state.rawValue),
            "reason": .string(verdict.reason.rawValue),
            "blocked": .optional(blocked?.description),
            "repository": .string(order.repository),
            "started": .int(startedMilliseconds),
            "finished": .optional(finishedMilliseconds),
            "request": requestJSON,
            "host": machine,
            "work_item": workItemJSON,
            "prompt": promptJSON,
            "base": baseJSON,
            "opening": ["file": .string(Self.openingFile), "sha256": .string(openingDigest)],
            "delivered": deliveredJSON,
            "checks": .array(checksJSON),
            "criteria": .array(criteriaJSON),
            "forge": forgeJSON,
            "refusal": .optional(refusal),
            "gate": gate?.json ?? .null,
            "observed": observedJSON,
            "model": record("work")?.model ?? .null,
            "limits_hit": .array(ofEach("limit") { $0.limitsHit }),
            "denials": .array(ofEach("denial") { $0.denials }),
            "claimed": ["frames": .array(claims), "cut": .bool(claimsCut), "log": "work.log"],
            "files": .object(files.map { JSON.Member($0.name, .string($0.digest)) }),
        ]
    }

    private var workItemJSON: JSON {
        [
            "kind": .string(order.item.kind.rawValue), "number": .optional(order.item.number),
            "title": .string(order.item.title), "trust": .string(order.trust.rawValue),
            "paths": .array(order.item.paths.map { .string($0) }),
        ]
    }

    private var promptJSON: JSON {
        let segments = promptSegments.map { line -> JSON in
            let parts = line.split(separator: " ", maxSplits: 3).map(String.init)
            guard parts.count == 4 else { return .string(line) }
            return [
                "label": .string(parts[3]), "trust": .string(parts[0]), "bytes": .optional(Int(parts[1])),
                "sha256": .string(parts[2]),
            ]
        }
        return [
            "file": "prompt.md", "sha256": .string(promptDigest), "version": .string(promptVersion),
            "segments": .array(segments),
        ]
    }

    private var checksJSON: [JSON] {
        verification.commands.map { command in
            [
                "name": .string(command.name), "command": .string(command.text), "gate": .string(command.gate.rawValue),
                "before": .optional(verification.outcome(command.name, .before)?.rawValue),
                "after": .optional(verification.outcome(command.name, .after)?.rawValue),
                "verdict": .optional(verification.verdict(command)?.rawValue),
                "logs": [
                    "before": .string(command.label(.before) + ".log"),
                    "after": .string(command.label(.after) + ".log"),
                ],
            ]
        }
    }

    private var criteriaJSON: [JSON] {
        verification.criteria.map { criterion in
            let result = verification.results.first { $0.phase == .criterion && $0.name == criterion.name }
            return [
                "name": .string(criterion.name), "text": .string(criterion.text), "check": .optional(criterion.check),
                "outcome": .optional(result?.outcome.rawValue), "log": .optional(result.map { $0.label + ".log" }),
            ]
        }
    }

    private var forgeJSON: JSON {
        guard let forge = order.forge else { return .null }
        return [
            "path": .string(forge.path), "pull_request": .optional(pullRequest ?? order.pull?.number),
            "branch_pushed": .bool(pushed), "resolved_threads": .array(resolvedThreads.map { .int($0) }),
            "review": review.map { ["number": .int($0.number), "findings": .int($0.findings)] } ?? .null,
        ]
    }

    /// What was asked for, as far as it decides what happens.
    private var requestJSON: JSON {
        [
            "prompt": "prompt.md", "prompt_sha256": .string(promptDigest), "base": .optional(arguments.base),
            "profile": .string(arguments.profile), "agent_command": .optional(arguments.agentCommand),
            "model": .optional(arguments.model), "max_budget": .optional(arguments.budget),
            "max_turns": .optional(arguments.turns),
            "agent_script": arguments.agentScript == nil ? .null : .string(Sandbox.scriptFile),
            "setup_command": .optional(arguments.setupCommand), "build_command": .optional(arguments.buildCommand),
            "lint_command": .optional(arguments.lintCommand), "test_command": .optional(arguments.testCommand),
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
        if let result = verification.results.first(where: { $0.label == label }) {
            members.insert(JSON.Member("test", .string(result.outcome.rawValue)), at: 0)
        }
        members.append(JSON.Member("log", .string("\(label).log")))
        members.append(JSON.Member("record", .string("\(label).result.json")))
        members.append(JSON.Member("plan", .string("\(label).plan.json")))
        members.append(JSON.Member("environment", .string("\(label).environment.json")))
        members.append(JSON.Member("profile_file", .string("\(label).profile.yaml")))
        members.append(JSON.Member("policy", .string("\(label).profile.txt")))
        return .object(members)
    }

    private var deliveredJSON: JSON {
        guard let delivered else { return .null }
        return [
            "commit": .string("\(delivered.commit)"), "tree": .string("\(delivered.tree)"), "branch": .string(branch),
            "repository": "result.git",
            "bundle": "result.bundle", "patch": delivered.hasPatch ? "result.patch" : .null,
            "commits": .int(delivered.commits), "files": .int(delivered.files),
            "insertions": .int(delivered.insertions), "deletions": .int(delivered.deletions),
        ]
    }
}
