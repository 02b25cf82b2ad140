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
        for member in ["opening", "prompt"] { document(member, evidence[member], require) }
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

    /// A document that it quotes by digest is the one in the bundle, or there is none.
    private func document(_ member: String, _ quoted: JSON?, _ require: (Bool, String) -> Void) {
        guard let name = Self.documents[member] else { return }
        let quotes = quoted.flatMap { $0["file"]?.stringValue == name ? $0["sha256"]?.stringValue : nil }
        require(quotes == manifest.files[name]?.digest, "has another digest of \(name) under \"\(member)\"")
    }

    private static let documents = ["opening": Manifest.openingName, "prompt": Manifest.promptName]

    /// Holds what was written down before the agent began against what was written at the end.
    ///
    /// - Parameter bytes: Of `opening.json`, whose digest the commits bear.
    func checkOpening(_ bytes: [UInt8], _ evidence: JSON, _ report: inout BundleReport) {
        let name = Manifest.openingName
        let opening: JSON
        do throws(JSONParser.Failure) { opening = try JSONParser.parse(bytes) } catch {
            return report.add(name, "is no JSON: \(error.reason) at byte \(error.offset)")
        }
        for member in ["task", "type", "repository", "request", "work_item", "prompt", "base"]
        where opening[member] == nil || opening[member] != evidence[member] {
            report.add(name, "has another \(member) than \(Manifest.evidenceName)")
        }
        // More sandboxes came later, and with the first of them its root file system.
        for (member, noun) in [("host", "host's"), ("observed", "sandbox")] {
            for part in opening[member]?.objectValue ?? [] where part.value != evidence[member]?[part.name] {
                report.add(name, "has another \(noun) \"\(part.name)\" than \(Manifest.evidenceName)")
            }
        }
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
