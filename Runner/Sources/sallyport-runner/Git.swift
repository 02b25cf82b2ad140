// SPDX-License-Identifier: Apache-2.0
internal import CRunner

/// The git command inside the sandbox, with our configuration and without the tree's hooks.
///
/// The tree and `.git` belong to the agent, and so does this process: nothing here protects the host. It keeps a
/// project's own hooks and signing settings from spoiling the commit.
struct Git {
    private let program: String
    private var environment: [String]
    let directory: String

    /// - Parameter directory: The clone; made by ``clone(from:)``.
    init(directory: String) throws(Failure) {
        program = try Environment.find("git")
        self.directory = directory
        // The source belongs to another id, and git asks for that in protected configuration only; a file is also
        // seen by upload-pack, which does not inherit `-c`. git-config(1), safe.directory
        let configuration = "/tmp/.sallyport-git"
        let text = "[safe]\n\tdirectory = *\n"
        guard sp_write_file(configuration, text, text.utf8.count) == 0 else {
            throw Failure("cannot write \(configuration)")
        }
        environment =
            Environment.without(prefix: "GIT_") + [
                "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=\(configuration)", "GIT_TERMINAL_PROMPT=0",
                "GIT_AUTHOR_NAME=\(Self.name)", "GIT_AUTHOR_EMAIL=\(Self.email)", "GIT_COMMITTER_NAME=\(Self.name)",
                "GIT_COMMITTER_EMAIL=\(Self.email)",
            ]
    }

    private static let name = "sallyport"
    private static let email = "agent@sallyport.invalid"

    /// Clones without a working tree, sharing the objects of the read-only source.
    ///
    /// The clone carries an identity, so that an agent can commit by itself.
    func clone(from source: String) throws(Failure) {
        let command = Command(
            arguments: [
                program, "-c", "protocol.file.allow=always", "clone", "--quiet", "--shared", "--no-checkout",
                "--config", "user.name=\(Self.name)", "--config", "user.email=\(Self.email)",
                "--config", "core.hooksPath=/dev/null", source, directory,
            ], environment: environment)
        let end = try command.run()
        guard end.exit_code == 0 else { throw Failure("git clone of \(source) failed (exit \(end.exit_code))") }
    }

    /// Runs git and expects success.
    func run(_ arguments: [String]) throws(Failure) {
        let end = try command(arguments).run()
        guard end.exit_code == 0 else {
            throw Failure("git \(arguments[0]) failed (exit \(end.exit_code), signal \(end.signal))")
        }
    }

    /// Runs git and tells whether it exited with 0; 1 is no, anything else is a failure.
    func holds(_ arguments: [String]) throws(Failure) -> Bool {
        let end = try command(arguments).run()
        guard end.exit_code == 0 || end.exit_code == 1 else {
            throw Failure("git \(arguments[0]) failed (exit \(end.exit_code), signal \(end.signal))")
        }
        return end.exit_code == 0
    }

    /// Runs git with its standard output on a descriptor.
    func run(_ arguments: [String], output: Int32) throws(Failure) {
        let end = try command(arguments).run(output: output)
        guard end.exit_code == 0 else {
            throw Failure("git \(arguments[0]) failed (exit \(end.exit_code), signal \(end.signal))")
        }
    }

    /// What git prints, or nil when it exits with anything but 0.
    func output(_ arguments: [String]) throws(Failure) -> [UInt8]? {
        let (end, bytes) = try command(arguments).capture()
        return end.exit_code == 0 ? bytes : nil
    }

    /// Runs git and tells how it ended and what it printed; its errors go where ours go.
    func attempt(_ arguments: [String]) throws(Failure) -> (code: Int32, output: [UInt8]) {
        let (end, bytes) = try command(arguments).capture()
        return (end.exit_code, bytes)
    }

    /// One line of git's output without its end, or nil when git fails.
    func line(_ arguments: [String]) throws(Failure) -> String? {
        guard let bytes = try output(arguments) else { return nil }
        return String(decoding: bytes.prefix { $0 != 0x0A }, as: UTF8.self)
    }

    /// The same, with one date for every commit it makes.
    func with(date: String) -> Git {
        var copy = self
        copy.environment += ["GIT_AUTHOR_DATE=\(date)", "GIT_COMMITTER_DATE=\(date)"]
        return copy
    }

    /// Adds an object as it is and returns its name.
    func write(_ bytes: [UInt8], type: String) throws(Failure) -> String {
        let file = "/tmp/.sallyport-object"
        let written = bytes.withUnsafeBufferPointer { buffer in
            buffer.withMemoryRebound(to: CChar.self) { sp_write_file(file, $0.baseAddress!, $0.count) }
        }
        guard written == 0 else { throw Failure("cannot write \(file): \(errorText(written))") }
        guard let name = try line(["hash-object", "-t", type, "-w", "--no-filters", file]) else {
            throw Failure("git hash-object failed")
        }
        return name
    }

    private func command(_ arguments: [String]) -> Command {
        Command(
            arguments: [
                program, "-C", directory, "-c", "core.hooksPath=/dev/null", "-c", "commit.gpgSign=false",
                "-c", "core.fsmonitor=false", "-c", "gc.auto=0", "-c", "advice.addEmbeddedRepo=false",
            ] + arguments, environment: environment)
    }
}
