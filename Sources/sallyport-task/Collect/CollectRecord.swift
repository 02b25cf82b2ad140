// SPDX-License-Identifier: Apache-2.0
internal import Delivery
internal import Documents
internal import Workspace

/// What `collect.json` says: first what a reader has to look at, then what was taken, then what was not.
struct CollectRecord {
    enum Outcome: String {
        case delivered
        /// The directory cannot be read as it was left, or the gate does not let the branch pass.
        case refused
        case nothingToDeliver = "nothing_to_deliver"
    }

    /// What came of `--push`.
    struct Push {
        let remote: String
        /// Nil when the branch is there.
        let failure: String?
    }

    let directory: String
    let reader: LeftTreeView.Reader
    var outcome = Outcome.refused
    var refusal: String?
    var layout: String?
    /// The branch in the directory, nil when HEAD is detached or has an odd name.
    var name: String?
    var head: ObjectID?
    var base: ObjectID?
    var reference: String?
    /// Where the receiver's branch stood.
    var onto: ObjectID?
    var push: Push?
    var delivered: Delivered?
    var gate: GateVerdict?
    var ignored = 0
    var leftOut: [(path: String, reason: String)] = []
    var leftOutCount = 0
    var notes: [String] = []
    var references: [(name: String, id: String)] = []

    init(directory: String, reader: LeftTreeView.Reader) {
        self.directory = directory
        self.reader = reader
    }

    /// Takes over what the reading step says.
    mutating func read(_ report: StepReport) throws(TaskFailure) {
        layout = report["layout"]
        name = report["name"]
        head = report["head"] == nil ? nil : try report.commit("head")
        base = report["base"] == nil ? nil : try report.commit("base")
        ignored = try report.number("ignored")
        leftOutCount = try report.number("left_count")
        leftOut = report.all("left").map {
            let parts = $0.split(separator: " \(StepProcess.separator) ", maxSplits: 1)
            return (parts.count == 2 ? String(parts[1]) : "", String(parts[0]))
        }
        notes = report.all("note")
        references = report.all("reference").compactMap {
            let parts = $0.split(separator: " ", maxSplits: 1)
            guard parts.count == 2, ObjectID(parts[0]) != nil else { return nil }
            return (String(parts[1]), String(parts[0]))
        }
    }

    /// The delivered branch by its short name.
    var branch: String? { reference.map { String($0.dropFirst("refs/heads/".count)) } }

    func json(files: [(name: String, digest: String)]) -> JSON {
        [
            "version": 1,
            "outcome": .string(outcome.rawValue),
            "flags": gate?.flags ?? [],
            "refusals": gate?.refusals ?? [],
            "gate": .optional(gate?.word),
            "rules": gate?.rules.json ?? .null,
            "refusal": .optional(refusal),
            "delivered": deliveredJSON,
            "base": .optional(base?.description),
            "push": pushJSON,
            "left_out": .array(leftOut.map { ["path": .string($0.path), "reason": .string($0.reason)] }),
            "left_out_count": .int(leftOutCount),
            "ignored": .int(ignored),
            "notes": .array(notes.map { .string($0) }),
            "source": [
                "directory": .string(directory), "layout": .optional(layout), "branch": .optional(name),
                "head": .optional(head?.description), "read_as": .string(reader.rawValue), "configuration": "not read",
                "references": .array(
                    references.map {
                        ["name": .string($0.name), "id": .string($0.id), "taken": .bool($0.name == taken)]
                    }),
            ],
            "files": .object(files.map { JSON.Member($0.name, .string($0.digest)) }),
        ]
    }

    private var taken: String? { name.map { "refs/heads/\($0)" } }

    private var pushJSON: JSON {
        guard let push else { return .null }
        return [
            "remote": .string(push.remote), "from": .optional(onto?.description),
            "failure": .optional(push.failure),
        ]
    }

    private var deliveredJSON: JSON {
        guard let delivered else { return .null }
        return [
            "commit": .string("\(delivered.commit)"), "tree": .string("\(delivered.tree)"), "branch": .optional(branch),
            "repository": "result.git",
            "bundle": "result.bundle", "patch": delivered.hasPatch ? "result.patch" : .null,
            "working_tree": .bool(delivered.commit != head), "commits": .int(delivered.commits),
            "files": .int(delivered.files), "insertions": .int(delivered.insertions),
            "deletions": .int(delivered.deletions),
        ]
    }
}
