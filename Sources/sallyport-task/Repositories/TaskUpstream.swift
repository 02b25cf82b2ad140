// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import Workspace

/// The upstream of one task: its base is taken from there, and its branch is brought there when every gate has spoken.
struct TaskUpstream {
    /// What came of bringing the branch there.
    enum Arrival {
        case arrived
        /// The branch is not where the task found it; nothing was moved.
        case moved(String)
        case failed(TaskFailure)
        case interrupted
    }

    let url: RemoteURL
    let access: UpstreamAccess
    private let state: String
    /// Where the task's branch stood at the beginning; nil where there was none.
    private(set) var found: ObjectID?
    private(set) var ledger = TransferLedger()
    private var bytes: UInt64 = 0
    private var arrival: Arrival?

    init(_ url: RemoteURL, _ access: UpstreamAccess, state: String) throws(TaskFailure) {
        try access.check(url)
        self.url = url
        self.access = access
        self.state = state
    }

    /// The place of the host's copy; nobody else fills it as long as it is held.
    func copy() throws(TaskFailure) -> MirrorStore { try MirrorStore.open(.remote(url), state: state) }

    /// Brings the copy up to date, and remembers where a branch stands.
    mutating func read(_ store: borrowing MirrorStore, _ step: ConfinedStep, branch: String) throws(TaskFailure) {
        let outcome = try MirrorFill(step: step, access: access).run(store)
        found = outcome.list.references[branch]
        ledger = outcome.ledger
        bytes = outcome.bytes
    }

    /// A task goes on from where its branch stands, or makes it.
    func requireStart(_ base: ObjectID, branch: String) throws(TaskFailure) {
        guard let found, found != base else { return }
        throw TaskFailure(
            "work on", "branch \(PrintableText.escapedOnce(branch))",
            "it is at \(found) in \(url.text), and the task would start from \(base)",
            remedy: "Start from it with --base, or name another with --branch.", code: "moved")
    }

    /// Brings a commit there as the task's branch, if that is where the task found it.
    ///
    /// - Parameters:
    ///   - repository: Has the commit; only read.
    ///   - identity: Who talks to the server; nil keeps the caller's.
    mutating func push(
        _ tip: ObjectID, as branch: String, from repository: String, _ processes: ChildProcess,
        identity: Confinement.Identity?
    ) -> Arrival {
        let result: Arrival
        do throws(TaskFailure) {
            var transfer = try access.git(processes, url, identity: identity)
            transfer.repository = repository
            result = try push(tip, branch, transfer)
        } catch { result = .failed(error) }
        arrival = result
        return result
    }

    private mutating func push(_ tip: ObjectID, _ branch: String, _ transfer: HostGit) throws(TaskFailure) -> Arrival {
        let earlier = ledger.uses
        // Compared with what the server says now, which in turn holds it against what it has when it moves the branch. That
        // the commit descends from there was seen when it was taken in. git-push(1), --force-with-lease
        let pushed = try transfer.run([
            "push", "--porcelain", "--no-verify", "--no-follow-tags", "--no-signed",
            "--force-with-lease=\(branch):\(found?.description ?? "")", "--", url.text, "\(tip):\(branch)",
        ])
        try note(pushed)
        if case .interrupted = pushed.end { return .interrupted }
        guard
            let failure = UpstreamFailure(pushed, .push, earlier: earlier, hasCredential: access.credential != nil)
        else { return .arrived }
        // An answer can get lost, and words for one refusal differ: where the branch is now says what it was.
        let looked = try transfer.run(["ls-remote", "--quiet", "--", url.text, branch])
        try note(looked)
        if case .interrupted = looked.end { return .interrupted }
        guard looked.end == .exited(0) else { return .failed(failure.failure(of: url)) }
        let now = Self.place(of: branch, in: looked.output)
        if now == tip { return .arrived }
        if now == found { return .failed(failure.failure(of: url)) }
        return .moved(
            "\(PrintableText.escapedOnce(branch)) of \(url.text) is \(Self.shown(now)), and was \(Self.shown(found)) when the task began"
        )
    }

    /// Reads "<id><TAB>refs/heads/name".
    private static func place(of branch: String, in output: [UInt8]) -> ObjectID? {
        for line in output.split(separator: 0x0A) where line.dropFirst(41).elementsEqual(branch.utf8) {
            return ObjectID(String(decoding: line.prefix(40), as: UTF8.self))
        }
        return nil
    }

    private static func shown(_ id: ObjectID?) -> String { id.map { "at \($0)" } ?? "not there" }

    private mutating func note(_ result: HostGit.Result) throws(TaskFailure) {
        let lines = ledger.add(result.uses, of: url, with: access.credential)
        try MirrorStore.note(lines, of: .remote(url), state: state)
    }

    var json: JSON {
        let failure: TaskFailure? = if case .failed(let error)? = arrival { error } else { nil }
        let isThere = if case .arrived? = arrival { true } else { false }
        return [
            "url": .string(url.text), "bytes_received": .number(bytes), "requests": .int(ledger.uses.count),
            "credential_uses": .int(access.credential == nil ? 0 : ledger.uses.count),
            "branch_found": .optional(found?.description), "branch_pushed": .bool(isThere),
            "failure": failure.map { ["code": .optional($0.code), "message": .string($0.description)] } ?? .null,
        ]
    }
}
