// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import Store
internal import TaskModel

/// What a repository is remembered by. A memory that does not answer costs a task its memory, and nothing else.
extension Orchestrator {
    /// What a task is told of earlier ones, and the event that says so.
    func recall(_ task: TaskRecord) -> (items: [MemoryItem], event: NewEvent?) {
        guard let memory, let repository = Self.memoryKey(task) else { return ([], nil) }
        let text = [task.request[.task], task.request[.criteria]].compactMap { $0 }.joined(separator: "\n")
        do throws(StoreError) {
            let candidates = try memory.candidates(
                repository, for: text, at: milliseconds, within: MemoryLimits.recallTime)
            let items = MemoryRecall(candidates, now: milliseconds).items
            guard !items.isEmpty else { return ([], nil) }
            let payload: JSON = [
                "items": .array(items.map { ["id": .string($0.id), "sha256": .string($0.digest)] }),
                "tokens": .int(MemoryRecall.tokens(of: items)),
            ]
            return (items, NewEvent(.memoryRecalled, payload))
        } catch {
            host.log("task \(task.id): \(error)")
            return ([], NewEvent(.memoryUnavailable, ["reason": .string(error.description)]))
        }
    }

    /// Keeps what a task that succeeded left behind.
    func remember(_ task: TaskRecord) -> NewEvent? {
        guard let memory, let repository = Self.memoryKey(task), let notes = task.report?.notes, !notes.isEmpty else {
            return nil
        }
        do throws(StoreError) {
            // A process that died behind this finds them there, and adds none.
            var number = 0
            let added = try memory.remember(notes, repository: repository, at: milliseconds) {
                number += 1
                return "m\(task.id.dropFirst())-\(task.attempt)-\(number)"
            }
            guard !added.isEmpty else { return nil }
            return NewEvent(
                .memoryAdded,
                ["items": .array(added.map { ["id": .string($0.id), "status": .string($0.status.rawValue)] })])
        } catch {
            host.log("task \(task.id): \(error)")
            return NewEvent(.memoryUnavailable, ["reason": .string(error.description)])
        }
    }

    private static func memoryKey(_ task: TaskRecord) -> String? { task.request.repository }
}
