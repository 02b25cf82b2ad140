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
        require(evidence["outcome"]?.stringValue != nil, "has no outcome")
        predicate(evidence, require)
        require(
            Statement.delivered(of: evidence) == statement.delivered, "has another delivered commit than the statement")
        files(evidence, require)
        for member in ["opening", "prompt"] { document(member, evidence[member], require) }
        results(evidence, require)
        sandboxes(evidence, require)
        return evidence
    }

    /// The statement says what would be signed of this evidence today.
    private func predicate(_ evidence: JSON, _ require: (Bool, String) -> Void) {
        let expected = Statement.predicate(of: evidence)
        if expected == statement.predicate { return }
        let other = (expected.objectValue ?? []).filter { $0.value != statement.predicate[$0.name] }
        for member in other { require(false, "has another \(member.name) than the statement") }
        require(!other.isEmpty, "is not all that the statement says of the task")
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

    /// What was delivered is there, it went the way that everything delivered goes, and nothing is there that was not.
    private func results(_ evidence: JSON, _ require: (Bool, String) -> Void) {
        let isDelivered = evidence["delivered"]?.isNull == false
        require(isDelivered == (Statement.delivered(of: evidence) != nil), "has a delivered commit that is none")
        let hasRepository = manifest.directories.contains(Manifest.repositoryName)
        let patch = evidence["delivered"]?["patch"] ?? .null
        for (name, isThere, isNamed) in [
            (Manifest.bundleName, manifest.files[Manifest.bundleName] != nil, isDelivered),
            (Manifest.patchName, manifest.files[Manifest.patchName] != nil, !patch.isNull),
        ] where isThere != isNamed {
            require(false, isThere ? "delivers no \(name), and there is one" : "delivers a \(name), and there is none")
        }
        require(!isDelivered || hasRepository, "delivers a \(Manifest.repositoryName), and there is none")
        let isBegun = (evidence["observed"]?.objectValue ?? []).contains { !$0.name.hasPrefix("before") }
        require(
            manifest.files[Manifest.openingName] != nil || !isDelivered && !isBegun,
            "has no \(Manifest.openingName), which stands before all work")
        if isDelivered {
            require(evidence["gate"]?["verdict"]?.stringValue == "passed", "delivers what did not pass the push gate")
        }
        // Only of what was never read there is no base.
        if evidence["base"]?["commit"]?.stringValue == nil {
            require(!isDelivered && !hasRepository, "names no base commit for what was taken in")
        }
    }

    /// It has every sandbox of which there are files, and what it says of one is what these files are.
    private func sandboxes(_ evidence: JSON, _ require: (Bool, String) -> Void) {
        var unseen: Set<String> = []
        for path in manifest.files.keys {
            guard let label = ObservedSandbox.label(ofFile: path) else { continue }
            // Of one that was interrupted before its end there is no record.
            let hasRecord = manifest.files[label + ObservedSandbox.recordEnding] != nil
            if hasRecord || evidence["outcome"]?.stringValue != "interrupted" { unseen.insert(label) }
        }
        for session in evidence["observed"]?.objectValue ?? [] {
            unseen.remove(session.name)
            sandbox(session, require)
        }
        for label in unseen.sorted() { require(false, "leaves out \"\(label)\", of which there are files") }
    }

    private func sandbox(_ session: JSON.Member, _ require: (Bool, String) -> Void) {
        let label = session.name
        require(
            manifest.files[label + ObservedSandbox.recordEnding] != nil, "has \"\(label)\", of which there is no record"
        )
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
