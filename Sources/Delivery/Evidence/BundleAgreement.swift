// SPDX-License-Identifier: Apache-2.0
internal import Documents

/// Holds the documents of a bundle against each other: all of them are signed, and still have to tell one story.
struct BundleAgreement {
    let manifest: Manifest
    let statement: Statement

    /// Reads `evidence.json` and compares it with manifest and statement; nil when it cannot be read.
    func check(_ bytes: [UInt8], _ report: inout BundleReport) -> JSON? {
        let evidence: JSON
        do throws(JSONParser.Failure) { evidence = try JSONParser.parse(bytes) } catch {
            report.add(Manifest.evidenceName, "is no JSON: \(error.reason) at byte \(error.offset)")
            return nil
        }
        func require(_ holds: Bool, _ problem: String) {
            if !holds { report.add(Manifest.evidenceName, problem) }
        }
        require(evidence["task"]?.stringValue == manifest.task, "is of another task than the manifest")
        for member in ["task", "outcome"] {
            require(
                evidence[member]?.stringValue != nil && evidence[member] == statement.predicate[member],
                "has another \(member) than the statement")
        }
        require(Self.delivered(evidence) == statement.delivered, "has another delivered commit than the statement")
        files(evidence, require)
        for session in evidence["observed"]?.objectValue ?? [] { sandbox(session, require) }
        return evidence
    }

    private static func delivered(_ evidence: JSON) -> Statement.Delivered? {
        guard let delivered = evidence["delivered"], let branch = delivered["branch"]?.stringValue,
            let commit = delivered["commit"]?.stringValue, let tree = delivered["tree"]?.stringValue
        else { return nil }
        return .init(branch: branch, commit: commit, tree: tree)
    }

    /// Every file beside the evidence is in it with its digest, and no other.
    private func files(_ evidence: JSON, _ require: (Bool, String) -> Void) {
        var listed: [String: String] = [:]
        for member in evidence["files"]?.objectValue ?? [] { listed[member.name] = member.value.stringValue ?? "" }
        let beside = manifest.files.filter { !$0.key.contains("/") && $0.key != Manifest.evidenceName }
        for (path, file) in beside.sorted(by: { $0.key < $1.key }) {
            require(listed.removeValue(forKey: path) == file.digest, "has another digest of \(path) than the manifest")
        }
        for path in listed.keys.sorted() { require(false, "lists \(path), which the manifest does not have") }
    }

    /// What it says of a sandbox is what the files of that sandbox are.
    private func sandbox(_ session: JSON.Member, _ require: (Bool, String) -> Void) {
        let label = session.name
        let plan = manifest.files["\(label).plan.json"]?.digest
        require(plan == session.value["plan_digest"]?.stringValue, "has another plan of \"\(label)\" than the bundle")
        let profile = manifest.files["\(label).profile.txt"]?.digest
        require(
            profile == session.value["profile"]?["digest"]?.stringValue,
            "has another profile of \"\(label)\" than the bundle")
        let hadRepository = (session.value["git"] ?? .null) != .null
        require(
            hadRepository == (manifest.files["\(label).git.jsonl"] != nil),
            "says otherwise than the bundle whether \"\(label)\" had a repository of its own")
    }
}
