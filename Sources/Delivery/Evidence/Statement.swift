// SPDX-License-Identifier: Apache-2.0
package import Documents

/// What is signed: an in-toto Statement about the delivered commit and about the manifest.
///
/// - SeeAlso: https://github.com/in-toto/attestation, spec/v1/statement.md and digest_set.md.
package struct Statement: Equatable, Sendable {
    package static let type = "https://in-toto.io/Statement/v1"
    package static let predicateType = "urn:sallyport:task-evidence:v1"

    /// The commit that was delivered.
    package struct Delivered: Equatable, Sendable {
        package let branch: String
        package let commit: String
        package let tree: String

        package init(branch: String, commit: String, tree: String) {
            self.branch = branch
            self.commit = commit
            self.tree = tree
        }
    }

    package let delivered: Delivered?
    /// SHA-256 of the manifest's bytes.
    package let manifest: String
    /// What is said about them: `observed` and `claimed` apart.
    package let predicate: JSON

    package init(delivered: Delivered?, manifest: String, predicate: JSON) {
        self.delivered = delivered
        self.manifest = manifest
        self.predicate = predicate
    }

    package var bytes: [UInt8] {
        var subjects: [JSON] = []
        if let delivered {
            subjects.append([
                "name": .string(delivered.branch),
                "digest": ["gitCommit": .string(delivered.commit), "gitTree": .string(delivered.tree)],
            ])
        }
        subjects.append(["name": .string(Manifest.name), "digest": ["sha256": .string(manifest)]])
        return JSONWriter().write([
            "_type": .string(Self.type), "subject": .array(subjects), "predicateType": .string(Self.predicateType),
            "predicate": predicate,
        ])
    }

    package init(_ bytes: [UInt8]) throws(Flaw) {
        let json: JSON
        do throws(JSONParser.Failure) { json = try JSONParser.parse(bytes) } catch {
            throw Flaw("its statement is no JSON: \(error.reason) at byte \(error.offset)")
        }
        guard json["_type"]?.stringValue == Self.type, json["predicateType"]?.stringValue == Self.predicateType,
            let subjects = json["subject"]?.arrayValue, let predicate = json["predicate"],
            predicate["version"]?.intValue == 1
        else { throw Flaw("it is no statement about the evidence of a task") }
        guard let last = subjects.last, last["name"]?.stringValue == Manifest.name,
            let manifest = last["digest"]?["sha256"]?.stringValue, Manifest.isDigest(manifest)
        else { throw Flaw("its statement names no manifest") }
        switch subjects.count {
        case 1: delivered = nil
        case 2: delivered = try Self.delivered(subjects[0])
        default: throw Flaw("its statement has \(subjects.count) subjects")
        }
        self.manifest = manifest
        self.predicate = predicate
    }

    private static func delivered(_ subject: JSON) throws(Flaw) -> Delivered {
        guard let branch = subject["name"]?.stringValue, let commit = subject["digest"]?["gitCommit"]?.stringValue,
            let tree = subject["digest"]?["gitTree"]?.stringValue
        else { throw Flaw("its statement names a commit that is none") }
        return Delivered(branch: branch, commit: commit, tree: tree)
    }
}
