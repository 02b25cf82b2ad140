// SPDX-License-Identifier: Apache-2.0

/// What a file of a bundle is.
package enum FileKind: String, Sendable, CaseIterable {
    /// The summary that outside programs read.
    case evidence
    /// The chained records of what the host did and saw.
    case audit
    /// What the caller asked for.
    case prompt
    /// The launch plan of a sandbox, and its environment.
    case plan
    /// The resolved profile of a sandbox.
    case profile
    /// The supervisor's record of a sandbox.
    case record
    /// What a sandbox's gateway decided about the network.
    case network
    /// What a sandbox asked of its own repository, as its broker took it down.
    case repository
    /// What a credential was used for.
    case uses
    /// What a sandbox asked of models, and what it cost.
    case model
    /// What a sandbox asked of a forge, and what became of it.
    case forge
    /// What it proposed there.
    case proposals
    /// What was said to models and by them.
    case transcript
    /// What a sandbox printed.
    case log
    /// What the runner stated.
    case frames
    /// What the agent left, before it was checked.
    case received
    /// What was delivered: repository, bundle, patch.
    case result
    /// What checks of the delivered commit came to.
    case criteria
    /// A file that the task declared as evidence.
    case declared
    /// Another file of the host's.
    case other

    package enum Source: String, Sendable {
        /// By whoever asked for the task.
        case given
        /// By the host, of what it did, or of what it and the kernel saw.
        case observed
        /// By what ran inside: it may say anything.
        case claimed
    }

    package var source: Source {
        switch self {
        case .prompt: .given
        case .log, .frames, .received, .declared, .transcript, .proposals: .claimed
        case .evidence, .audit, .plan, .profile, .record, .network, .repository, .uses, .model, .forge, .result,
            .criteria,
            .other:
            .observed
        }
    }

    /// The kind of a file by its name, as `sallyport task run` names them.
    package init(path: String) {
        let exact: [String: FileKind] = [
            Manifest.evidenceName: .evidence, Manifest.auditName: .audit, Manifest.openingName: .evidence,
            Manifest.promptName: .prompt, "blueprint.json": .prompt, "task-profile.yaml": .profile,
            "task.md": .prompt, "forge.view.json": .prompt, "agent.script": .prompt, "work.findings": .received,
            "findings.json": .declared,
            "frames.jsonl": .frames, "work.bundle": .received, "result.bundle": .result, "result.patch": .result,
            Manifest.usesName: .uses,
        ]
        let endings: [(String, FileKind)] = [
            (".plan.json", .plan), (".environment.json", .plan), (".profile.txt", .profile),
            (".profile.yaml", .profile),
            (".result.json", .record), (".audit.jsonl", .network), (".git.jsonl", .repository),
            (".model.jsonl", .model), (".model-transcript.jsonl", .transcript), (".forge.jsonl", .forge),
            (".proposals.jsonl", .proposals), (".log", .log), (".prompt.md", .prompt), (".received", .received),
            (".document.json", .declared), (".frames.jsonl", .frames), (".bundle", .received),
        ]
        let beneath: [(String, FileKind)] = [
            ("result.git/", .result), ("criteria/", .criteria), ("declared/", .declared),
        ]
        self =
            exact[path] ?? beneath.first { path.hasPrefix($0.0) }?.1
            ?? (path.contains("/") ? nil : endings.first { path.hasSuffix($0.0) }?.1) ?? .other
    }
}
