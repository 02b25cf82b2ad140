// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import Policy

/// The most that any blueprint of this host may give, whoever wrote it: `/etc/sallyport/blueprint-ceiling.yaml`.
///
/// The file belongs to root. Without a key there is no bound by it; profiles bound by themselves.
package struct HostCeiling: Sendable, Hashable {
    package var maxTurns: Int?
    /// Micro-dollars, of one task.
    package var maxBudget: UInt64?
    package var perDay: UInt64?
    package var perMonth: UInt64?
    package var approvalCap: Int?
    /// Profiles that may be named; nil is all.
    package var profiles: [String]?
    /// Seconds of one attempt of a custom step.
    package var stepTimeoutSeconds: Int?
    /// Directories below which the programs of custom steps lie; nil is anywhere.
    package var stepPrograms: [String]?

    package static let none = HostCeiling()
    package static let path = "/etc/sallyport/blueprint-ceiling.yaml"

    package init() {}

    static let keys = [
        "version", "max_turns", "max_budget_usd", "per_day_usd", "per_month_usd", "approval_cap", "profiles",
        "step_timeout", "step_programs",
    ]

    /// Reads the ceiling for blueprints: a mapping of its own, in a file of its own.
    package static func read(_ bytes: [UInt8], file: String) throws(BlueprintRefusal) -> HostCeiling {
        let flaws = FlawCollector()
        let node: Node
        do throws(DocumentError) { node = try Node.read(bytes, file: file) } catch {
            throw BlueprintRefusal([BlueprintFlaw(at: error.place, error.reason, remedy: error.remedy)])
        }
        let section = Section(node, path: "", known: keys, required: ["version"], flaws: flaws)
        section.checkVersion()
        var ceiling = HostCeiling()
        ceiling.maxTurns = section.whole("max_turns", Bounds.turns)
        ceiling.maxBudget = section.dollars("max_budget_usd", Bounds.budget)
        ceiling.perDay = section.dollars("per_day_usd", Bounds.period)
        ceiling.perMonth = section.dollars("per_month_usd", Bounds.period)
        ceiling.approvalCap = section.whole("approval_cap", Bounds.approvalCap)
        ceiling.profiles = section.lines("profiles", most: 200, longest: 64)
        ceiling.stepTimeoutSeconds = section.seconds("step_timeout", Bounds.stepTimeout)
        ceiling.stepPrograms = section.lines("step_programs", most: 50)
        for path in ceiling.stepPrograms ?? [] where !path.hasPrefix("/") {
            section.wrong("step_programs", "has \"\(path)\", which is no absolute path", "Begin it with \"/\".")
        }
        guard !flaws.hasErrors else { throw BlueprintRefusal(flaws.flaws) }
        return ceiling
    }

    /// What of a blueprint is above the ceiling; checked when it is applied, and again when a task is submitted, since
    /// the ceiling may have been lowered since.
    package func excesses(of blueprint: Blueprint) -> [BlueprintFlaw] {
        var flaws: [BlueprintFlaw] = []
        func add(_ message: String, _ remedy: String = "Lower it, or ask for a higher ceiling.") {
            flaws.append(BlueprintFlaw(at: blueprint.place, message, remedy: remedy))
        }
        if let most = maxTurns, blueprint.agent.maxTurnsCeiling > most {
            add("agent.max_turns_ceiling is \(blueprint.agent.maxTurnsCeiling), and the host's ceiling is \(most)")
        }
        func dollars(_ name: String, _ value: UInt64?, _ most: UInt64?) {
            guard let value, let most, value > most else { return }
            add("\(name) is \(Money.text(value)), and the host's ceiling is \(Money.text(most))")
        }
        dollars("agent.max_budget_usd", blueprint.agent.maxBudget, maxBudget)
        dollars("budgets.per_task_usd", blueprint.budgets.perTask, maxBudget)
        dollars("budgets.per_day_usd", blueprint.budgets.perDay, perDay)
        dollars("budgets.per_month_usd", blueprint.budgets.perMonth, perMonth)
        if let most = approvalCap, blueprint.approvals.cap > most {
            add("approvals.cap is \(blueprint.approvals.cap), and the host's ceiling is \(most)")
        }
        for name in [blueprint.profile] + blueprint.pipeline.customSteps.map(\.profile) {
            guard let profiles, !profiles.contains(name) else { continue }
            add(
                "profile \"\(name)\" is none that the host's ceiling names",
                "Known: \(profiles.joined(separator: ", ")).")
        }
        for step in blueprint.pipeline.customSteps {
            if let most = stepTimeoutSeconds, step.timeoutSeconds > most {
                add(
                    "custom step \"\(step.name)\" has \(Units.text(seconds: UInt64(step.timeoutSeconds))), and the host's ceiling is "
                        + Units.text(seconds: UInt64(most)))
            }
            if let stepPrograms, case .program(let path, _) = step.work,
                !stepPrograms.contains(where: { path.hasPrefix($0.hasSuffix("/") ? $0 : $0 + "/") })
            {
                add(
                    "custom step \"\(step.name)\" runs \"\(path)\", which lies below no directory of the host's ceiling",
                    "Known: \(stepPrograms.joined(separator: ", ")).")
            }
        }
        return flaws
    }
}
