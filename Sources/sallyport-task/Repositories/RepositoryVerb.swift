// SPDX-License-Identifier: Apache-2.0
internal import CLI
internal import Documents
internal import Glibc
internal import LinuxSystem
internal import Wire
internal import Workspace

/// `sallyport task mirror` and `sallyport task repository`.
enum RepositoryVerb {
    static let usage = """
        usage: sallyport task mirror|repository UPSTREAM [options]

        mirror brings the host's copy of a repository up to date, and makes it the first time. repository does so too,
        and makes what a session needs to find the repository at http://git.internal/: see sallyport run --git.

          UPSTREAM            https://[USER@]HOST/PATH, http://HOST/PATH, or a directory of this host
          --credential REF    file:/path (owner only), env:NAME, or credential:NAME of systemd; a password or token
          --ca-file FILE      certificates to trust instead of the host's
          --timeout SECONDS   longest time for each transfer (default: 21600)
          --json              what was made, or why nothing was, as JSON on standard output

        Of repository only:

          --out DIR           new directory for the session's own repository and its description, git.json
          --name /OWNER/NAME  its path at git.internal (default: the upstream's)
          --push SCOPE        what the session may push: refs/heads/x/* or refs/heads/x (default: nothing)

        Exit status: 0 done, 125 sallyport failed or the upstream could not be read.
        """

    static func run(_ verb: String, _ arguments: [String], environment: [String]) -> Int32 {
        if arguments.contains("--help") || arguments.contains("-h") {
            Progress.write(usage + "\n", to: 1)
            return 0
        }
        do throws(TaskFailure) {
            let arguments = try RepositoryArguments(verb, arguments)
            let seconds = arguments.seconds ?? HostGit.longest
            let store = try MirrorStore.open(
                arguments.upstream, state: try StateDirectory.path(environment), within: seconds)
            let step = ConfinedStep(
                processes: try ChildProcess(), seconds: arguments.seconds ?? ConfinedStep.longest)
            var access = UpstreamAccess(environment: environment)
            access.credential = arguments.credential
            access.authorities = arguments.authorities
            access.seconds = seconds
            let fill = MirrorFill(step: step, access: access)
            let mirror = try fill.run(store)
            try arguments.session?.make(step, over: mirror.repository, mirror.list)
            report(arguments, mirror)
            return 0
        } catch {
            Progress.fail(error, json: arguments.contains("--json"))
            return 125
        }
    }

    private static func report(_ arguments: RepositoryArguments, _ mirror: MirrorFill.Outcome) {
        let session = arguments.session
        guard arguments.json else {
            let size = "\(mirror.list.references.count) references, \(mirror.bytes) bytes received"
            Progress.write("\(mirror.repository): \(size)\n", to: 1)
            if let session { Progress.write("\(session.description): use it with sallyport run --git\n", to: 1) }
            return
        }
        let document: JSON = [
            "upstream": .string(arguments.upstream.text), "mirror": .string(mirror.repository),
            "references": .int(mirror.list.references.count), "bytes_received": .number(mirror.bytes),
            "requests": .int(mirror.ledger.uses.count), "description": .optional(session?.description),
            "quarantine": .optional(session?.quarantine),
        ]
        Progress.write(document.compactText + "\n", to: 1)
    }
}

/// The command line of both.
struct RepositoryArguments {
    let upstream: Upstream
    private(set) var credential: CredentialReference?
    private(set) var authorities: String?
    private(set) var seconds: Int?
    private(set) var session: SessionRepository?
    private(set) var json = false

    private static let options: Set<String> = ["--credential", "--ca-file", "--timeout", "--out", "--name", "--push"]

    init(_ verb: String, _ arguments: [String]) throws(TaskFailure) {
        var values: [String: String] = [:]
        var words: [String] = []
        var rest = arguments[...]
        while let word = rest.popFirst() {
            if word == "--json" {
                json = true
            } else if word.hasPrefix("-") {
                guard Self.options.contains(word) else { throw Self.misuse("unknown argument \"\(word)\"") }
                guard let value = rest.popFirst(), !value.isEmpty else { throw Self.misuse("\(word) needs a value") }
                guard values.updateValue(value, forKey: word) == nil else {
                    throw Self.misuse("\(word) is given twice")
                }
            } else {
                words.append(word)
            }
        }
        guard words.count == 1 else { throw Self.misuse("name one upstream") }
        upstream = try Upstream(argument: words[0])
        if let text = values["--credential"] {
            credential = try CredentialReference(argument: text) { Self.misuse($0) }
        }
        authorities = values["--ca-file"]
        if let text = values["--timeout"] {
            guard let number = Int(text), (1...604_800).contains(number) else {
                throw Self.misuse("--timeout is no number of seconds up to a week")
            }
            seconds = number
        }
        guard verb == "repository" else {
            if let stray = ["--out", "--name", "--push"].first(where: { values[$0] != nil }) {
                throw Self.misuse("\(stray) belongs to: sallyport task repository")
            }
            return
        }
        session = try Self.session(values, upstream)
    }

    private static func session(_ values: [String: String], _ upstream: Upstream) throws(TaskFailure)
        -> SessionRepository
    {
        guard let out = values["--out"] else { throw misuse("--out is missing") }
        let name = values["--name"] ?? upstream.defaultName
        guard let path = RepositoryPath(name.hasSuffix(".git") ? String(name.dropLast(4)) : name) else {
            throw misuse("\"\(PrintableText.escaped(name.utf8))\" is no plain path such as /owner/name; see --name")
        }
        var scope = PushScope.nothing
        if let text = values["--push"] {
            guard let wanted = PushScope(text) else {
                throw misuse("--push is neither one branch (refs/heads/x) nor those of one directory (refs/heads/x/*)")
            }
            scope = wanted
        }
        return SessionRepository(directory: try absolute(out), path: path, scope: scope)
    }

    /// As the description will name it, from wherever a session is started.
    private static func absolute(_ path: String) throws(TaskFailure) -> String {
        let parts = path.split(separator: "/", omittingEmptySubsequences: true)
        guard let last = parts.last, last != ".", last != ".." else { throw misuse("--out names no new directory") }
        let parent = parts.dropLast().joined(separator: "/")
        let start = path.hasPrefix("/") ? "/" + parent : parent.isEmpty ? "." : parent
        guard let real = realpath(start, nil) else {
            throw TaskFailure("find", "\"\(start)\"", "no such directory (ENOENT)", remedy: "Make it first.")
        }
        defer { free(real) }
        return "\(String(cString: real))/\(last)"
    }

    private static func misuse(_ reason: String) -> TaskFailure {
        TaskFailure("read", "the command line", reason, remedy: "See: sallyport task repository --help.")
    }
}
