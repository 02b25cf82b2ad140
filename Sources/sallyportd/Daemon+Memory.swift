// SPDX-License-Identifier: Apache-2.0
internal import Control
internal import Documents
internal import LinuxSystem
internal import Orchestrator
internal import Store
internal import TaskModel

/// What the operator asks of a repository's memory.
extension Daemon {
    func answer(_ request: MemoryRequest, by peer: Peer) throws(TaskRefusal) -> JSON {
        guard peer.isOwnerOrRoot else {
            throw TaskRefusal(
                .forbidden, "cannot show the memory of a repository to uid \(peer.uid): it is the operator's.")
        }
        let who = "uid:\(peer.uid)"
        switch request {
        case .list(let repository, let statuses, let source, let limit):
            var query = MemoryQuery(repository: Self.key(repository))
            (query.statuses, query.source, query.limit) = (Set(statuses), source, limit)
            let wanted = query
            let items = try orchestrator.serving { () throws(StoreError) in try store.memory(wanted) }
            return ["items": .array(items.map(\.json))]
        case .show(let id): return ["item": try item(id).json]
        case .add(let repository, let kind, let text):
            let note = MemoryNote(kind, text, .operator, source: "operator:\(who)")
            guard note.judged() != nil, text.utf8.count <= MemoryLimits.textBytes else {
                throw TaskRefusal(
                    .validation,
                    "cannot remember the text: it has \(text.utf8.count) bytes. Give 1 to \(MemoryLimits.textBytes).")
            }
            let name = try makeTaskName()
            let added = try orchestrator.serving { () throws(StoreError) in
                try store.remember(
                    [note], repository: Self.key(repository), at: now.wallMilliseconds, name: { "m\(name.dropFirst())" })
            }
            guard let item = added.first else {
                throw TaskRefusal(.validation, "cannot remember the text: the repository remembers it already.")
            }
            return ["item": item.json]
        case .accept(let id): return try decide(id, .active, "accepted by \(who)")
        case .quarantine(let id, let reason):
            return try decide(id, .quarantined, "put aside by \(who)" + (reason.isEmpty ? "" : ": \(reason)"))
        case .remove(let id):
            let item = try item(id)
            let removed = try orchestrator.serving { () throws(StoreError) in try store.forget(.item(item.id)) }
            return ["removed": .int(removed)]
        case .forget(let repository, let source):
            let removed = try orchestrator.serving { () throws(StoreError) in
                try store.forget(.source(source, repository: Self.key(repository)))
            }
            return ["removed": .int(removed)]
        }
    }

    /// Upper and lower case are one, as for blueprints.
    static func key(_ repository: String) -> String { repository.lowercased() }

    private func decide(_ id: String, _ status: MemoryItem.Status, _ note: String) throws(TaskRefusal) -> JSON {
        _ = try item(id)
        _ = try orchestrator.serving { () throws(StoreError) in try store.setMemory(id, status, note: note) }
        return ["item": try item(id).json]
    }

    private func item(_ id: String) throws(TaskRefusal) -> MemoryItem {
        guard let item = try orchestrator.serving({ () throws(StoreError) in try store.memoryItem(id) }) else {
            throw TaskRefusal(
                .validation, "cannot find item \"\(id.displayed)\" of a memory. See: sallyport memory list OWNER/NAME.")
        }
        return item
    }
}
