// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import Workspace

/// Runs git between an upstream and the host's copy of it, with our configuration and no other.
///
/// A credential reaches it by a descriptor of a file in memory that git includes as configuration, and that it sends to
/// this upstream's origin only. So it is in no argument, no variable, and no file on disk.
struct Transfer {
    let processes: ChildProcess
    let url: RemoteURL
    /// The directory that holds the copy.
    let directory: String
    let identity: Confinement.Identity?
    let credential: Secret?
    /// Certificates to trust instead of the host's, as PEM.
    let authorities: [UInt8]?

    /// What came of one call of git.
    struct Result {
        let end: ChildEnd
        let output: [UInt8]
        let errors: [UInt8]
        let uses: [TransferUse]
    }

    /// The user's name where nobody names one; forges that take tokens take this with them.
    static let defaultUser = "x-access-token"

    private static let configuration: Int32 = 3
    private static let trace: Int32 = 4
    private static let certificates: Int32 = 5
    private static let mostOutput = 1 << 20
    private static let mostErrors = 64 << 10

    func run(_ arguments: [String]) throws(TaskFailure) -> Result {
        var output: [UInt8] = []
        var errors: [UInt8] = []
        var uses = TransferTrace()
        let pipes = try (0..<3).map { _ throws(TaskFailure) in try Self.pipe() }
        let secret = try memory(
            credential?.configuration(user: url.user ?? Self.defaultUser, origin: url.origin), "configuration")
        let trusted = try memory(authorities.map { Secret(copying: $0) }, "certificates")
        let child = try processes.start(
            ["/proc/self/exe", TransferProcess.name, identity?.text ?? "-", directory] + arguments,
            environment: environment,
            descriptors: [
                -1, pipes[0].writer, pipes[1].writer, secret.number, pipes[2].writer, trusted.number,
            ])
        for pipe in pipes { _ = sp_close(pipe.writer) }
        _ = consume secret
        let sinks = [
            PipeSink(Descriptor(owning: pipes[0].reader)) { output += $0.prefix(Self.mostOutput - output.count) },
            // The end of it says why.
            PipeSink(Descriptor(owning: pipes[1].reader)) { errors = Array((errors + $0).suffix(Self.mostErrors)) },
            PipeSink(Descriptor(owning: pipes[2].reader)) { uses.append($0) },
        ]
        let end = try processes.wait(child, name: "git \(arguments.first ?? "")", sinks: sinks)
        return Result(end: end, output: output, errors: errors, uses: uses.uses)
    }

    private static func pipe() throws(TaskFailure) -> (reader: Int32, writer: Int32) {
        var ends: [Int32] = [-1, -1]
        _ = try host { () throws(SystemError) in
            try checked("create", "a pipe") { ends.withUnsafeMutableBufferPointer { sp_pipe($0.baseAddress!, 0) } }
        }
        return (ends[0], ends[1])
    }

    /// A sealed file in memory, empty for nothing.
    private func memory(_ content: Secret?, _ name: String) throws(TaskFailure) -> Descriptor {
        try host { () throws(SystemError) -> Descriptor in
            let file = Descriptor(owning: Int32(try checked("create", "a file in memory") { sp_memfd(name) }))
            let number = file.number
            if let content {
                try checked("write", "a file in memory") {
                    content.withBytes { sp_write(number, $0.baseAddress!, $0.count) }
                }
            }
            try checked("seal", "a file in memory") { sp_add_seals(number) }
            return file
        }
    }

    // MARK: Configuration

    private var environment: [String] {
        var result = [
            "PATH=/usr/bin:/bin", "LC_ALL=C", "HOME=/nonexistent", "GIT_DIR=.", "GIT_CONFIG_NOSYSTEM=1",
            "GIT_CONFIG_GLOBAL=/dev/null", "GIT_ATTR_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "SWIFT_BACKTRACE=enable=no",
            "GIT_TRACE_CURL=\(Self.trace)", "GIT_TRACE_CURL_NO_DATA=1", "GIT_TRACE_REDACT=1",
            "GIT_CONFIG_COUNT=\(settings.count)",
        ]
        for (index, setting) in settings.enumerated() {
            result += ["GIT_CONFIG_KEY_\(index)=\(setting.0)", "GIT_CONFIG_VALUE_\(index)=\(setting.1)"]
        }
        return result
    }

    private var settings: [(String, String)] {
        var result = [
            ("safe.directory", "*"), ("core.hooksPath", "/dev/null"), ("core.askPass", ""), ("credential.helper", ""),
            ("protocol.allow", "never"), ("protocol.\(url.isSecure ? "https" : "http").allow", "always"),
            // A redirect would take the credential's origin elsewhere; whoever moved a repository says so.
            ("http.followRedirects", "false"),
            // Its trace is the one that we read, and the one in which no version of git forgot to leave out credentials.
            ("http.version", "HTTP/1.1"),
            // A server that stalls is given up.
            ("http.lowSpeedLimit", "1000"), ("http.lowSpeedTime", "60"),
            ("gc.auto", "0"), ("maintenance.auto", "false"), ("fetch.unpackLimit", "1"),
            ("fetch.writeCommitGraph", "false"),
        ]
        if credential != nil { result.append(("include.path", "/proc/self/fd/\(Self.configuration)")) }
        if authorities != nil { result.append(("http.sslCAInfo", "/proc/self/fd/\(Self.certificates)")) }
        return result
    }
}
