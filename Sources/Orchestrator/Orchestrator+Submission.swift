// SPDX-License-Identifier: Apache-2.0
internal import Blueprints
internal import Store
internal import TaskModel

extension Orchestrator {
    /// Puts into a task's row what its admission is decided by: of the order, and of the blueprint as it stands now.
    func weigh(_ accepted: AcceptedTask, _ task: inout TaskRecord) throws(TaskRefusal) {
        let blueprint = accepted.snapshot.blueprint
        task.admission.priority = accepted.request.number(.priority) ?? TaskLimits.defaultPriority
        task.admission.resources = blueprint.commitment(default: .platform)
        task.admission.repositoryDay = blueprint.budgets.perDay.map { Int(clamping: $0) }
        task.admission.repositoryMonth = blueprint.budgets.perMonth.map { Int(clamping: $0) }
        // Without models there is nothing that it could spend on.
        guard blueprint.runner.models != nil else { return }
        task.admission.budgetMicroDollars = accepted.limits.maxBudget.map { Int(clamping: $0.value) }
        guard task.admission.budgetMicroDollars == nil, let first = periods(of: task).first else { return }
        throw TaskRefusal(
            .validation,
            "cannot take the task: budget \(first.period.budget) counts what it spends, and nothing says how much that may be. Give --max-budget."
        )
    }

    /// Why a task was not taken.
    func refusal(_ creation: Creation, _ owner: String) -> TaskRefusal {
        func refused(_ code: ErrorCode, _ reason: String) -> TaskRefusal {
            TaskRefusal(code, "cannot take the task: \(reason)")
        }
        switch creation {
        case .created(let task), .replayed(let task):
            return refused(.internalError, "task \(task.id) is there. This is an error in sallyport; please report it.")
        case .taken:
            return refused(.duplicateTask, "its idempotency key belongs to a task of another owner. Use a new one.")
        case .limited(let oldest):
            let seconds = max(1, (oldest + Self.hour - milliseconds + 999) / 1000)
            return refused(
                .rateLimit,
                "\(owner) has submitted or resumed \(caps.perHour) tasks within an hour. Try again in \(seconds) seconds, or have rate.tasks_per_hour raised."
            )
        case .noParent(let parent):
            return refused(.taskNotFound, "it depends on task \(parent), which there is not. See: sallyport list.")
        case .foreignParent(let parent):
            return refused(.forbidden, "it depends on task \(parent), which is another's. Depend on tasks of your own.")
        case .endedParent(let parent, let status):
            return refused(
                .validation,
                "it depends on task \(parent), which is \(status.rawValue). Resume that one first, or do without it.")
        }
    }
}
