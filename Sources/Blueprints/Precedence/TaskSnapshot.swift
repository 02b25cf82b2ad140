// SPDX-License-Identifier: Apache-2.0
package import Documents
internal import Policy
package import TaskModel

/// Everything of a blueprint that a task lives by, as it stood at submission: later changes do not shift a running task.
///
/// Stored in the task's row beside the SHA-256 of ``bytes``, which the evidence names too.
package struct TaskSnapshot: Sendable {
    package let blueprint: Blueprint
    package let type: TaskType
    package let limits: SettledFigures

    package init(blueprint: Blueprint, type: TaskType, limits: SettledFigures) {
        self.blueprint = blueprint
        self.type = type
        self.limits = limits
    }

    package var json: JSON {
        [
            "version": 1, "type": .string(type.rawValue), "blueprint": blueprint.document,
            "sequence": .array(blueprint.pipeline.sequence.steps.map(\.document)), "limits": limits.json,
        ]
    }

    /// Canonical: equal snapshots have equal bytes.
    package var bytes: [UInt8] { JSONWriter().write(json) }

    /// The merged configuration by field, of which each step sees its part; see ``ConfigField/visible(to:)``.
    package var view: [ConfigField: JSON] {
        let document = blueprint.document
        var view: [ConfigField: JSON] = [
            .status: "active", .computeType: .string(blueprint.compute.rawValue),
            .maxTurns: .int(limits.maxTurns.value), .profile: .string(blueprint.profile),
            .pollInterval: .int(blueprint.pipeline.pollMilliseconds), .gate: .string(blueprint.pipeline.gate.rawValue),
            .stepSequence: .array(blueprint.pipeline.sequence.steps.map(\.document)),
            .screening: .string(blueprint.screening.rawValue),
        ]
        func add(_ field: ConfigField, _ value: JSON?) { if let value { view[field] = value } }
        add(.modelID, limits.model.map { .string($0.value) })
        add(.maxBudget, limits.maxBudget.map { .string(Money.text($0.value)) })
        add(.source, document["source"])
        add(.promptOverrides, document["agent"]?["system_prompt"])
        add(.forgeCredential, document["credentials"]?["forge"] ?? document["credentials"]?["github_app"])
        add(.egress, document["networking"]?["egress"])
        add(.resources, document["resources"])
        add(.filesystem, document["filesystem"])
        add(.runner, document["runner"])
        add(.models, document["runner"]?["models"])
        add(.customSteps, document["pipeline"]?["custom_steps"])
        add(.setupCommand, document["pipeline"]?["setup_command"])
        add(.buildCommand, document["pipeline"]?["build_command"])
        add(.lintCommand, document["pipeline"]?["lint_command"])
        add(.testCommand, document["pipeline"]?["test_command"])
        add(.submitters, document["submitters"])
        add(.approvals, document["approvals"])
        add(.budgets, document["budgets"])
        add(.scope, document["scope"])
        add(.taskTypes, document["task_types"])
        return view
    }

    /// What a custom step gets for one attempt.
    package func input(
        for step: CustomStep, task: String, correlation: CorrelationID? = nil, round: Int, attempt: Int,
        results: StepResults
    ) -> StepInput {
        StepInput(
            task: task, correlation: correlation, repository: blueprint.repo.description, step: step, attempt: attempt,
            round: round, view: view, results: results, keeping: blueprint.pipeline.previousResults)
    }

    package func stored(sha256: ([UInt8]) -> String) -> StoredBlueprint {
        let bytes = bytes
        return StoredBlueprint(text: String(decoding: bytes, as: UTF8.self), digest: sha256(bytes))
    }

    /// The same for what a store gives back; nil, or another text than was stored, is none.
    package static func load(
        _ stored: StoredBlueprint?, of name: String, sha256: ([UInt8]) -> String
    ) throws(BlueprintRefusal) -> TaskSnapshot {
        let bytes = Array((stored?.text ?? "").utf8)
        guard let stored, sha256(bytes) == stored.digest else {
            throw BlueprintRefusal([
                BlueprintFlaw(
                    at: Place(file: "the snapshot of task \(name)", line: 0),
                    stored == nil ? "there is none" : "its digest is another than the one that was stored with it",
                    remedy: "Submit the task again.")
            ])
        }
        return try load(bytes, of: name)
    }

    /// Reads a stored snapshot, and checks all of it again: a task does not begin on what a store merely gave back.
    ///
    /// - Parameter name: Of the task, for messages.
    package static func load(_ bytes: [UInt8], of name: String) throws(BlueprintRefusal) -> TaskSnapshot {
        let place = Place(file: "the snapshot of task \(name)", line: 0)
        func refusal(_ reason: String) -> BlueprintRefusal {
            BlueprintRefusal([BlueprintFlaw(at: place, reason, remedy: "Submit the task again.")])
        }
        let json: JSON
        do throws(JSONParser.Failure) { json = try JSONParser.parse(bytes) } catch {
            throw refusal("it is no JSON: \(error.reason)")
        }
        guard json["version"] == 1, let document = json["blueprint"],
            let type = json["type"]?.stringValue.flatMap(TaskType.init(rawValue:)),
            let limits = json["limits"].flatMap(SettledFigures.init(json:)), let listed = json["sequence"]?.arrayValue
        else { throw refusal("it has no version 1, type, blueprint, sequence or limits") }
        let blueprint = try Blueprint.read(JSONWriter().write(document), file: place.file)
        let steps = listed.compactMap(StepReference.init(json:))
        guard steps.count == listed.count else { throw refusal("its sequence has an entry that is no step") }
        let sequence = try StepSequence.loaded(steps, custom: blueprint.pipeline.customSteps, from: place)
        guard sequence == blueprint.pipeline.sequence else { throw refusal("its sequence is not the blueprint's") }
        return TaskSnapshot(blueprint: blueprint, type: type, limits: limits)
    }
}

extension StepReference {
    fileprivate init?(json: JSON) {
        guard let kind = json["type"]?.stringValue.flatMap(Kind.init(rawValue:)), let name = json["name"]?.stringValue
        else { return nil }
        self.init(kind: kind, name: name)
    }
}

extension Settled {
    fileprivate func json(_ write: (Value) -> JSON) -> JSON {
        var members: [JSON.Member] = [.init("value", write(value)), .init("layer", .string(layer.rawValue))]
        if let wanted { members.append(.init("wanted", write(wanted))) }
        return .object(members)
    }

    fileprivate init?(json: JSON?, _ read: (JSON) -> Value?) {
        guard let json, let value = json["value"].flatMap(read),
            let layer = json["layer"]?.stringValue.flatMap(Layer.init(rawValue:))
        else { return nil }
        self.init(value: value, layer: layer, wanted: json["wanted"].flatMap(read))
    }
}

extension SettledFigures {
    package var json: JSON {
        var members: [JSON.Member] = [.init("max_turns", maxTurns.json { .int($0) })]
        if let maxBudget { members.append(.init("max_budget_usd", maxBudget.json { .string(Money.text($0)) })) }
        if let model { members.append(.init("model_id", model.json { .string($0) })) }
        members.append(.init("approval_timeout_s", approvalTimeoutSeconds.json { .int($0) }))
        members.append(.init("approval_gate_cap", approvalCap.json { .int($0) }))
        return .object(members)
    }

    fileprivate init?(json: JSON) {
        guard let turns = Settled<Int>(json: json["max_turns"], \.intValue),
            let timeout = Settled<Int>(json: json["approval_timeout_s"], \.intValue),
            let cap = Settled<Int>(json: json["approval_gate_cap"], \.intValue)
        else { return nil }
        maxTurns = turns
        approvalTimeoutSeconds = timeout
        approvalCap = cap
        maxBudget = Settled<UInt64>(json: json["max_budget_usd"]) { $0.stringValue.flatMap { Money.microDollars($0) } }
        model = Settled<String>(json: json["model_id"], \.stringValue)
    }
}
