// SPDX-License-Identifier: Apache-2.0
import Foundation
import LinuxSystem
import Testing
import Workspace

/// A directory of one test, with the git command as the tool that makes repositories, good and bad ones.
final class Scratch {
    let path: String

    init() throws {
        _ = Self.library
        path = NSTemporaryDirectory() + "sallyport-workspace-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit {
        do {
            try FileManager.default.removeItem(atPath: path)
        } catch {
            Issue.record("cannot remove \(path): \(error)")
        }
    }

    /// libgit2 is started once for the whole process.
    private static let library: Void = {
        do {
            try GitLibrary.start(budget: Budget())
        } catch {
            Issue.record("\(error)")
        }
    }()

    static let environment = [
        "PATH": "/usr/bin:/bin", "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "LC_ALL": "C",
        "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@test.invalid", "GIT_COMMITTER_NAME": "c",
        "GIT_COMMITTER_EMAIL": "c@test.invalid", "GIT_AUTHOR_DATE": "1700000000 +0000",
        "GIT_COMMITTER_DATE": "1700000000 +0000",
    ]

    /// Runs git in a directory below the scratch one and returns its trimmed output.
    @discardableResult
    func git(_ directory: String, _ arguments: String..., input: [UInt8] = []) throws -> String {
        let output = try gitBytes(directory, arguments, input: input)
        return String(decoding: output, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    func gitBytes(_ directory: String, _ arguments: [String], input: [UInt8] = []) throws -> [UInt8] {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/git")
        process.arguments = ["-C", "\(path)/\(directory)", "-c", "protocol.file.allow=always"] + arguments
        process.environment = Self.environment
        let inputFile = "\(path)/input-\(UUID().uuidString)"
        try Data(input).write(to: URL(fileURLWithPath: inputFile))
        process.standardInput = try FileHandle(forReadingFrom: URL(fileURLWithPath: inputFile))
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "git \(arguments)")
        return [UInt8](output)
    }

    func write(_ name: String, _ bytes: [UInt8]) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: "\(path)/\(name)"))
    }

    func makeDirectory(_ name: String) throws {
        try FileManager.default.createDirectory(atPath: "\(path)/\(name)", withIntermediateDirectories: true)
    }

    /// A repository with one commit of one file; returns the commit.
    @discardableResult
    func makeRepository(_ name: String = "source") throws -> String {
        try makeDirectory(name)
        try git(name, "init", "--quiet", "--initial-branch=main")
        try write("\(name)/file", Array("one\n".utf8))
        return try commit(name, "first")
    }

    @discardableResult
    func commit(_ name: String, _ message: String) throws -> String {
        try git(name, "add", "--all")
        try git(name, "commit", "--quiet", "--allow-empty", "-m", message)
        return try git(name, "rev-parse", "HEAD")
    }

    func source(_ name: String = "source") throws -> SourceRepository {
        let directory = "\(path)/\(name)"
        return try SourceRepository(layout: try RepositoryLayout(path: directory), path: directory)
    }

    /// The host's repository `host.git` with the base commit of `source`, made the way a task makes it.
    func makeHost(from name: String = "source", reference: String? = nil) throws -> Host {
        let source = try source(name)
        let base = try source.resolve(reference)
        var pack: [UInt8] = []
        try source.pack(base, budget: Budget()) {
            pack += $0
            return true
        }
        try write("base.pack", pack)
        let bare = try BareRepository.create(at: "\(path)/host.git")
        try bare.takeBase(base.id, from: try open("base.pack"), budget: Budget())
        return Host(bare: bare, base: base.id)
    }

    func open(_ name: String) throws -> Descriptor { try Descriptor.open("\(path)/\(name)", O_RDONLY) }
}

/// The host's repository of a task, and the commit that the task starts from.
struct Host: ~Copyable {
    let bare: BareRepository
    let base: ObjectID
}
