// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import Workspace

/// The git command of this host, between a repository of the host and another one: the one way in which it is ever run.
///
///     HostGit ── starts ──▶ step-git (``GitProcess``: gives everything up) ── becomes ──▶ git ──▶ its helpers
///                                                           towards a server: ── starts ──▶ git ──▶ its helpers
///
/// Towards a server step-git is the first process of a pid namespace, so that nobody whom the server has taken over is left
/// when the transfer is over.
///
/// It has our configuration and no other, asks nobody, runs no hook, and speaks one protocol. A credential reaches it by
/// a descriptor of a file in memory that git includes as configuration, and is sent to one origin only. So it is in no
/// argument, no variable, and no file on disk.
struct HostGit {
    let processes: ChildProcess
    /// Longest time for one call.
    let seconds: Int
    /// The server that it talks to; nil for repositories of this host, between which nothing needs a network.
    var url: RemoteURL?
    /// Nil keeps the caller's.
    var identity: Confinement.Identity?
    /// The repository that it works in; nil for none.
    var repository: String?
    /// Where it may write: `.` is its own repository.
    var writable: [String] = []
    var credential: Secret?
    /// Certificates to trust instead of the host's, as PEM.
    var authorities: [UInt8]?
    /// Stays open in step-git, towards a server, until nobody is left of all that it started: a lock. git has it not.
    var held: Int32?

    /// What came of one call.
    struct Result {
        let end: ChildEnd
        let output: [UInt8]
        let errors: [UInt8]
        let uses: [TransferUse]

        /// It said more than anybody reads.
        var isCut: Bool { output.count > mostOutput }
    }

    /// The user's name where nobody names one; forges that take tokens take this with them.
    static let defaultUser = "x-access-token"
    /// Where nobody says how long a call may take: a first copy of years of history, over a slow line.
    static let longest = 6 * 3600

    private static let configuration: Int32 = 3
    private static let trace: Int32 = 4
    private static let certificates: Int32 = 5
    private static let mostOutput = 1 << 20
    private static let mostErrors = 64 << 10

    func run(_ arguments: [String]) throws(TaskFailure) -> Result {
        let said = try host { () throws(SystemError) in try Channel.pipe() }
        let complained = try host { () throws(SystemError) in try Channel.pipe() }
        let traced = try host { () throws(SystemError) in try Channel.pipe() }
        let child = try start(arguments, [said.second.number, complained.second.number, traced.second.number])
        var output: [UInt8] = []
        var errors: [UInt8] = []
        var uses = TransferTrace()
        let sinks = [
            PipeSink(said.closingSecond()) { output += $0.prefix(Self.mostOutput + 1 - output.count) },
            // The end of it says why.
            PipeSink(complained.closingSecond()) { errors = Array((errors + $0).suffix(Self.mostErrors)) },
            PipeSink(traced.closingSecond()) { uses.append($0) },
        ]
        let end = try processes.wait(child, name: "git \(arguments.first ?? "")", sinks: sinks, seconds: seconds)
        return Result(end: end, output: output, errors: errors, uses: uses.uses)
    }

    /// - Parameter pipes: Where its output, its errors and its trace go.
    private func start(_ arguments: [String], _ pipes: [Int32]) throws(TaskFailure) -> Int32 {
        let secret = try MemoryFile.sealed(
            credential?.configuration(user: url?.user ?? Self.defaultUser, origin: url?.origin ?? ""),
            name: "configuration")
        let trusted = try MemoryFile.sealed(authorities.map { Secret(copying: $0) }, name: "certificates")
        return try processes.start(
            ["/proc/self/exe", GitProcess.name] + place + ["--"] + arguments, environment: environment,
            descriptors: [-1, pipes[0], pipes[1], secret.number, pipes[2], trusted.number] + (held.map { [$0] } ?? []),
            isAlone: url != nil)
    }

    /// What ``GitProcess`` leaves to git.
    private var place: [String] {
        ["--become", identity?.text ?? "-", "--reach", url == nil ? "host" : "network", "--in", repository ?? "-"]
            + writable.flatMap { ["--write", $0] }
    }

    // MARK: Configuration

    private var environment: [String] {
        var result = [
            "PATH=/usr/bin:/bin", "LC_ALL=C", "HOME=/nonexistent", "GIT_CONFIG_NOSYSTEM=1",
            "GIT_CONFIG_GLOBAL=/dev/null", "GIT_ATTR_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
            "GIT_ALLOW_PROTOCOL=\(transport)", "GIT_NO_REPLACE_OBJECTS=1",
            "SWIFT_BACKTRACE=enable=no", "GIT_CONFIG_COUNT=\(settings.count)",
        ]
        if repository != nil { result.append("GIT_DIR=.") }
        if url != nil {
            result += ["GIT_TRACE_CURL=\(Self.trace)", "GIT_TRACE_CURL_NO_DATA=1", "GIT_TRACE_REDACT=1"]
        }
        for (index, setting) in settings.enumerated() {
            result += ["GIT_CONFIG_KEY_\(index)=\(setting.0)", "GIT_CONFIG_VALUE_\(index)=\(setting.1)"]
        }
        return result
    }

    private var transport: String { url.map { $0.isSecure ? "https" : "http" } ?? "file" }

    private var settings: [(String, String)] {
        var result = [
            ("safe.directory", "*"), ("core.hooksPath", "/dev/null"), ("core.askPass", ""), ("core.fsmonitor", "false"),
            ("credential.helper", ""), ("protocol.allow", "never"), ("protocol.\(transport).allow", "always"),
            // A redirect would take the credential's origin elsewhere; whoever moved a repository says so.
            ("http.followRedirects", "false"),
            // Its trace is the one that we read, and the one in which no version of git forgot to leave out credentials.
            ("http.version", "HTTP/1.1"),
            // Whoever the host's own tickets of Kerberos name is nobody that a server needs to know. git-config(1)
            ("http.emptyAuth", "false"),
            // A server that stalls is given up.
            ("http.lowSpeedLimit", "1000"), ("http.lowSpeedTime", "60"),
            ("gc.auto", "0"), ("maintenance.auto", "false"), ("fetch.unpackLimit", "1"),
            ("fetch.writeCommitGraph", "false"), ("push.recurseSubmodules", "no"),
            ("submodule.recurse", "false"),
        ]
        if credential != nil { result.append(("include.path", "/proc/self/fd/\(Self.configuration)")) }
        if authorities != nil { result.append(("http.sslCAInfo", "/proc/self/fd/\(Self.certificates)")) }
        return result
    }
}
