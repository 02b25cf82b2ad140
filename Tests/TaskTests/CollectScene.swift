// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

/// A directory that an agent left, and an operator who collects it.
struct CollectScene {
    let home: Scratch
    /// The directory that was left: a working tree with two commits.
    let left: String
    /// The commit that the agent started from.
    let base: String

    init() throws {
        home = try Scratch()
        left = try home.directory("left")
        try home.directory("left/src")
        try home.file("left/file", "one\n")
        try home.file("left/src/deep", "deep\n")
        try home.file("left/.gitignore", "ignored\n*.o\n")
        base = try Self.makeRepository(left)
        try home.file("left/file", "two\n")
        try git("commit", "--quiet", "--all", "-m", "second")
    }

    private static func makeRepository(_ path: String) throws -> String {
        try git(path, "init", "--quiet", "--initial-branch=main")
        try git(path, "add", "--all")
        try git(path, "commit", "--quiet", "-m", "first")
        return try git(path, "rev-parse", "HEAD")
    }

    /// Runs git in the left directory.
    @discardableResult
    func git(_ arguments: String..., input: [UInt8] = []) throws -> String {
        try Self.git(left, arguments, input: input)
    }

    /// Runs git with nothing of the user's configuration.
    @discardableResult
    static func git(_ directory: String, _ arguments: String...) throws -> String { try git(directory, arguments) }

    static func git(_ directory: String, _ arguments: [String], input: [UInt8] = []) throws -> String {
        var command = Command("/usr/bin/git", ["-C", directory, "-c", "protocol.file.allow=always"] + arguments)
        command.environment = environment
        command.input = input
        let done = try command.run()
        try #require(done.code == 0, "git \(arguments): \(done.errorText)")
        var text = done.text
        while text.hasSuffix("\n") { text.removeLast() }
        return text
    }

    static let environment = [
        "PATH": "/usr/bin:/bin", "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "LC_ALL": "C",
        "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@test.invalid", "GIT_COMMITTER_NAME": "c",
        "GIT_COMMITTER_EMAIL": "c@test.invalid",
    ]

    /// Runs a shell in the left directory: the agent, or a person who is not careful.
    @discardableResult
    func shell(_ script: String, _ arguments: String...) throws -> Finished {
        var command = Command("/bin/sh", ["-c", script, "sh"] + arguments)
        command.environment = Self.environment
        command.directory = left
        let done = try command.run()
        try #require(done.code == 0, "\(script): \(done.errorText)")
        return done
    }

    /// Collects the left directory, and looks that it is byte for byte what it was.
    func collect(_ options: [String] = [], out: String = "out") throws -> Collected {
        let before = try fingerprint()
        let done = try collectOnce(options, out: out)
        #expect(try fingerprint() == before, "collect changed the left directory")
        return done
    }

    func collectOnce(_ options: [String] = [], out: String = "out", program: String = Executables.sallyport) throws
        -> Collected
    {
        var command = Command(program, ["collect", left, "--out", home.at(out)] + options)
        command.environment = ["PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/root"]
        return try Collected(try command.run(), directory: home.at(out))
    }

    /// Every name with its kind, mode, owner, size and times of change and access, and the digest of every file.
    func fingerprint() throws -> String {
        let script = """
            find "$1" -printf '%p %y %m %U %G %s %T@ %A@ %l\\n' | sort
            find "$1" -type f -size -64M -exec sha256sum {} + | sort
            """
        // The digests are read first: reading sets the time of access.
        let command = Command("/bin/sh", ["-c", script, "sh", left])
        _ = try command.run()
        let text = try command.run().text
        try #require(text.contains(left))
        return text
    }
}

/// What a collect left.
struct Collected {
    let finished: Finished
    let directory: String
    let record: JSON?

    init(_ finished: Finished, directory: String) throws {
        self.finished = finished
        self.directory = directory
        let file = directory + "/collect.json"
        record = try contents(file).map { try JSON.read($0, file: file) }
    }

    var code: Int32? { finished.code }
    var outcome: String? { record?["outcome"]?.stringValue }
    var refusal: String { record?["refusal"]?.stringValue ?? "" }
    var commit: String? { record?["delivered"]?["commit"]?.stringValue }
    var branch: String? { record?["delivered"]?["branch"]?.stringValue }
    var repository: String { directory + "/result.git" }

    func leftOut(_ path: String) -> String? {
        record?["left_out"]?.arrayValue?.first { $0["path"]?.stringValue == path }?["reason"]?.stringValue
    }

    func git(_ arguments: String...) throws -> String { try CollectScene.git(repository, arguments) }
}
