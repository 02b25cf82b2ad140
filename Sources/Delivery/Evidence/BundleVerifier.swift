// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import Glibc
package import LinuxSystem

/// Looks at a bundle of unknown origin and names everything in it that is not what the holder of a key signed.
///
///     evidence.dsse.json ──signature──▶ statement ──sha256──▶ manifest.json ──sha256 each──▶ every other file
///                                                                   └──head──▶ records of audit.jsonl
///
/// What is not proven is not read further: behind a manifest that is not the signed one there is nothing to compare.
package struct BundleVerifier: Sendable {
    package let key: PublicKey

    package init(key: PublicKey) { self.key = key }

    private static let largestAudit = 64 << 20
    private static let largestRecord = 4 << 20
    private static let largestUses = 64 << 20

    /// - Throws: ``EvidenceError`` when the bundle cannot be looked at; what is wrong with it is in the report.
    package func verify(_ directory: consuming Directory) throws(EvidenceError) -> BundleReport {
        let tree = BundleTree(directory)
        var report = BundleReport(key: key.id)
        try onHost { () throws(SystemError) in
            guard let statement = try self.statement(tree, &report) else { return }
            report.statement = statement
            guard let manifest = try self.manifest(tree, statement, &report) else { return }
            report.manifest = manifest
            try compare(tree, manifest, &report)
            try proveAudit(tree, manifest, &report)
            guard report.findings.isEmpty else { return }
            try agree(tree, BundleAgreement(manifest: manifest, statement: statement), &report)
        }
        return report
    }

    /// Holds the documents against each other, each kind once those before it do not contradict themselves.
    private func agree(_ tree: borrowing BundleTree, _ agreement: BundleAgreement, _ report: inout BundleReport)
        throws(SystemError)
    {
        let manifest = agreement.manifest
        guard let bytes = try proven(Manifest.evidenceName, Manifest.largest, tree, manifest, &report),
            let evidence = agreement.check(bytes, &report)
        else { return }
        report.evidence = evidence
        guard report.findings.isEmpty else { return }
        if manifest.files[Manifest.openingName] != nil,
            let bytes = try proven(Manifest.openingName, Manifest.largest, tree, manifest, &report)
        {
            agreement.checkOpening(bytes, evidence, &report)
        }
        var sandboxes: [ObservedSandbox] = []
        for session in evidence["observed"]?.objectValue ?? [] {
            let name = session.name + ObservedSandbox.recordEnding
            guard let bytes = try proven(name, Self.largestRecord, tree, manifest, &report) else { continue }
            do throws(Flaw) {
                sandboxes.append(ObservedSandbox(label: session.name, record: try SessionRecord(bytes)))
            } catch { report.add(name, "cannot be used: \(error.reason)") }
        }
        guard report.findings.isEmpty else { return }
        agreement.checkSandboxes(sandboxes, evidence, &report)
        guard report.findings.isEmpty else { return }
        agreement.checkOutcome(sandboxes, evidence, &report)
        let hasUses = manifest.files[Manifest.usesName] != nil
        guard let uses = try hasUses ? proven(Manifest.usesName, Self.largestUses, tree, manifest, &report) : []
        else { return }
        agreement.checkUses(uses, evidence, &report)
        guard report.findings.isEmpty,
            let audit = try proven(Manifest.auditName, Self.largestAudit, tree, manifest, &report)
        else { return }
        agreement.checkAudit(audit, sandboxes, evidence, &report)
    }

    /// The bytes of a file of the manifest, as they were signed; nil with a finding when they are not any more.
    private func proven(
        _ name: String, _ limit: Int, _ tree: borrowing BundleTree, _ manifest: Manifest, _ report: inout BundleReport
    ) throws(SystemError) -> [UInt8]? {
        guard let bytes = try bytes(name, limit, tree, &report) else { return nil }
        if manifest.files[name]?.digest == Digest.sha256(bytes) { return bytes }
        report.add(name, "is not what was signed: it changes while it is looked at")
        return nil
    }

    private func statement(_ tree: borrowing BundleTree, _ report: inout BundleReport) throws(SystemError)
        -> Statement?
    {
        let name = Manifest.envelopeName
        guard let bytes = try bytes(name, Envelope.largest, tree, &report) else { return nil }
        do throws(Flaw) {
            let envelope = try Envelope(bytes)
            guard envelope.keyID == key.id else {
                report.add(name, "is not signed with this key: it names another one, \(envelope.keyID)")
                return nil
            }
            guard key.verifies(envelope.signature, of: Envelope.signedBytes(envelope.payload)) else {
                report.add(name, "has a signature that is not of this key over this statement")
                return nil
            }
            return try Statement(envelope.payload)
        } catch {
            report.add(name, "cannot be used: \(error.reason)")
            return nil
        }
    }

    private func manifest(_ tree: borrowing BundleTree, _ statement: Statement, _ report: inout BundleReport)
        throws(SystemError) -> Manifest?
    {
        guard let bytes = try bytes(Manifest.name, Manifest.largest, tree, &report) else { return nil }
        guard Digest.sha256(bytes) == statement.manifest else {
            report.add(Manifest.name, "is not the one that was signed: its digest is another")
            return nil
        }
        do throws(Flaw) { return try Manifest(bytes) } catch {
            report.add(Manifest.name, "cannot be used: \(error.reason)")
            return nil
        }
    }

    /// The bytes of a file that must be there; nil with a finding when it is not, or is too large to be one of ours.
    private func bytes(_ name: String, _ limit: Int, _ tree: borrowing BundleTree, _ report: inout BundleReport)
        throws(SystemError) -> [UInt8]?
    {
        switch try tree.entry(name) {
        case nil: report.add(name, "is missing")
        case .directory, .foreign: report.add(name, "is no plain file")
        case .file(let size) where size > UInt64(limit): report.add(name, "is larger than \(limit) bytes")
        case .file: return try tree.read(name, limit: limit)
        }
        return nil
    }

    // MARK: Files

    /// Compares what is there with what the manifest has, in both directions.
    private func compare(_ tree: borrowing BundleTree, _ manifest: Manifest, _ report: inout BundleReport)
        throws(SystemError)
    {
        var unseen = Set(manifest.files.keys)
        var unseenDirectories = manifest.directories
        let ours: Set<String> = [Manifest.name, Manifest.envelopeName]
        var waiting = [""]
        while let below = waiting.popLast() {
            let limit = manifest.files.count + manifest.directories.count + BundleReport.mostFindings
            for (name, entry) in try tree.entries(of: below, limit: limit) {
                let path = (below.isEmpty ? "" : below + "/") + String(decoding: name, as: UTF8.self)
                if ours.contains(path) { continue }
                // A name that is no UTF-8 reads as another one here; no name of ours has what it reads as.
                if let file = manifest.files[path] {
                    unseen.remove(path)
                    try compare(path, entry, file, tree, &report)
                } else if manifest.directories.contains(path) {
                    unseenDirectories.remove(path)
                    if entry == .directory { waiting.append(path) } else { report.add(path, "is no directory") }
                } else {
                    report.add(path, "does not belong to the bundle")
                }
            }
        }
        for path in unseen.sorted() { report.add(path, "is missing") }
        for path in unseenDirectories.sorted() { report.add(path, "is missing, a directory") }
    }

    private func compare(
        _ path: String, _ entry: BundleEntry, _ file: Manifest.File, _ tree: borrowing BundleTree,
        _ report: inout BundleReport
    ) throws(SystemError) {
        switch entry {
        case .directory, .foreign: report.add(path, "is no plain file")
        case .file(let size) where size != file.size:
            report.add(path, "has \(size) bytes; \(file.size) were signed")
        case .file:
            if try tree.digest(path, size: file.size) != file.digest {
                report.add(path, "is not what was signed: its digest is another")
            }
        }
    }

    // MARK: Audit

    /// Names the record of the audit that is not what it was.
    private func proveAudit(_ tree: borrowing BundleTree, _ manifest: Manifest, _ report: inout BundleReport)
        throws(SystemError)
    {
        let name = Manifest.auditName
        guard case .file(let size) = try tree.entry(name), size <= Self.largestAudit else { return }
        if let fault = manifest.audit.fault(
            in: try tree.read(name, limit: Self.largestAudit), digest: Digest.sha256)
        {
            report.add(name, record: fault.record, fault.reason)
        }
    }
}
