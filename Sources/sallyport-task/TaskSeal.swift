// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Delivery
internal import Documents
internal import Glibc
internal import LinuxSystem

extension TaskRun {
    /// Writes the evidence, and seals everything that lies beside it.
    mutating func seal() throws(TaskFailure) -> (JSON, BundleSeal.Sealed) {
        evidence.finishedMilliseconds = Int(sp_clock_ns(CLOCK_REALTIME) / 1_000_000)
        try recordUses()
        try audit.record(.finished(evidence.json(files: []), isSuccess: evidence.isSuccess))
        evidence.machine = try hostFacts()
        let json = evidence.json(files: try delivery.digests())
        try delivery.write(Manifest.evidenceName, JSONWriter(pretty: true).write(json) + [0x0A])
        // A step that reads hostile bytes wrote what is delivered, and this host is to sign for it.
        if try delivery.contains(Manifest.repositoryName) {
            try step.require(DeliveredStory(evidence: json), in: delivery.path)
        }
        let delivered = Statement.delivered(of: json)
        let directory = try delivery.held()
        do throws(EvidenceError) {
            let seal = BundleSeal(task: evidence.task, delivered: delivered, audit: audit.chain)
            return (json, try seal.seal(directory, predicate: Statement.predicate(of: json), with: try keys.load()))
        } catch { throw TaskFailure(error) }
    }

    /// This host, with the root file system of the sandboxes so far, as their resolved profile names it.
    borrowing func hostFacts() throws(TaskFailure) -> JSON {
        var rootfs: String?
        if let label = evidence.sessions.first?.label {
            rootfs = try ProfileFile(try delivery.read("\(label).profile.yaml")).rootfs
        }
        return try HostFacts().json(rootfs: rootfs, state: state)
    }
}

/// The key with which this host signs.
enum EvidenceKey {
    /// Makes it where there is none, and finds out now whether it can be used.
    static func checked(_ state: String) throws(TaskFailure) -> KeyStore {
        let keys = KeyStore(state: state)
        do throws(EvidenceError) { _ = try keys.load() } catch { throw TaskFailure(error) }
        return keys
    }
}
