// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import Store
internal import TaskModel

/// Money: what a task may spend is reserved in every budget that counts it when it takes its slot, and what it spent counts
/// in its place when it is over. A budget is never a counter: it is the sum of its rows.
extension Orchestrator {
    /// The periods of the budgets that count a task that begins now, with when each ends.
    func periods(of task: TaskRecord) -> [(period: BudgetPeriod, end: Int)] {
        let calendar = BudgetCalendar(milliseconds: milliseconds)
        let budgets = settings.budgets
        var found: [(period: BudgetPeriod, end: Int)] = []
        func add(_ name: String, _ allowance: DaemonSettings.Allowance) {
            if let limit = allowance.perDay {
                found.append((BudgetPeriod(budget: name, period: calendar.day, limit: limit), calendar.dayEnd))
            }
            if let limit = allowance.perMonth {
                found.append((BudgetPeriod(budget: name, period: calendar.month, limit: limit), calendar.monthEnd))
            }
        }
        if let repository = task.request.repository {
            add("repository:\(repository)", allowance(of: task, repository))
        }
        add("user:\(task.owner)", budgets.users[task.owner] ?? budgets.eachUser)
        for (name, team) in budgets.teams.sorted(by: { $0.key < $1.key }) where team.members.contains(task.owner) {
            add("team:\(name)", team.allowance)
        }
        return found
    }

    /// What its blueprint says of its repository, and what the operator says; the lower counts.
    private func allowance(of task: TaskRecord, _ repository: String) -> DaemonSettings.Allowance {
        let host = settings.budgets.repositories[repository] ?? settings.budgets.eachRepository
        return DaemonSettings.Allowance(
            perDay: [host.perDay, task.admission.repositoryDay].compactMap { $0 }.min(),
            perMonth: [host.perMonth, task.admission.repositoryMonth].compactMap { $0 }.min())
    }

    /// What of its budgets keeps a task from beginning; nil when all have room for it.
    func budget(for task: TaskRecord) throws(StoreError) -> AdmissionVerdict? {
        guard let wanted = task.admission.budgetMicroDollars else { return nil }
        let periods = periods(of: task)
        for (period, _) in periods where wanted > period.limit {
            return .refuse(
                TaskFailureRecord(
                    .budget, .user, code: .budgetExhausted,
                    "cannot begin: it may spend \(DollarText.text(wanted)) USD, and budget \(period.budget) has \(DollarText.text(period.limit)) USD for \(period.period) in all. Submit it with a lower --max-budget, or have the budget raised."
                ))
        }
        var reason: QueueReason?
        var until = 0
        for (period, end) in periods {
            let use = try store.budgetUse(period.budget, period.period)
            guard use.taken + wanted > period.limit else { continue }
            until = max(until, end)
            reason =
                reason
                ?? QueueReason(
                    .budget,
                    "budget \(period.budget) of \(period.period): \(DollarText.text(wanted)) USD, and of its \(DollarText.text(period.limit)) USD \(DollarText.text(use.spent)) are spent and \(DollarText.text(use.reserved)) reserved"
                )
        }
        return reason.map { .wait($0, until: until) }
    }

    /// What a task that takes its slot reserves, and the event that says so.
    func reservation(of task: TaskRecord) -> (change: BudgetChange, event: NewEvent)? {
        guard let amount = task.admission.budgetMicroDollars else { return nil }
        let periods = periods(of: task).map(\.period)
        if periods.isEmpty { return nil }
        return (
            .reserve(amount, periods),
            NewEvent(
                .budgetReserved,
                [
                    "usd": .string(DollarText.text(amount)),
                    "budgets": .array(
                        periods.map { ["budget": .string($0.budget), "period": .string($0.period)] }),
                ])
        )
    }

    /// Puts what an attempt spent in the place of what it reserved, in the change that ends it.
    ///
    /// A session that told nothing, or nothing that can be believed, may have spent all that it might; one that never was
    /// has spent nothing.
    func settle(_ change: inout TaskChange) throws(StoreError) {
        let task = change.task
        let own = try ownBudget(task)
        change.events.insert(contentsOf: own, at: max(0, change.events.count - 1))
        let reserved = try store.reservations(of: task.id, attempt: task.attempt)
        if reserved.isEmpty { return }
        let most = reserved.map(\.limit).max() ?? 0
        let told = task.report.map { $0.spending ?? SessionSpending(microDollars: 0, budgetMicroDollars: 0) }
        let credible = told.flatMap { $0.isCredible ? $0.microDollars : nil }
        let spent = credible ?? (task.session == nil ? 0 : most)
        change.budget = .settle(spent)
        var facts: [NewEvent] = [
            NewEvent(
                .budgetSettled,
                [
                    "usd": .string(DollarText.text(spent)), "reserved_usd": .string(DollarText.text(most)),
                    "reported": .bool(credible != nil),
                ])
        ]
        for entry in reserved {
            guard let limit = limit(of: entry, for: task) else { continue }
            let use = try store.budgetUse(entry.budget, entry.period)
            let known = try store.budgetMarks(entry.budget, entry.period)
            for (percent, fact) in [(80, EventType.Fact.budgetWarning), (100, .budgetExhausted)] {
                guard !known.contains(percent), Self.isPassed(percent, of: limit, by: use.spent + spent) else {
                    continue
                }
                change.marks.append(BudgetMark(budget: entry.budget, period: entry.period, percent: percent))
                facts.append(
                    NewEvent(
                        fact,
                        [
                            "budget": .string(entry.budget), "period": .string(entry.period),
                            "percent": .int(percent), "spent_usd": .string(DollarText.text(use.spent + spent)),
                            "limit_usd": .string(DollarText.text(limit)),
                        ]))
            }
        }
        // Before the last word of the task.
        change.events.insert(contentsOf: facts, at: max(0, change.events.count - 1))
    }

    /// Whole numbers, without a product that could be too large.
    private static func isPassed(_ percent: Int, of limit: Int, by spent: Int) -> Bool {
        let bar = limit / 100 * percent + (limit % 100 * percent + 99) / 100
        return spent >= bar
    }

    /// That the task's own budget is nearly or wholly spent, where that was not told while it ran.
    private func ownBudget(_ task: TaskRecord) throws(StoreError) -> [NewEvent] {
        guard let spending = task.report?.spending, spending.budgetMicroDollars > 0 else { return [] }
        var facts: [(Int, EventType.Fact)] = []
        let percent = spending.isExhausted ? 100 : spending.microDollars * 100 / spending.budgetMicroDollars
        if percent >= 80 { facts.append((80, .budgetWarning)) }
        if percent >= 100 { facts.append((100, .budgetExhausted)) }
        if facts.isEmpty { return [] }
        let began = try store.events(of: task.id, after: 0, limit: .max)
        let attempt = began.lastIndex { $0.type == .fact(.taskResumed) } ?? 0
        let told = Set(began[attempt...].filter { $0.payload["budget"]?.stringValue == "task" }.map(\.type))
        return facts.filter { !told.contains(.fact($0.1)) }.map { percent, fact in
            NewEvent(
                fact,
                [
                    "budget": "task", "percent": .int(percent),
                    "spent_usd": .string(DollarText.text(spending.microDollars)),
                    "limit_usd": .string(DollarText.text(spending.budgetMicroDollars)),
                ])
        }
    }

    /// What a period holds by the settings of today; nil when there is no such budget any more.
    private func limit(of entry: BudgetPeriod, for task: TaskRecord) -> Int? {
        let isDay = entry.period.utf8.count == 10
        let budgets = settings.budgets
        let allowance: DaemonSettings.Allowance? =
            if entry.budget.hasPrefix("team:") {
                budgets.teams[String(entry.budget.dropFirst(5))]?.allowance
            } else if entry.budget.hasPrefix("user:") {
                budgets.users[task.owner] ?? budgets.eachUser
            } else if let repository = task.request.repository {
                self.allowance(of: task, repository)
            } else {
                nil
            }
        return isDay ? allowance?.perDay : allowance?.perMonth
    }
}
