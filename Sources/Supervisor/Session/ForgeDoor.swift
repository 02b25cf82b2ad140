// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import Isolation
internal import LinuxSystem
internal import Wire

/// The files of a session that its forge broker writes.
enum ForgeFiles {
    /// One line for each request: what it was, and what became of it.
    static let ledger = "forge.jsonl"
    /// The changes that the session proposed: its word, checked for form.
    static let proposals = "proposals.jsonl"
}

/// One session's forge broker, as its supervisor sees it.
///
/// It has no secret and no network. When it ends early nothing of the forge is served any more; the session goes on, and its
/// record says so.
final class ForgeDoor {
    private enum Phase { case starting, serving, closing, ended }

    /// What it appends to, in the order in which it gets them.
    struct Files: ~Copyable {
        fileprivate let ledger: Descriptor
        fileprivate let proposals: Descriptor

        init(_ directory: borrowing Directory) throws(SystemError) {
            let flags = O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW
            let ledger = try directory.open(ForgeFiles.ledger, flags, mode: 0o600)
            proposals = try directory.open(ForgeFiles.proposals, flags, mode: 0o600)
            self.ledger = ledger
        }
    }

    private let process: GatewayProcess
    private var phase = Phase.starting
    private(set) var totals = ForgeReport.Totals()
    /// What went wrong with it.
    private(set) var failure: SystemError?
    private var connections: Descriptor?
    private var brokersEnd: Descriptor?

    /// The socket to wait on; ``heed()`` takes what is there.
    var number: Int32 { process.number }

    /// Where the egress gateway hands connections over; nil once it has its copy.
    var door: Int32? { connections?.number }

    /// Starts the program; ``begin(_:files:options:)`` comes next.
    ///
    /// - Parameter groups: What limits it; nil where the session has none either.
    init(
        _ programs: Programs, _ paths: HostPaths, identity: ConfinedProgram.Identity, groups: ConfinedProgram.Groups?
    ) throws(SystemError) {
        process = try GatewayProcess.start(.forge, programs, paths, identity: identity, groups: groups)
        // What the session makes it hold is the session's; a caller without root shares one id, and may not lower it again.
        if case .host = identity { try FirstToGo.mark([process.identifier()]) }
        let pair = try Channel.messages()
        connections = try pair.first.duplicate()
        brokersEnd = try pair.second.duplicate()
    }

    // MARK: Start

    /// Says what is served; ``ready()`` comes next.
    func begin(_ access: ForgeAccess, files: consuming Files, options: ForgeStart.Options) throws(SystemError) {
        guard let end = brokersEnd.take() else { return }
        let view = try SealedDocument.make(access.view, name: "view of the forge")
        try process.send(
            ForgeCommand.start(ForgeStart(options: options)).encoded(),
            descriptors: [view.number, end.number, files.ledger.number, files.proposals.number])
    }

    /// The egress gateway has its end: with this copy open, its death would go unnoticed by the broker.
    func handedOver() { connections = nil }

    /// Waits until connections are served.
    func ready() throws(SystemError) {
        let isInTime = process.wait(until: { phase != .starting || failure != nil }, heed: { _ = heed() })
        if let failure { throw failure }
        guard isInTime else { throw process.late }
    }

    // MARK: While the session runs

    /// Takes one report; false when no more will come.
    func heed() -> Bool {
        do throws(SystemError) {
            guard let report = try process.receive(limit: ForgeReport.longest, ForgeReport.init(decoding:)) else {
                return true
            }
            switch (report, phase) {
            case (.ready, .starting):
                phase = .serving
                return true
            case (.refused(let refusal), .starting): throw process.failure(refusal)
            case (.unusable(let reason), .starting):
                throw SystemError("serve", "a forge", .invalid, remedy: reason)
            case (.ended(let totals), .closing):
                self.totals = totals
                phase = .ended
                return false
            case (.ready, _), (.refused, _), (.unusable, _), (.ended, _):
                throw SystemError(
                    "go on with", "the forge broker, whose report is out of order", Errno(EPROTO),
                    remedy: "It was ended; nothing of the forge is served any more.")
            }
        } catch {
            failure = failure ?? error
            process.dismiss()
            return false
        }
    }

    // MARK: End

    /// Tells it to end, as soon as nobody is left inside; ``finish()`` has what it reports meanwhile.
    func close() {
        connections = nil
        guard failure == nil && phase == .serving else { return }
        phase = .closing
        process.tell(ForgeCommand.close.encoded())
    }

    /// Takes the last report and ends it. Nothing happens the second time.
    func finish() {
        close()
        if !process.wait(until: { phase != .closing || failure != nil }, heed: { _ = heed() }) {
            failure = SystemError(
                "end", "the forge broker", Errno(ETIMEDOUT), remedy: "It gave no account of itself, and was killed.")
        }
        process.dismiss()
    }

    /// Returns when nothing of it can use its id any more.
    func leave() { process.leave() }
}
