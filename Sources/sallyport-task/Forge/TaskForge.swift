// SPDX-License-Identifier: Apache-2.0
internal import Delivery
internal import TaskModel
internal import Workspace

/// The forge of a task: a directory of this host, or a repository of GitHub.
enum TaskForge {
    case local(LocalForge)
    case github(GitHubAccess)

    /// Nil where the task has none. Nothing is asked of it yet.
    static func make(_ arguments: TaskArguments, _ processes: ChildProcess, environment: [String]) throws(TaskFailure)
        -> TaskForge?
    {
        guard let text = arguments.forge else { return nil }
        guard text.hasPrefix(GitHubAddress.scheme) else {
            return .local(
                try reaching { () throws(ForgeError) in try LocalForge(path: text, clock: ForgeClock.host.now) })
        }
        let address = try reaching { () throws(ForgeError) in
            try GitHubAddress(
                repository: String(text.dropFirst(GitHubAddress.scheme.count)), server: arguments.forgeServer)
        }
        let source: GitHubAccess.Source
        if let key = arguments.appKey, let number = arguments.app {
            source = .app(number: number, key: key, installation: arguments.installation)
        } else if let credential = arguments.credential {
            source = .token(credential)
        } else {
            throw TaskFailure(
                "use forge", address.text, "there is no credential",
                remedy: "Name one with --credential, or an App with --app-id and --app-key.", code: "credential")
        }
        return .github(
            GitHubAccess(
                address, source, scope: .init(writing: arguments.pushes, marking: arguments.marksCommit),
                authorities: arguments.authorities, processes: processes, environment: environment,
                state: try StateDirectory.path(environment)))
    }

    /// The directory, or the URL, of its repository.
    var repository: String {
        switch self {
        case .local(let forge): forge.repository
        case .github(let access): access.address.repository.text
        }
    }

    var forge: any Forge {
        switch self {
        case .local(let forge): forge
        case .github(let access): access.forge
        }
    }

    /// As it is shown and recorded.
    var text: String {
        switch self {
        case .local(let forge): forge.path
        case .github(let access): access.address.text
        }
    }

    /// How a session names it: "owner/name".
    var viewName: String {
        switch self {
        case .github(let access): return access.address.fullName
        case .local(let local):
            let last = local.path.split(separator: "/").last.map(String.init) ?? "forge"
            return "local/" + String(last.map { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") ? $0 : "-" })
        }
    }

    /// The files that a pull request changes; nil where the forge does not tell, or more than anybody reads: git does.
    func files(of pull: Int) throws(TaskFailure) -> [ChangedFile]? {
        guard case .github(let access) = self else { return nil }
        do throws(ForgeError) { return try access.forge.files(pull) } catch {
            guard [.malformed, .refused].contains(error.code) else {
                throw TaskFailure(message: error.description, code: error.code.rawValue)
            }
            Progress.say("note: the session will not see the list of changed files: \(error)")
            return nil
        }
    }

    /// The page of a pull request; nil where there is none to look at.
    func page(of pull: Int) -> String? {
        guard case .github(let access) = self else { return nil }
        return access.address.page(of: pull)
    }

    /// Checks what a task will need of it, before anything else is done.
    func requireAccess(writing: Bool) throws(TaskFailure) {
        guard case .github(let access) = self else { return }
        // A credential that cannot be had says so itself.
        _ = try access.secret()
        try reaching { () throws(ForgeError) in try access.forge.requireAccess(writing: writing) }
    }

    /// Checks that a branch may be moved by a task.
    func requireUnprotected(_ branch: String) throws(TaskFailure) {
        guard case .github(let access) = self else { return }
        try reaching { () throws(ForgeError) in try access.forge.requireUnprotected(branch) }
    }

    /// Each call so far that a credential went along with.
    var ledger: TransferLedger { if case .github(let access) = self { access.ledger } else { TransferLedger() } }

    /// Lets go of what was lent for the task.
    func end() {
        if case .github(let access) = self { access.end() }
    }
}
