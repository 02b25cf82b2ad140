// SPDX-License-Identifier: Apache-2.0
import Delivery
import Documents
import TestSupport
import Testing
import Workspace

/// A repository of the host with a base commit and a branch on it, made by git, and the gate's answer about it.
struct GateScene {
    let home: Scratch
    let base: String
    private var work: String { home.at("work") }

    init() throws {
        _ = Self.library
        home = try Scratch()
        try home.directory("work")
        try Self.git(home.at("work"), ["init", "--quiet", "--initial-branch=sallyport/t1/fix"])
        try home.file("work/file", "one\n")
        try Self.git(home.at("work"), ["add", "--all"])
        try Self.git(home.at("work"), ["commit", "--quiet", "-m", "first"])
        base = try Self.git(home.at("work"), ["rev-parse", "HEAD"])
    }

    /// libgit2 is started once for the whole process.
    private static let library: Void = {
        do { try GitLibrary.start(budget: Budget()) } catch { Issue.record("\(error)") }
    }()

    @discardableResult
    func git(_ arguments: String..., input: [UInt8] = []) throws -> String {
        try Self.git(work, arguments, input: input)
    }

    @discardableResult
    static func git(_ directory: String, _ arguments: [String], input: [UInt8] = []) throws -> String {
        var command = Command("/usr/bin/git", ["-C", directory, "-c", "protocol.file.allow=always"] + arguments)
        command.environment = [
            "PATH": "/usr/bin:/bin", "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "LC_ALL": "C",
            "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@test.invalid", "GIT_COMMITTER_NAME": "c",
            "GIT_COMMITTER_EMAIL": "c@test.invalid",
        ]
        command.input = input
        let done = try command.run()
        try #require(done.code == 0, "git \(arguments): \(done.errorText)")
        var text = done.text
        while text.hasSuffix("\n") { text.removeLast() }
        return text
    }

    /// Writes a file, with the directories on its way.
    func file(_ name: String, _ bytes: [UInt8]) throws {
        var path = "work"
        for part in name.split(separator: "/").dropLast() {
            path += "/\(part)"
            try home.directory(path)
        }
        try home.file("work/\(name)", bytes: bytes)
    }

    func file(_ name: String, _ text: String = "x\n") throws { try file(name, Array(text.utf8)) }

    @discardableResult
    func commit(_ message: String = "work") throws -> String {
        try git("add", "--all", "--force")
        try git("commit", "--quiet", "--allow-empty", "-m", message)
        return try git("rev-parse", "HEAD")
    }

    /// Judges the branch as it stands.
    func judge(
        rules: GateRules = GateRules(), since base: String? = nil, everything: Bool = false,
        reference: String = "refs/heads/sallyport/t1/fix", more: [String] = [], onto: String? = nil,
        packBytes: Int = 1000,
        verified: String? = nil
    ) throws -> [Finding] {
        let path = home.at("host-\(UInt32.random(in: 0...UInt32.max)).git")
        try Self.git(home.path, ["clone", "--quiet", "--bare", work, path])
        let bare = try BareRepository.open(at: path)
        let head = try #require(ObjectID(try git("rev-parse", "HEAD")))
        let start = everything ? nil : ObjectID(base ?? self.base)
        try #require(everything || start != nil)
        let names = [reference] + more
        let candidate = PushCandidate(
            references: names.map { .init(name: Array($0.utf8), id: head) }, onto: onto.flatMap { ObjectID($0) },
            packBytes: packBytes, verifiedTree: verified.flatMap { ObjectID($0) })
        return try PushGate.judge(
            try ReceivedRange(bare, from: start, to: head), candidate, rules: rules, salt: Array("salt".utf8))
    }

    static func rules(_ text: String) throws -> GateRules {
        try GateRules(try Node.read(Array(("version: 1\n" + text).utf8), file: "rules.yaml"))
    }
}

extension [Finding] {
    /// `severity check place` of each.
    var brief: [String] { map { "\($0.severity.rawValue) \($0.check.rawValue) \($0.place)" } }
    var isRefused: Bool { contains { $0.severity == .refuse } }
    func of(_ check: Finding.Check) -> [Finding] { filter { $0.check == check } }
}
