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
    let changes: ChangedLines

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
        guard let changes = ChangedLines(text: report.all(of: ChangedLines.keys)) else {
            throw TaskFailure(
                "read", "the report of a task step", "its changed lines are malformed", remedy: "Report this.")
        }
        self.changes = changes
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
    let correlation: CorrelationID
    let branch: String
    let startedMilliseconds: Int
    var finishedMilliseconds: Int?
    var machine = JSON.null
    let order: TaskOrder
    private let arguments: TaskArguments
    var base: ObjectID?
    var baseName = ""
    var baseIsDetached = false
    /// Files of the base commit are pointers of Git LFS.
    var hasLargeFilePointers = false
    /// Where the pull request parts from its base.
    var parting: ObjectID?
    /// How it stood to that when the task began.
    var standing: PullStanding?
    var promptDigest = ""
    /// Lines `trust bytes digest label`.
    var promptSegments: [String] = []
    var verification: Verification
    var delivered: Delivered?
    var refusal: String?
    /// What the push gate found; nil when nothing came before it.
    var gate: GateVerdict?
    var outcome: TaskOutcome?
    /// What was pushed to the session's own repository; nil when it had none, or was not looked at.
    var pushes: AgentRepository.Pushed?
    /// The way on which the taken work came: a push to the session's repository, or a bundle.
    var way: Way?
    /// Where the base came from and the branch went; null for a directory.
    var upstream = JSON.null
    /// What was asked for before it was done, and what was answered.
    var approvals: [ApprovalOutcome] = []
    /// What the session proposed at forge.internal.
    var proposals: [Proposed] = []
    /// Calls of the forge that a credential went along with.
    var credentialUses = 0
    /// The commit of an earlier attempt that was taken up.
    var continued: ObjectID?
    /// What the project's own command measured; nil where it has none, or it was not run.
    var measurements: Measurements?
    /// Nil where one agent works alone.
    var workflow: WorkflowRecord?
    /// The delivered branch is in the forge's repository.
    var pushed = false
    /// The pull request that shows the result.
    var pullRequest: Int?
    var resolvedThreads: [Int] = []
    var review: (number: Int, findings: Int)?
    private(set) var sessions: [ObservedSandbox] = []
    private var claims: [JSON] = []
    private var claimsCut = false

    private static let mostClaims = 2000
    private static let mostClaimBytes = 8 << 20

    init(
        task: String, correlation: CorrelationID, order: TaskOrder, arguments: TaskArguments, branch: String,
        startedMilliseconds: Int
    ) {
        self.task = task
        self.correlation = correlation
        self.order = order
        self.arguments = arguments
        self.branch = branch
        self.startedMilliseconds = startedMilliseconds
        verification = Verification(arguments, order.criteria)
    }

    /// Names the prompt in commits: the start of its digest.
    var promptVersion: String { String(promptDigest.prefix(12)) }
    /// Of ``opening``, as it lies beside the evidence; empty before it does.
    var openingDigest = ""

    mutating func observe(_ sandbox: ObservedSandbox) { sessions.append(sandbox) }

    func record(_ label: String) -> SessionRecord? { sessions.first { $0.label == label }?.record }

    /// The verdict of the matrix over what was seen.
    var verdict: OutcomeMatrix.Verdict {
        OutcomeMatrix.decide(
            .init(
                type: order.type, report: outcome == .interrupted ? .unknown : .init(work: sessions.lastWork),
                delivered: order.type.writes ? pullRequest != nil : review != nil, commits: delivered?.commits ?? 0,
                gateFailed: isGateFailure, lost: outcome == .lost))
    }

    /// Exit status 0: the outcome is one of success, and the matrix says so too.
    var isSuccess: Bool { outcome?.isSuccess == true && verdict.state == .completed }

    private var isGateFailure: Bool { outcome?.isGateFailure == true || verification.hasFailed }

    /// Why a task that failed could not go on, where the host saw it.
    var blocked: BlockedReason? {
        isSuccess ? nil : blockedAtUpstream ?? BlockedReason(sessions.map(\.record.seen))
    }
    /// Why the branch could not be brought to the upstream, in the words that every task uses.
    var blockedAtUpstream: BlockedReason?

    /// What the agent says it did.
    var claimedSummary: String? {
        for claim in claims.reversed() where claim["type"]?.stringValue == "milestone" {
            if claim["fields"]?["name"]?.stringValue == "summary" { return claim["fields"]?["text"]?.stringValue }
        }
        return nil
    }

    /// Reads the runner's statements as the gateway wrote them down: lines of ASCII JSON.
    ///
    /// They decide nothing, and neither their number nor their form may keep the evidence from being written.
    ///
    /// - Parameter name: The file's, in the delivery directory.
    mutating func readClaims(_ delivery: borrowing DeliveryDirectory, _ name: String) throws(TaskFailure) {
        guard try delivery.contains(name) else { return }
        let file = try delivery.open(name)
        let bytes = try host { () throws(SystemError) in
            try file.readStart(Self.mostClaimBytes + 1, subject: "\"\(name)\"")
        }
        claimsCut = claimsCut || bytes.count > Self.mostClaimBytes
        // Behind the last line feed there is no whole line.
        let whole = bytes.lastIndex(of: 0x0A).map { bytes[...$0] } ?? []
        for line in whole.split(separator: 0x0A) {
            guard claims.count < Self.mostClaims else {
                claimsCut = true
                return
            }
            do throws(JSONParser.Failure) {
                claims.append(try JSONParser.parse(Array(line)))
            } catch {
                claimsCut = true
                return
            }
        }
    }

    /// What stood before the agent began: what was asked for, of which commit, and how that commit fared. Its digest is in
    /// every commit, since none of them can name a whole that they are part of.
    var opening: JSON {
        [
            "version": 1, "continued": .optional(continued?.description), "task": .string(task),
            "type": .string(order.type.rawValue),
            "repository": .string(order.repository), "request": requestJSON, "host": machine, "work_item": workItemJSON,
            "prompt": promptJSON, "base": baseJSON, "checks": .array(checksJSON), "criteria": .array(criteriaJSON),
            "observed": sessions.observed,
        ]
    }

    private var baseJSON: JSON {
        [
            "commit": .optional(base?.description), "name": .string(baseName), "detached": .bool(baseIsDetached),
            "lfs_pointers": .bool(hasLargeFilePointers),
        ]
    }

    /// - Parameter files: The files beside the evidence and their digests.
    func json(files: [(name: String, digest: String)]) -> JSON {
        [
            "version": 1,
            "task": .string(task),
            CorrelationID.member: .string(correlation.description),
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
            "opening": openingDigest.isEmpty
                ? .null : ["file": .string(Manifest.openingName), "sha256": .string(openingDigest)],
            "delivered": deliveredJSON,
            "continued": .optional(continued?.description),
            "workflow": workflow?.json ?? .null,
            "measurements": measurements?.json ?? .null,
            "checks": .array(checksJSON),
            "criteria": .array(criteriaJSON),
            "received": receivedJSON,
            "forge": forgeJSON,
            "proposals": proposalsJSON,
            "approvals": .array(approvals.map(\.json)),
            "upstream": upstream,
            "refusal": .optional(refusal),
            "gate": gate?.json ?? .null,
            "risk": risk?.json ?? .null,
            "observed": sessions.observed,
            "model": sessions.model,
            "limits_hit": sessions.limitsHit,
            "denials": sessions.denials,
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
            "file": .string(Manifest.promptName), "sha256": .string(promptDigest), "version": .string(promptVersion),
            "segments": .array(segments),
            "memory": .array(
                order.memory.items.map { ["id": .string($0.id), "sha256": .string($0.digest)] }),
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

    /// Where people look at the pull request; nil on a forge without pages.
    var pullRequestPage: String? { pullRequest.flatMap { order.forge?.page(of: $0) } }

    private var forgeJSON: JSON {
        guard let forge = order.forge else { return .null }
        return [
            "path": .string(forge.text), "pull_request": .optional(pullRequest ?? order.pull?.number),
            "handed_over": .bool(pullRequest != nil), "page": .optional(pullRequestPage),
            "branch_pushed": .bool(pushed), "credential_uses": .int(credentialUses),
            "resolved_threads": .array(resolvedThreads.map { .int($0) }), "standing": standing?.json ?? .null,
            "review": review.map { ["number": .int($0.number), "findings": .int($0.findings)] } ?? .null,
        ]
    }

    /// What was asked for, as far as it decides what happens.
    private var requestJSON: JSON {
        [
            "prompt": "prompt.md", "prompt_sha256": .string(promptDigest), "base": .optional(arguments.base),
            "profile": .string(arguments.profile), "agent": .optional(arguments.agent),
            "agent_command": .optional(arguments.agentCommand),
            "model": .optional(arguments.model), "max_budget": .optional(arguments.budget),
            "max_turns": .optional(arguments.turns),
            "workflow": .string(arguments.workflow.kind.rawValue),
            "agent_script": arguments.agentScript == nil ? .null : .string(Sandbox.scriptFile),
            "blueprint": arguments.settled?.json ?? .null,
            "hydration_sha256": .optional(arguments.hydrationDigest),
            "setup_command": .optional(arguments.setupCommand), "build_command": .optional(arguments.buildCommand),
            "lint_command": .optional(arguments.lintCommand), "test_command": .optional(arguments.testCommand),
            "measure_command": .optional(arguments.measureCommand),
        ]
    }

    private var deliveredJSON: JSON {
        guard let delivered else { return .null }
        return [
            "commit": .string("\(delivered.commit)"), "tree": .string("\(delivered.tree)"), "branch": .string(branch),
            "repository": .string(Manifest.repositoryName), "bundle": .string(Manifest.bundleName),
            "patch": delivered.hasPatch ? .string(Manifest.patchName) : .null,
            "commits": .int(delivered.commits), "files": .int(delivered.files),
            "insertions": .int(delivered.insertions), "deletions": .int(delivered.deletions),
            "paths": .array(delivered.listed.map { .string($0.path) }), "changes": delivered.changes.json,
        ]
    }

    var risk: ChangeRisk? {
        ChangeRisk(["delivered": deliveredJSON, "gate": gate?.json ?? .null, "checks": .array(checksJSON)])
    }
}
