// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Isolation
internal import LinuxSystem
internal import Policy
internal import Wire

/// The file of a session that its git broker writes: one line for each request.
enum GitFiles {
    static let ledger = "git.jsonl"
}

/// One session's git broker. It has the id that the quarantine belongs to, so that what it writes needs no other owner.
typealias GitDoor = BrokerDoor<GitServing>

extension GitDoor {
    /// Starts the program; ``begin(_:_:options:)`` comes next.
    ///
    /// - Parameter groups: What limits it and all that it starts; nil where the session has none either.
    convenience init(
        _ programs: Programs, _ paths: HostPaths, _ mode: Mode, _ access: GitAccess, groups: ConfinedProgram.Groups?
    ) throws(SystemError) {
        let held = DescriptorSet()
        let view = try GitView.make(
            paths, mode: mode, held: held, mirror: access.mirror, quarantine: access.quarantine)
        try self.init(.git, programs, paths, identity: try Self.identity(mode, view), view: view, groups: groups)
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
    func begin(_ access: GitAccess, _ directory: borrowing Directory, options: BrokerOptions) throws(SystemError) {
        let files = try BrokerFiles(directory, [GitFiles.ledger])
        let start = GitStart(
            options: options, host: VirtualHost.repository.rawValue, path: access.repository, scope: access.push)
        try begin(start) { connections in files.numbers + [connections] }
    }
}
