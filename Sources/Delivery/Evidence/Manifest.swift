// SPDX-License-Identifier: Apache-2.0
internal import Documents

/// What a bundle holds: every file with size and digest, every directory, and the head of the audit's chain.
///
///     {"version": 1, "task": "t...", "audit": {"file": "audit.jsonl", "records": 12, "head": "<sha256>"},
///      "directories": ["result.git", ...],
///      "files": {"after.log": {"kind": "log", "source": "claimed", "size": 12, "sha256": "<sha256>"}, ...}}
///
/// Itself and the envelope are not in it: the envelope names the manifest's digest, and its signature covers that.
package struct Manifest: Equatable, Sendable {
    package static let name = "manifest.json"
    package static let envelopeName = "evidence.dsse.json"
    package static let auditName = "audit.jsonl"
    /// Each use of a credential for the task.
    package static let usesName = "uses.jsonl"
    package static let evidenceName = "evidence.json"
    /// What was written down before the agent began; its digest is in every commit.
    package static let openingName = "opening.json"
    package static let promptName = "prompt.md"
    /// What is delivered, three times the same.
    package static let repositoryName = "result.git"
    package static let bundleName = "result.bundle"
    package static let patchName = "result.patch"
    package static let largest = 32 << 20
    package static let mostFiles = 100_000

    package struct File: Equatable, Sendable {
        package let kind: FileKind
        package let size: UInt64
        package let digest: String

        package init(kind: FileKind, size: UInt64, digest: String) {
            self.kind = kind
            self.size = size
            self.digest = digest
        }
    }

    package var task: String
    package var files: [String: File]
    package var directories: Set<String>
    package var audit: AuditChain

    package init(task: String, files: [String: File], directories: Set<String>, audit: AuditChain) {
        self.task = task
        self.files = files
        self.directories = directories
        self.audit = audit
    }

    package var bytes: [UInt8] {
        let json: JSON = [
            "version": 1, "task": .string(task),
            "audit": [
                "file": .string(Self.auditName), "records": .int(audit.records), "head": .string(audit.head),
            ],
            "directories": .array(directories.sorted().map { .string($0) }),
            "files": .object(
                files.sorted { $0.key < $1.key }.map { path, file in
                    .init(
                        path,
                        [
                            "kind": .string(file.kind.rawValue), "source": .string(file.kind.source.rawValue),
                            "size": .number(file.size), "sha256": .string(file.digest),
                        ])
                }),
        ]
        return JSONWriter(pretty: true).write(json) + [0x0A]
    }

    /// Reads what ``bytes`` makes and nothing else.
    package init(_ bytes: [UInt8]) throws(Flaw) {
        let json: JSON
        do throws(JSONParser.Failure) { json = try JSONParser.parse(bytes) } catch {
            throw Flaw("it is no JSON: \(error.reason) at byte \(error.offset)")
        }
        guard json["version"]?.intValue == 1 else { throw Flaw("it is of another version than 1") }
        guard let task = json["task"]?.stringValue, let records = json["audit"]?["records"]?.intValue, records > 0,
            let head = json["audit"]?["head"]?.stringValue, Self.isDigest(head),
            let members = json["files"]?.objectValue, let names = json["directories"]?.arrayValue,
            members.count <= Self.mostFiles, names.count <= Self.mostFiles
        else { throw Flaw("a part of it is missing or malformed") }
        var files: [String: File] = [:]
        for member in members { files[member.name] = try Self.file(member) }
        self.init(
            task: task, files: files, directories: Set(names.compactMap(\.stringValue)),
            audit: AuditChain(records: records, head: head))
        for path in directories where !BundlePath.isValid(path.utf8) { throw Flaw("a directory's name is not plain") }
        guard self.bytes == bytes else { throw Flaw("it is not spelled as it was written") }
        for path in [Self.evidenceName, Self.auditName] where files[path] == nil { throw Flaw("it has no \(path)") }
        for path in [Self.name, Self.envelopeName] where files[path] != nil { throw Flaw("it has itself in it") }
    }

    private static func file(_ member: JSON.Member) throws(Flaw) -> File {
        guard BundlePath.isValid(member.name.utf8) else { throw Flaw("a file's name is not plain") }
        guard let kind = member.value["kind"]?.stringValue.flatMap({ FileKind(rawValue: $0) }),
            let size = member.value["size"]?.intValue, size >= 0, let digest = member.value["sha256"]?.stringValue,
            isDigest(digest)
        else { throw Flaw("what it says of \"\(member.name)\" is malformed") }
        return File(kind: kind, size: UInt64(size), digest: digest)
    }

    static func isDigest(_ text: String) -> Bool {
        text.utf8.count == 64 && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }
}
