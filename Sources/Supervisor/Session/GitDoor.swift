// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import Isolation
internal import LinuxSystem
internal import Policy
internal import Wire

/// One session's git broker, as its supervisor sees it.
///
/// It has the id that the quarantine belongs to, so that what it writes needs no other owner. When it ends early the
/// repository is served no more; the session goes on, and its record says so.
final class GitDoor {
    private enum Phase { case starting, serving, closing, ended }

    private let process: GatewayProcess
    private var phase = Phase.starting
    private(set) var totals = BrokerReport.Totals()
    /// What went wrong with it.
    private(set) var failure: SystemError?
    private var connections: Descriptor?
    private var brokersEnd: Descriptor?

    /// The socket to wait on; ``heed()`` takes what is there.
    var number: Int32 { process.number }

    /// Where the egress gateway hands connections over; nil once it has its copy.
    var door: Int32? { connections?.number }

    /// Starts the program; ``begin(_:ledger:options:)`` comes next.
    ///
    /// The repositories that a client opened, which belong to that client and appear to the broker as its own.
    struct Handed {
        let files: HandedFiles
        let block: IdBlock
        let program: Int32
    }

    /// - Parameters:
    ///   - groups: What limits it and all that it starts; nil where the session has none either.
    ///   - handed: Nil where both are opened by path.
    init(
        _ programs: Programs, _ paths: HostPaths, _ mode: Mode, _ access: GitAccess, groups: ConfinedProgram.Groups?,
        handed: Handed?
    ) throws(SystemError) {
        let held = DescriptorSet()
        let view = try GitView.make(
            paths, mode: mode, held: held, mirror: (try handed?.files.number(.mirror), access.mirror),
            quarantine: (try handed?.files.number(.quarantine), access.quarantine))
        let identity = if let handed { try Self.own(view, handed) } else { try Self.identity(mode, view) }
        process = try GatewayProcess.start(
            .git, programs, paths, identity: identity, view: view, groups: groups)
        // What the session makes it do is the session's: all that it starts has this as well.
        if mode == .host { try FirstToGo.mark([process.identifier()]) }
        let pair = try Channel.messages()
        connections = try pair.first.duplicate()
        brokersEnd = try pair.second.duplicate()
    }

    /// Shows a client's repositories as an id of the session's block, so that the broker has no id of the client's and
    /// what it writes is the client's all the same.
    private static func own(_ view: ConfinedProgram.View, _ handed: Handed) throws(SystemError)
        -> ConfinedProgram.Identity
    {
        let id = handed.block.repository
        let map: Descriptor
        let program = Descriptor(
            owning: Int32(try checked("duplicate", "sp-init") { sp_fdup_above(handed.program, 64) }))
        do throws(LaunchError) {
            map = try UserNamespace.make(
                .one(owner: handed.files.owner, group: handed.files.groups[0], as: id), program: program)
        } catch { throw SystemError("map the ids of", "a repository", error.errno, remedy: error.remedy) }
        for tree in view.trees where [BrokerView.mirror, BrokerView.quarantine].contains("/" + tree.target) {
            guard try Trees.map(tree, namespace: map.number) else {
                throw SystemError(
                    "id-map", "\"\(tree.source)\"", .invalid,
                    remedy:
                        "Its file system takes no id map (overlay, 9p, NFS and others do not). Use ext4, xfs, btrfs or tmpfs."
                )
            }
        }
        return .host(id: id)
    }

    /// The id that the quarantine belongs to, of the tree that was opened: the path may lead to another's by now.
    private static func identity(_ mode: Mode, _ view: ConfinedProgram.View) throws(SystemError)
        -> ConfinedProgram.Identity
    {
        guard mode == .host else { return .unmappedCaller }
        guard let tree = view.trees.first(where: { $0.target == view.written }) else {
            throw SystemError("serve", "the quarantine", .noEntry)
        }
        let status = try FileStatus.at(
            max(tree.descriptor, tree.opened), [0], flags: SP_AT_EMPTY_PATH, subject: "the quarantine")
        guard status.isDirectory, BrokerView.identities.contains(status.uid), status.uid == status.gid else {
            throw SystemError(
                "serve", "the quarantine, which belongs to \(status.uid):\(status.gid)", .notPermitted,
                remedy:
                    "It must belong to an id of its own, of those that no person has; let `sallyport task repository` make it."
            )
        }
        return .host(id: status.uid)
    }

    // MARK: Start

    /// Says what is served; ``ready()`` comes next.
    func begin(_ access: GitAccess, ledger: borrowing Descriptor, options: BrokerStart.Options) throws(SystemError) {
        guard let end = brokersEnd.take() else { return }
        let start = BrokerStart(
            options: options, host: VirtualHost.repository.rawValue, path: access.repository,
            scope: access.push)
        try process.send(BrokerCommand.start(start).encoded(), descriptors: [ledger.number, end.number])
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
            guard let report = try process.receive(limit: BrokerReport.longest, BrokerReport.init(decoding:)) else {
                return true
            }
            switch (report, phase) {
            case (.ready, .starting):
                phase = .serving
                return true
            case (.refused(let refusal), .starting): throw process.failure(refusal)
            case (.ended(let totals), .closing):
                self.totals = totals
                phase = .ended
                return false
            case (.ready, _), (.refused, _), (.ended, _):
                throw SystemError(
                    "go on with", "the git broker, whose report is out of order", Errno(EPROTO),
                    remedy: "It was ended; the session's repository is served no more.")
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
        process.tell(BrokerCommand.close.encoded())
    }

    /// Takes the last report and ends it. Nothing happens the second time.
    func finish() {
        close()
        if !process.wait(until: { phase != .closing || failure != nil }, heed: { _ = heed() }) {
            failure = SystemError(
                "end", "the git broker", Errno(ETIMEDOUT), remedy: "It gave no account of itself, and was killed.")
        }
        process.dismiss()
    }

    /// Returns when nothing of it can write to the quarantine any more.
    func leave() { process.leave() }
}
