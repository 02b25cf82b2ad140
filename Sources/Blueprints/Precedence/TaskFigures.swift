// SPDX-License-Identifier: Apache-2.0
internal import Policy

/// What a task may use up, as one layer says it; nil where that layer says nothing.
package struct TaskFigures: Sendable, Hashable {
    package var maxTurns: Int?
    /// Micro-dollars.
    package var maxBudget: UInt64?
    package var model: String?
    package var approvalTimeoutSeconds: Int?
    package var approvalCap: Int?

    package init(
        maxTurns: Int? = nil, maxBudget: UInt64? = nil, model: String? = nil, approvalTimeoutSeconds: Int? = nil,
        approvalCap: Int? = nil
    ) {
        self.maxTurns = maxTurns
        self.maxBudget = maxBudget
        self.model = model
        self.approvalTimeoutSeconds = approvalTimeoutSeconds
        self.approvalCap = approvalCap
    }

    /// What holds where nobody says anything.
    package static let platform = TaskFigures(maxTurns: 100, approvalTimeoutSeconds: 300, approvalCap: 50)
}

/// One figure of a task, and who had the last word on it.
package struct Settled<Value: Sendable & Hashable>: Sendable, Hashable {
    package enum Layer: String, Sendable { case platform, blueprint, task }
    package let value: Value
    package let layer: Layer
    /// The task wanted more, and this is what it may have.
    package let wanted: Value?

    package init(value: Value, layer: Layer, wanted: Value?) {
        self.value = value
        self.layer = layer
        self.wanted = wanted
    }
}

/// The figures of one task: platform below blueprint below task, each held by the ceilings.
///
/// A task may lower what the blueprint says, and raise it up to what the blueprint and the host allow; more is cut to that,
/// and said. What is not a figure (egress, credentials, where it runs, who approves) no task can change at all.
package struct SettledFigures: Sendable, Hashable {
    package let maxTurns: Settled<Int>
    package let maxBudget: Settled<UInt64>?
    package let model: Settled<String>?
    package let approvalTimeoutSeconds: Settled<Int>
    package let approvalCap: Settled<Int>

    package init(
        platform: TaskFigures = .platform, blueprint: Blueprint, task: TaskFigures, ceiling: HostCeiling = .none
    ) {
        let agent = blueprint.agent
        maxTurns = Self.settle(
            platform.maxTurns ?? 100, agent.maxTurns, task.maxTurns,
            most: [agent.maxTurnsCeiling, ceiling.maxTurns])
        let most = [blueprint.budgets.perTask, ceiling.maxBudget].compactMap { $0 }.min()
        maxBudget = Self.settle(platform.maxBudget, agent.maxBudget, task.maxBudget, most: most)
        if let model = task.model {
            self.model = Settled(value: model, layer: .task, wanted: nil)
        } else if let model = agent.model {
            self.model = Settled(value: model, layer: .blueprint, wanted: nil)
        } else {
            model = platform.model.map { Settled(value: $0, layer: .platform, wanted: nil) }
        }
        approvalTimeoutSeconds = Self.settle(
            platform.approvalTimeoutSeconds ?? 300, blueprint.approvals.timeoutSeconds, task.approvalTimeoutSeconds,
            most: [Bounds.approvalTimeout.upperBound])
        approvalCap = Self.settle(
            platform.approvalCap ?? 50, blueprint.approvals.cap, task.approvalCap,
            most: [blueprint.approvals.cap, ceiling.approvalCap])
    }

    private static func settle(_ platform: Int, _ blueprint: Int?, _ task: Int?, most: [Int?]) -> Settled<Int> {
        let (value, layer): (Int, Settled<Int>.Layer) =
            if let task { (task, .task) } else if let blueprint { (blueprint, .blueprint) } else {
                (platform, .platform)
            }
        let allowed = min(value, most.compactMap { $0 }.min() ?? value)
        return Settled(value: allowed, layer: layer, wanted: allowed < value ? value : nil)
    }

    /// Where nobody names a budget the ceiling itself is one: a bound that exists is never lost by silence.
    private static func settle(
        _ platform: UInt64?, _ blueprint: UInt64?, _ task: UInt64?, most: UInt64?
    ) -> Settled<UInt64>? {
        let (value, layer): (UInt64?, Settled<UInt64>.Layer) =
            if let task { (task, .task) } else if let blueprint { (blueprint, .blueprint) } else {
                (platform, .platform)
            }
        guard let value else { return most.map { Settled(value: $0, layer: .blueprint, wanted: nil) } }
        let allowed = min(value, most ?? value)
        return Settled(value: allowed, layer: layer, wanted: allowed < value ? value : nil)
    }
}
