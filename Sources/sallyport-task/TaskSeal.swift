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
        let outcome = evidence.outcome ?? .interrupted
        try audit.record(
            evidence.isSuccess ? "task_completed" : "task_failed", [.init("outcome", .string(outcome.rawValue))])
        evidence.machine = try hostFacts()
        let json = evidence.json(files: try delivery.digests())
        try delivery.write(Manifest.evidenceName, JSONWriter(pretty: true).write(json) + [0x0A])
        let branch = evidence.branch
        let delivered = evidence.delivered.map {
            Statement.Delivered(branch: branch, commit: "\($0.commit)", tree: "\($0.tree)")
        }
        let directory = try delivery.held()
        do throws(EvidenceError) {
            let seal = BundleSeal(task: evidence.task, delivered: delivered, audit: audit.chain)
            return (json, try seal.seal(directory, predicate: Self.predicate(json), with: try keys.load()))
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

    /// What the statement says of the task: the same facts as the evidence, in short, and who saw them.
    private static func predicate(_ evidence: JSON) -> JSON {
        func members(_ names: [String], of json: JSON?) -> JSON {
            .object(names.map { .init($0, json?[$0] ?? .null) })
        }
        let observed = (evidence["observed"]?.objectValue ?? []).map { session -> JSON.Member in
            .init(
                session.name,
                members(
                    ["session", "outcome", "exit_code", "test", "plan_digest", "profile", "duration_ms"],
                    of: session.value))
        }
        return [
            "version": 1, "task": evidence["task"] ?? .null, "outcome": evidence["outcome"] ?? .null,
            "started": evidence["started"] ?? .null, "finished": evidence["finished"] ?? .null,
            "host": evidence["host"] ?? .null,
            "request": members(["prompt_sha256", "profile", "base"], of: evidence["request"]),
            "base": members(["commit", "name"], of: evidence["base"]),
            "gate": members(["verdict"], of: evidence["gate"]), "observed": .object(observed),
            "claimed": ["frames": .int(evidence["claimed"]?["frames"]?.arrayValue?.count ?? 0)],
        ]
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
