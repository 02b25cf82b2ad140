// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxSystem
internal import Workspace

/// Where a branch is pushed to.
struct Remote {
    let upstream: Upstream

    /// As git gets it: a real path, or a URL without a user.
    var address: String { upstream.text }

    /// - Parameter strangers: Directories that an agent could write, or that are our own: the remote lies in none of them.
    init(_ text: String, notBeside strangers: [String]) throws(TaskFailure) {
        let shown = Upstream.shown(text)
        guard !text.contains("://") else {
            do throws(UpstreamFlaw) { upstream = try Upstream(text) } catch {
                let reason =
                    switch error {
                    case .scheme: "only paths, http and https are spoken"
                    case .password: Self.credentials
                    default: error.reason
                    }
                throw Self.refused(shown, reason, "Give a path, or a plain URL of http or https.")
            }
            if case .remote(let url) = upstream, url.user != nil {
                throw Self.refused(shown, Self.credentials, "Give a URL without them.")
            }
            return
        }
        guard let real = realpath(text, nil) else {
            throw Self.refused(shown, "no such directory (ENOENT)", "Give a bare repository of this host, or a URL.")
        }
        defer { free(real) }
        let path = String(cString: real)
        for stranger in strangers where Self.overlaps(path, stranger) {
            throw Self.refused(shown, "it lies in \(stranger), or that in it", "Push to a repository of your own.")
        }
        try Self.checkRepository(path, shown)
        upstream = .local(path)
    }

    private static let credentials = "it has credentials in it"

    private static func overlaps(_ a: String, _ b: String) -> Bool {
        a == b || a.hasPrefix(b + "/") || b.hasPrefix(a + "/")
    }

    private static func checkRepository(_ path: String, _ shown: String) throws(TaskFailure) {
        for name in ["HEAD", "objects", "refs"] where access("\(path)/\(name)", F_OK) != 0 {
            throw refused(shown, "it is no bare repository", "Make one with: git init --bare.")
        }
        let status = try host { () throws(SystemError) in try FileStatus.path(path) }
        guard status.uid == geteuid() else {
            throw refused(
                shown, "it belongs to uid \(status.uid), and this is uid \(geteuid())",
                "Run collect as its owner, or have its owner fetch from the result.")
        }
    }

    private static func refused(_ shown: String, _ reason: String, _ remedy: String) -> TaskFailure {
        TaskFailure("push to", "\"\(shown)\"", reason, remedy: remedy)
    }
}

/// The repository that a collected branch is brought to.
struct Receiver {
    let step: ConfinedStep
    let remote: Remote
    /// Who talks to a server; nil keeps the caller's id. A repository of this host is written with the caller's.
    let stranger: Confinement.Identity?

    /// The remote's branches and HEAD, and where they stand.
    func references() throws(TaskFailure) -> [ReferenceText.Reference] {
        let done = try git(nil, []).run(["ls-remote", "--quiet", "--", remote.address, "HEAD", "refs/heads/*"])
        try check(done, "read")
        guard !done.isCut else {
            throw TaskFailure(
                "read", "\"\(remote.address)\"", "it has more branches than are looked at",
                remedy: "Push by hand what was delivered.")
        }
        return done.output.split(separator: 0x0A).compactMap { line in
            guard line.count > 41, line[line.startIndex + 40] == 0x09,
                let id = ObjectID(String(decoding: line.prefix(40), as: UTF8.self))
            else { return nil }
            return ReferenceText.Reference(name: Array(line.dropFirst(41)), id: id)
        }
    }

    /// Adds a branch, or moves it forward.
    func push(_ tip: ObjectID, as reference: String, from repository: String) throws(TaskFailure) {
        var arguments = ["push", "--quiet", "--no-verify", "--no-follow-tags", "--no-signed"]
        var written: [String] = []
        if case .local(let path) = remote.upstream {
            // git hands none of our configuration on to the other side.
            let settings = [
                "core.hooksPath=/dev/null", "receive.autogc=false", "receive.denyNonFastForwards=true",
                "receive.denyDeletes=true", "receive.fsckObjects=true",
            ]
            arguments += ["--receive-pack", "git \(settings.map { "-c \($0)" }.joined(separator: " ")) receive-pack"]
            written = [path]
        }
        let done = try git(repository, written).run(arguments + ["--", remote.address, "\(tip):\(reference)"])
        try check(done, "push to")
    }

    private func git(_ repository: String?, _ writable: [String]) -> HostGit {
        var git = HostGit(processes: step.processes, seconds: step.seconds)
        if case .remote(let url) = remote.upstream { (git.url, git.identity) = (url, stranger) }
        git.repository = repository
        git.writable = writable
        return git
    }

    private func check(_ done: HostGit.Result, _ operation: String) throws(TaskFailure) {
        let subject = "\"\(remote.address)\""
        switch done.end {
        case .exited(0): return
        case .late:
            throw TaskFailure(
                operation, subject, "it still ran after \(step.seconds) seconds", remedy: "Try a longer --timeout.")
        case .interrupted: throw TaskFailure(operation, subject, "it was interrupted", remedy: Self.remedy)
        case .signalled(let number):
            throw TaskFailure(operation, subject, "signal \(number) ended git", remedy: Self.remedy)
        case .exited:
            let lines = done.errors.split(separator: 0x0A).prefix(3).map { PrintableText.escaped($0, longest: 300) }
            throw TaskFailure(
                operation, subject, "git says: \(lines.joined(separator: " / "))", remedy: Self.remedy)
        }
    }

    private static let remedy = "What was delivered lies in the result; push it by hand once that is repaired."
}
