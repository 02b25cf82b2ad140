// SPDX-License-Identifier: Apache-2.0
package import Store
package import TaskModel

/// Where a task stands in the queue, and when it may begin.
package struct QueuePlace: Sendable, Hashable {
    /// From 1; whoever waits for something of its own is counted too.
    package let position: Int
    /// About when it begins; nil when no task of its repository has ended, so that nobody knows how long they take, or when
    /// it waits for something else than its turn.
    package let startsMilliseconds: Int?
}

extension Orchestrator {
    private static let mostSeen = 20
    private static let mostSimulated = 200

    /// The place of a task in the queue, or the one that it would have.
    package func place(of task: TaskRecord) throws(StoreError) -> QueuePlace {
        let entry = QueuedTask(task)
        return QueuePlace(position: try store.queuePosition(entry), startsMilliseconds: try start(of: task, entry))
    }

    /// Plays on what holds slots and what is before it, each as long as the median of its repository's last tasks.
    private func start(of task: TaskRecord, _ entry: QueuedTask) throws(StoreError) -> Int? {
        if let kind = task.admission.waits?.kind, kind != .slots { return nil }
        guard let repository = entry.repository, let own = try median(repository) else { return nil }
        var known: [String: Int] = [repository: own]
        func duration(_ name: String?) throws(StoreError) -> Int {
            guard let name else { return own }
            if let duration = known[name] { return duration }
            // A repository of which nothing is known is taken to be like this one.
            let duration = try median(name) ?? own
            known[name] = duration
            return duration
        }
        var running: [(owner: String, end: Int)] = []
        for holder in try store.slotHolders() {
            let began = holder.admittedMilliseconds ?? milliseconds
            running.append((holder.owner, max(milliseconds, began + (try duration(holder.repository)))))
        }
        var ahead: [QueuedTask] = []
        var last: QueuedTask?
        reading: while ahead.count < Self.mostSimulated {
            let page = try store.queue(after: last, limit: 64)
            for other in page {
                if other.id == entry.id { break reading }
                let isBefore =
                    (-other.priority, other.arrivedMilliseconds, other.id)
                    < (-entry.priority, entry.arrivedMilliseconds, entry.id)
                if !isBefore { break reading }
                if other.waits?.isOfHost ?? true { ahead.append(other) }
            }
            guard page.count == 64 else { break }
            last = page.last
        }
        if ahead.count >= Self.mostSimulated { return nil }
        ahead.append(entry)
        var now = milliseconds
        while true {
            running.removeAll { $0.end <= now }
            while running.count < caps.total {
                let free = ahead.firstIndex { other in running.count { $0.owner == other.owner } < caps.perOwner }
                guard let free else { break }
                let next = ahead.remove(at: free)
                if next.id == entry.id { return now }
                running.append((next.owner, now + (try duration(next.repository))))
            }
            guard let end = running.map(\.end).min() else { return nil }
            now = max(end, now + 1)
        }
    }

    private func median(_ repository: String) throws(StoreError) -> Int? {
        let seen = try store.durations(of: repository, limit: Self.mostSeen).sorted()
        return seen.isEmpty ? nil : seen[seen.count / 2]
    }
}
