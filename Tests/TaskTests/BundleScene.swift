// SPDX-License-Identifier: Apache-2.0
import Delivery
import Documents
import Glibc
import LinuxSystem
import TestSupport
import Testing

/// A real task's bundle, and its verifier.
struct BundleScene {
    let scene: TaskScene
    let directory: String

    init(_ scene: TaskScene, _ directory: String) {
        self.scene = scene
        self.directory = directory
    }

    /// The same bundle at another place, to be changed there.
    func copied(_ name: String) throws -> BundleScene {
        try shell("cp -a . \"../$1\"", [name])
        return BundleScene(scene, scene.sallyport.home.at(name))
    }

    /// - Parameter agent: Has a refused system call in it, so that the audit holds a denial.
    init(agent: String = "echo fixed > file; unshare -m true; true", options: [String] = []) throws {
        scene = try TaskScene()
        let done = try scene.task(agent: agent, options: options)
        try #require(done.outcome == "verified", "\(done.finished.errorText)")
        directory = done.directory
    }

    var state: String { scene.sallyport.state }

    /// Every plain file of the bundle, relative to it.
    func files() throws -> [String] {
        let listing = try Command("/usr/bin/find", [directory, "-type", "f", "-printf", "%P\n"]).run()
        let files = listing.lines.sorted()
        try #require(files.count > 20 && files.contains("manifest.json") && files.contains("audit.jsonl"))
        return files
    }

    func at(_ name: String) -> String { "\(directory)/\(name)" }

    struct Answer {
        let finished: Finished
        let json: JSON?
        var code: Int32? { finished.code }
        var isValid: Bool? { json?["valid"]?.boolValue }
        var findings: [JSON] { json?["findings"]?.arrayValue ?? [] }
        /// The files that are named, each once, in the order of the findings.
        var files: [String] {
            findings.compactMap { $0["file"]?.stringValue }.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
        }
        /// The records of the audit that are named.
        var records: [Int] { findings.compactMap { $0["record"]?.intValue } }
        var problems: String { findings.compactMap { $0["problem"]?.stringValue }.joined(separator: "; ") }
    }

    func verify(_ path: String? = nil, _ options: [String] = []) throws -> Answer {
        let finished = try scene.sallyport.command(
            ["evidence", "verify", path ?? directory, "--json"] + options
        ).run()
        return Answer(
            finished: finished, json: finished.output.isEmpty ? nil : try JSONParser.parse(finished.output))
    }

    /// Changes a file, looks at the bundle, and puts the file back.
    func changing(_ name: String, _ change: ([UInt8]) throws -> [UInt8]) throws -> Answer {
        let before = try #require(contents(at(name)))
        let after = try change(before)
        try #require(after != before)
        try overwrite(name, after)
        defer { #expect(throws: Never.self) { try overwrite(name, before) } }
        return try verify()
    }

    func overwrite(_ name: String, _ bytes: [UInt8]) throws {
        let place = name.split(separator: "/").dropLast().joined(separator: "/")
        let scratch = scene.sallyport.home
        let relative = String(at(name).dropFirst(scratch.path.utf8.count + 1))
        try scratch.file(relative, bytes: bytes, mode: place.isEmpty ? 0o600 : 0o644)
    }

    /// Signs the bundle as it is now with the host's own key.
    ///
    /// - Parameter anew: The statement is made of what `evidence.json` says now; else it says the same as before.
    func reseal(anew: Bool = false) throws {
        let envelope = try Envelope(try #require(contents(at(Manifest.envelopeName))))
        let manifest = try Manifest(try #require(contents(at(Manifest.name))))
        let statement = try Statement(envelope.payload)
        var (delivered, predicate) = (statement.delivered, statement.predicate)
        if anew {
            let evidence = try JSONParser.parse(try #require(contents(at(Manifest.evidenceName))))
            (delivered, predicate) = (Statement.delivered(of: evidence), Statement.predicate(of: evidence))
        }
        try shell("rm manifest.json evidence.dsse.json")
        let seal = BundleSeal(task: manifest.task, delivered: delivered, audit: try rechain())
        _ = try seal.seal(try Directory.open(directory), predicate: predicate, with: try KeyStore(state: state).load())
    }

    /// Chains the records of the audit as they are now.
    @discardableResult
    func rechain() throws -> AuditChain {
        let before = try #require(contents(at(Manifest.auditName)))
        var chain = AuditChain()
        var after: [UInt8] = []
        for line in before.split(separator: 0x0A) {
            // The digest of the line before it is the last that a record has.
            let record = line.dropLast(66) + Array("\(chain.head)\"}\n".utf8)
            after += record
            chain.extend(Array(record), digest: Digest.sha256)
        }
        if after != before { try overwrite(Manifest.auditName, after) }
        return chain
    }

    /// Runs something on the bundle with a shell, in its directory.
    @discardableResult
    func shell(_ script: String, in place: String? = nil, _ arguments: [String] = []) throws -> Finished {
        var command = Command("/bin/sh", ["-euc", script, "sh"] + arguments)
        command.directory = place ?? directory
        let done = try command.run()
        try #require(done.code == 0, "\(script): \(done.errorText)")
        return done
    }
}
