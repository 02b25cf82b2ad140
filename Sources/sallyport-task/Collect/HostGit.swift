// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import Workspace

/// Where a branch is pushed to.
struct Remote {
    /// As git gets it: a real path, or a URL.
    let address: String
    /// Nil for a path.
    let scheme: String?

    /// - Parameter strangers: Directories that an agent could write, or that are our own: the remote lies in none of them.
    init(_ text: String, notBeside strangers: [String]) throws(TaskFailure) {
        let shown = PrintableText.escapedOnce(text)
        if let end = text.range(of: "://") {
            let scheme = String(text[..<end.lowerBound])
            let rest = text[end.upperBound...]
            guard ["http", "https"].contains(scheme) else {
                throw Self.refused(shown, "only paths, http and https are spoken", "Give one of those.")
            }
            guard !rest.prefix(while: { $0 != "/" }).contains("@") else {
                throw Self.refused(shown.replacingUserInfo, "it has credentials in it", "Give a URL without them.")
            }
            guard PrintableText.isPrintable(text.utf8), !text.contains(" "), !rest.isEmpty else {
                throw Self.refused(shown, "it is no URL", "Give a plain one.")
            }
            (address, self.scheme) = (text, scheme)
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
        (address, scheme) = (path, nil)
    }

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

extension String {
    /// The first occurrence of a text.
    fileprivate func range(of text: String) -> Range<String.Index>? {
        indices.first { self[$0...].hasPrefix(text) }.map { $0..<index($0, offsetBy: text.count) }
    }

    /// Without what stands between `://` and `@`: it may be a password.
    fileprivate var replacingUserInfo: String {
        guard let scheme = range(of: "://"), let at = self[scheme.upperBound...].firstIndex(of: "@") else {
            return self
        }
        return self[..<scheme.upperBound] + "[...]" + self[at...]
    }
}

/// The git command of this host, for transfers between repositories of the host and of nobody else.
///
/// It reads no configuration of a user or of the system, asks nobody, knows no credential, speaks one protocol, runs no
/// hook, and can write nothing but the repository that it pushes to.
struct HostGit {
    let step: ConfinedStep
    let remote: Remote

    static let program = "/usr/bin/git"

    /// The remote's branches and HEAD, and where they stand.
    func references() throws(TaskFailure) -> [ReferenceText.Reference] {
        let done = try run(["ls-remote", "--quiet", "--", remote.address, "HEAD", "refs/heads/*"], writing: false)
        guard done.status == 0 else { throw failure("read", done) }
        return done.output.split(separator: 0x0A).prefix(Self.mostReferences).compactMap { line in
            guard line.count > 41, line[line.startIndex + 40] == 0x09,
                let id = ObjectID(String(decoding: line.prefix(40), as: UTF8.self))
            else { return nil }
            return ReferenceText.Reference(name: Array(line.dropFirst(41)), id: id)
        }
    }

    /// Adds a branch, or moves it forward.
    func push(_ tip: ObjectID, as reference: String, from repository: String) throws(TaskFailure) {
        let receiver =
            "git -c core.hooksPath=/dev/null -c receive.autogc=false -c receive.denyNonFastForwards=true"
            + " -c receive.denyDeletes=true -c receive.fsckObjects=true receive-pack"
        var arguments = ["--git-dir", repository, "push", "--quiet", "--no-verify", "--no-follow-tags", "--no-signed"]
        if remote.scheme == nil { arguments += ["--receive-pack", receiver] }
        let done = try run(arguments + ["--", remote.address, "\(tip):\(reference)"], writing: true)
        guard done.status == 0 else { throw failure("push to", done) }
    }

    private static let mostReferences = 2000

    private func run(_ arguments: [String], writing: Bool) throws(TaskFailure) -> (status: Int32, output: [UInt8]) {
        let protocolName = remote.scheme ?? "file"
        let settings = [
            "core.hooksPath=/dev/null", "core.fsmonitor=false", "gc.auto=0", "maintenance.auto=false",
            "credential.helper=", "http.followRedirects=false", "push.recurseSubmodules=no", "protocol.allow=never",
            "protocol.\(protocolName).allow=always",
        ].flatMap { ["-c", $0] }
        return try step.transfer(
            [writing && remote.scheme == nil ? remote.address : "-", remote.scheme == nil ? "local" : "network"]
                + settings + arguments,
            environment: [
                "PATH=/usr/bin:/bin", "LC_ALL=C", "HOME=/nonexistent", "GIT_CONFIG_NOSYSTEM=1",
                "GIT_CONFIG_GLOBAL=/dev/null", "GIT_ATTR_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=/bin/false",
                "SSH_ASKPASS=/bin/false", "GIT_ALLOW_PROTOCOL=\(protocolName)", "GIT_NO_REPLACE_OBJECTS=1",
                "GIT_OPTIONAL_LOCKS=0", "SWIFT_BACKTRACE=enable=no",
            ])
    }

    private func failure(_ operation: String, _ done: (status: Int32, output: [UInt8])) -> TaskFailure {
        let words = done.output.split(separator: 0x0A).prefix(3).map { PrintableText.escaped($0, longest: 300) }
        return TaskFailure(
            operation, "\"\(remote.address)\"", "git says: \(words.joined(separator: " / "))",
            remedy: "What was delivered lies in the result; push it by hand once that is repaired.")
    }
}

extension StepProcess {
    /// Becomes git, after giving up everything that a transfer does not need.
    static func git(_ arguments: [String]) -> Never {
        do {
            guard arguments.count > 2 else { throw TaskFailure(message: "step-git is started by collect only") }
            let place = arguments[0] == "-" ? -1 : try Descriptor.open(arguments[0], O_PATH | O_DIRECTORY).release()
            let rules = try checked("confine", "git with Landlock") {
                sp_task_transfer_rules(place, arguments[1] == "network" ? 1 : 0)
            }
            try checked("drop", "privileges of git") { sp_task_drop(0, 0, 0) }
            try checked("set", "no_new_privs") { sp_task_no_new_privileges() }
            try checked("confine", "git with Landlock") { sp_task_landlock_apply(Int32(rules)) }
            let argv = ([HostGit.program] + arguments[2...]).map { strdup($0) } + [nil]
            try checked("execute", "\"\(HostGit.program)\"") { sp_task_become(HostGit.program, argv) }
        } catch {
            Progress.say("\(error)")
        }
        exit(125)
    }
}
