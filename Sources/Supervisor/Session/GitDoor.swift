// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Documents
internal import Isolation
internal import LinuxSystem
internal import Policy
internal import Wire

/// The file of a session that its git broker writes: one line for each request.
enum GitFiles {
    static let ledger = "git.jsonl"
}

/// The repositories that a client opened, which belong to that client and appear to the broker as its own.
struct HandedRepositories {
    let files: HandedFiles
    let block: IdBlock
    let program: Int32
}

/// One session's git broker. It has the id that the quarantine belongs to, so that what it writes needs no other owner.
typealias GitDoor = BrokerDoor<GitServing>

extension GitDoor {
    /// Starts the program; ``begin(_:_:options:)`` comes next.
    ///
    /// - Parameters:
    ///   - groups: What limits it and all that it starts; nil where the session has none either.
    ///   - handed: Nil where both repositories are opened by path.
    convenience init(
        _ programs: Programs, _ paths: HostPaths, _ mode: Mode, _ access: GitAccess, groups: ConfinedProgram.Groups?,
        handed: HandedRepositories?
    ) throws(SystemError) {
        let held = DescriptorSet()
        let view = try GitView.make(
            paths, mode: mode, held: held, mirror: (try handed?.files.number(.mirror), access.mirror),
            quarantine: (try handed?.files.number(.quarantine), access.quarantine))
        let identity = if let handed { try Self.own(view, handed) } else { try Self.identity(mode, view) }
        try self.init(.git, programs, paths, identity: identity, view: view, groups: groups)
    }

    /// Shows a client's repositories as an id of the session's block, so that the broker has no id of the client's and
    /// what it writes is the client's all the same.
    private static func own(_ view: ConfinedProgram.View, _ handed: HandedRepositories) throws(SystemError)
        -> ConfinedProgram.Identity
    {
        let id = handed.block.repository
        let map: Descriptor
        let program = Descriptor(
            owning: Int32(try checked("duplicate", "sp-init") { sp_fdup_above(handed.program, 64) }))
        do throws(LaunchError) {
            map = try UserNamespace.make(
                .one(owner: handed.files.owner, group: handed.files.group, as: id), program: program)
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

    /// Says what is served; ``ready()`` comes next.
    func begin(
        _ access: GitAccess, _ correlation: CorrelationID?, _ directory: borrowing Directory, options: BrokerOptions
    ) throws(SystemError) {
        let files = try BrokerFiles(directory, [GitFiles.ledger])
        let start = GitStart(
            options: options, correlation: correlation, host: VirtualHost.repository.rawValue, path: access.repository,
            scope: access.push)
        try begin(start) { connections in files.numbers + [connections] }
    }
}
