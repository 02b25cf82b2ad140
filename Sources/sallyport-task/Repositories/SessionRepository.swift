// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Documents
internal import Glibc
internal import LinuxSystem
internal import Wire
internal import Workspace

/// What one session finds at git.internal: a quarantine repository over a copy of its upstream, and the description that
/// `sallyport run --git` takes.
///
///     DIR/git.json                 the description
///     DIR/quarantine/session.git   where pushes land; belongs to an id of its own
struct SessionRepository {
    let directory: String
    let path: RepositoryPath
    let scope: PushScope

    var description: String { directory + "/git.json" }
    var quarantine: String { "\(directory)/quarantine/\(StepProcess.sessionName)" }

    /// Makes it in a new directory.
    ///
    /// - Parameters:
    ///   - mirror: The repository that has the objects.
    ///   - references: What the session finds.
    func make(_ step: ConfinedStep, over mirror: String, _ references: ReferenceList) throws(TaskFailure) {
        let owner = try identity()
        try host { () throws(SystemError) in
            let made = sp_mkdirat(AT_FDCWD, directory, 0o700)
            if made < 0 {
                throw SystemError(
                    "create", "directory \"\(directory)\"", Errno(Int32(-made)), remedy: "Name a new one with --out.")
            }
            let opened = try Directory.open(directory)
            try opened.make("quarantine", mode: 0o755)
            guard let owner else { return }
            let quarantine = try opened.directory("quarantine")
            try checked("give", "\"\(directory)/quarantine\" away") {
                sp_fchown(quarantine.fd.number, owner.user, owner.group)
            }
        }
        let list = try MemoryFile.make(references.encoded)
        _ = try step.run(
            ["step-quarantine", "--quarantine", "\(directory)/quarantine", "--become", owner?.text ?? "-"],
            input: list.number)
        var members: [JSON.Member] = [
            .init("version", 1), .init("repository", .string(path.description)),
            .init("mirror", .string(mirror)), .init("quarantine", .string(quarantine)),
        ]
        if scope != .nothing { members.append(.init("push", .string(scope.text))) }
        try host { () throws(SystemError) in
            try Directory.open(directory).replace(
                "git.json", with: JSONWriter(pretty: true).write(.object(members)) + [0x0A])
        }
    }

    /// Drawn and not counted, since they outlive the process that makes them: 22 bits, which nobody compares with those that
    /// are there. Two that are equal share what the id may do, and neither sees the other's files.
    private func identity() throws(TaskFailure) -> Confinement.Identity? {
        guard geteuid() == 0 else { return nil }
        let random = try host { () throws(SystemError) in try randomBytes(4) }
        let ids = BrokerView.identities
        let number = ids.lowerBound + random.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } % UInt32(ids.count)
        return .init(user: number, group: number)
    }
}
