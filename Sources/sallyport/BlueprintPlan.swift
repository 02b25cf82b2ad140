// SPDX-License-Identifier: Apache-2.0
internal import Blueprints
internal import CLI
internal import Documents
internal import LinuxSystem
internal import Onboarding

/// What applying files would change, and doing so.
enum BlueprintPlan {
    static func plan(
        _ checked: [CheckedBlueprint], _ registry: borrowing BlueprintRegistry, json: Bool
    ) throws -> Int32 {
        guard reportFlaws(checked, json: json) else { return 1 }
        var rows: [JSON] = []
        for one in checked {
            guard let blueprint = one.blueprint else { continue }
            let before = try registry.current(blueprint.repo)
            let diff = try difference(before, to: blueprint)
            rows.append(row(one, before, diff))
            if !json { show(one, before, diff) }
        }
        if json { Output.out(JSON.array(rows).compactText) }
        return 0
    }

    /// Applies all files or, when one of them is not valid, none.
    static func apply(
        _ checked: [CheckedBlueprint], _ registry: borrowing BlueprintRegistry, expecting: String?, json: Bool
    ) throws -> Int32 {
        guard reportFlaws(checked, json: json) else { return 1 }
        if expecting != nil, checked.count > 1 { throw UsageError("--expect is for one file") }
        var rows: [JSON] = []
        for one in checked {
            guard let blueprint = one.blueprint else { continue }
            let before = try registry.current(blueprint.repo)
            let known = try known(expecting, before)
            let diff = try difference(before, to: blueprint)
            if !json { show(one, before, diff) }
            // The text counts as well: a comment that says why is worth a change.
            if diff.isEmpty, before?.text == one.text {
                rows.append(row(one, before, diff))
                continue
            }
            let change = try registry.apply(blueprint, text: one.text, onto: known, by: .caller)
            rows.append(.object(change.summary + [.init("changes", diff.json)]))
            if !json { Output.out("\(blueprint.repo): applied as change \(change.number)") }
        }
        if json { Output.out(JSON.array(rows).compactText) }
        return 0
    }

    /// The change that the caller knows of: what `--expect` says, or what is there now.
    static func known(_ expecting: String?, _ before: BlueprintChange?) throws -> String? {
        guard let expecting else { return before?.digest }
        return expecting == "none" ? nil : expecting
    }

    static func difference(_ before: BlueprintChange?, to after: Blueprint) throws -> BlueprintDiff {
        BlueprintDiff(from: try active(before), to: after.document)
    }

    static func difference(_ before: BlueprintChange?, _ after: BlueprintChange) throws -> BlueprintDiff {
        BlueprintDiff(from: try active(before), to: try active(after))
    }

    private static func active(_ change: BlueprintChange?) throws -> JSON? {
        guard let change, change.status == .active else { return nil }
        return try change.blueprint().document
    }

    /// False when a file is no valid blueprint: then nothing is applied.
    private static func reportFlaws(_ checked: [CheckedBlueprint], json: Bool) -> Bool {
        let isValid = checked.allSatisfy(\.isValid)
        if json, !isValid { Output.out(JSON.array(checked.map(\.json)).compactText) }
        for flaw in checked.flatMap(\.flaws) { Output.errorRaw(flaw.description) }
        return isValid
    }

    private static func show(_ one: CheckedBlueprint, _ before: BlueprintChange?, _ diff: BlueprintDiff) {
        let name = one.blueprint?.repo.description ?? ""
        let onto = before.map { "change \($0.number), \($0.digest)" } ?? "none"
        if diff.isEmpty {
            Output.out("\(name): no change (\(onto))")
            return
        }
        Output.out("\(name): \(before?.status == .active ? "changes" : "new") (onto \(onto))")
        for line in diff.lines { Output.out("  " + line.displayed) }
    }

    private static func row(_ one: CheckedBlueprint, _ before: BlueprintChange?, _ diff: BlueprintDiff) -> JSON {
        [
            "file": .string(one.file), "repo": .optional(one.blueprint?.repo.description),
            "status": .string(before?.status.rawValue ?? "new"), "onto": .string(before?.digest ?? "none"),
            "changes": diff.json,
        ]
    }
}
