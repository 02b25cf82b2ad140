// SPDX-License-Identifier: Apache-2.0
internal import Blueprints
internal import Control
internal import Documents
internal import Glibc
internal import LinuxSystem
internal import Orchestrator
internal import Store
internal import TaskModel

/// What each request does.
extension Daemon {
    private static let pieceOfLog = 256 << 10
    private static let eventsAtOnce = 100
    /// Of a list; what follows is for the next question.
    private static let pageBytes = 1 << 20

    func answer(_ request: ControlRequest, _ guest: Guest) throws(TaskRefusal) {
        switch request {
        case .submit(let order, let key):
            try requirePriority(order, guest)
            switch try orchestrator.submit(try accept(order, key, Submitter(of: guest.peer))) {
            case .created(let task):
                guest.send(.data(["task": task.json, "replayed": false]))
                // Its client knows that it is taken before anything is done for it.
                orchestrator.advance(task.id)
            case .replayed(let task): guest.send(.data(["task": task.json, "replayed": true]))
            }
        case .status(let id): guest.send(.data(try show(try visible(id, guest))))
        case .list(let list): guest.send(.data(try tasks(list, guest)))
        case .events(let id, let after, let limit):
            _ = try visible(id, guest)
            let found = try orchestrator.serving { () throws(StoreError) in
                try store.events(of: id, after: after, limit: limit)
            }
            guest.send(.data(["events": .array(Self.page(found.map(\.json)))]))
        case .trace(let id):
            let task = try visible(id, guest)
            let events = try orchestrator.serving { () throws(StoreError) in
                try store.events(of: id, after: 0, limit: .max)
            }
            guest.send(.data(["trace": TaskTrace(task, events, sha256: Digest.sha256).openTelemetry]))
        case .watch(let id, let after):
            _ = try visible(id, guest)
            guest.watched = (id, after)
            feed(guest)
        case .cancel(let id):
            try requireOwner(try orchestrator.find(id), guest)
            guest.send(.data(["task": try orchestrator.cancel(id, by: "uid:\(guest.peer.uid)").json]))
        case .pending: guest.send(.data(["requests": .array(try pending(guest).map(\.json))]))
        case .decide(let task, let name, let approve, let reason):
            let decided = try orchestrator.decide(
                task, name, approve ? .approve : .deny, by: Decider(guest.peer), reason: reason)
            guest.send(.data(["request": decided.json]))
            orchestrator.advance(task)
        case .resume(let id):
            try requireOwner(try orchestrator.find(id), guest)
            let resumed = try orchestrator.resume(id, by: "uid:\(guest.peer.uid)") { (task) throws(TaskRefusal) in
                try accept(again: task)
            }
            guest.send(.data(["task": resumed.json]))
        case .logs(let id, let offset): guest.send(.data(try log(of: try visible(id, guest), offset)))
        case .hold(let id):
            let task = try orchestrator.find(id)
            try requireOwner(task, guest)
            guest.send(.data(["task": try hold(task, true, guest).json]))
        case .release(let id):
            let task = try orchestrator.find(id)
            try requireOwner(task, guest)
            guest.send(.data(["task": try hold(task, false, guest).json]))
        case .collect(let isDry): guest.send(.data(try collection(isDry, guest)))
        case .health:
            let taken = try orchestrator.serving { () throws(StoreError) in try store.slotsTaken(owner: nil) }
            guest.send(.data(["slots_taken": .int(taken), "slots": .int(settings.slots)]))
        case .alarms(let all): guest.send(.data(try alarms(all, for: guest.peer)))
        case .backup(let path):
            guard guest.peer.isOwnerOrRoot else {
                throw TaskRefusal(
                    .forbidden, "cannot write a backup for uid \(guest.peer.uid): it has all tasks in it.")
            }
            guard path.hasPrefix("/") else {
                throw TaskRefusal(
                    .validation,
                    "cannot write a backup to \"\(path.displayed)\": its path is not absolute. Give the whole path.")
            }
            try orchestrator.serving { () throws(StoreError) in try store.backUp(to: path) }
            guest.send(.data(["path": .string(path)]))
        case .memory(let request): guest.send(.data(try answer(request, by: guest.peer)))
        }
    }

    /// The first of these that one answer has room for, and one at least.
    private static func page(_ lines: [JSON]) -> [JSON] {
        var bytes = 0
        let fitting = lines.prefix { line in
            let isFirst = bytes == 0
            bytes += line.compactText.utf8.count + 1
            return isFirst || bytes <= pageBytes
        }
        return Array(fitting)
    }

    /// Sends a guest the events that it has not, as it takes them, and the end of the watch when there will be no more.
    func feed(_ guest: Guest) {
        guard let (id, after) = guest.watched else { return }
        do throws(TaskRefusal) {
            var last = after
            var events: [EventRecord] = []
            repeat {
                let from = last
                events = try orchestrator.serving { () throws(StoreError) in
                    try store.events(of: id, after: from, limit: Self.eventsAtOnce)
                }
                for event in events {
                    // It goes on when it has taken what there is; see `attend`.
                    guard guest.hasRoom else { return }
                    guest.send(.event(event.json))
                    last = event.sequence
                    guest.watched = (id, last)
                }
            } while events.count == Self.eventsAtOnce
            let task = try orchestrator.find(id)
            if task.status.isTerminal {
                guest.watched = nil
                guest.send(.data(["task": task.json]))
            }
        } catch {
            guest.watched = nil
            guest.send(.refused(error))
        }
    }

    private func visible(_ id: String, _ guest: Guest) throws(TaskRefusal) -> TaskRecord {
        let task = try orchestrator.find(id)
        guard isOwner(guest, task) || isApprover(guest, task) else {
            throw TaskRefusal(.forbidden, "cannot show task \(id) to uid \(guest.peer.uid): it is another's.")
        }
        return task
    }

    private func requireOwner(_ task: TaskRecord, _ guest: Guest) throws(TaskRefusal) {
        guard isOwner(guest, task) else {
            throw TaskRefusal(.forbidden, "cannot change task \(task.id) for uid \(guest.peer.uid): it is another's.")
        }
    }

    private func show(_ task: TaskRecord) throws(TaskRefusal) -> JSON {
        var members = try told(task).objectValue ?? []
        if task.status == .awaitingApproval {
            let open = try orchestrator.serving { () throws(StoreError) in try store.approvals(of: task.id) }
            members.append(.init("pending", .array(open.filter { $0.status == .pending }.map(\.json))))
        }
        if let session = task.session {
            members.append(.init("directory", .string("\(place.sessions)/\(session)/delivered")))
        }
        return ["task": .object(members)]
    }

    /// A task with what it depends on, and its place when it is in the queue.
    private func told(_ task: TaskRecord) throws(TaskRefusal) -> JSON {
        var members = task.json.objectValue ?? []
        let (parents, place) = try orchestrator.serving { () throws(StoreError) in
            (try store.parents(of: task.id), task.status == .queued ? try orchestrator.place(of: task) : nil)
        }
        members.append(.init("depends_on", .array(parents.map { .string($0.id) })))
        if let place {
            members.append(.init("queue_position", .int(place.position)))
            members.append(.init("starts_ms", .optional(place.startsMilliseconds)))
        }
        return .object(members)
    }

    private func tasks(_ list: ControlRequest.List, _ guest: Guest) throws(TaskRefusal) -> JSON {
        var query = TaskQuery(
            statuses: Set(list.statuses), repository: list.repository?.lowercased(), branch: list.branch,
            correlation: list.correlation, before: list.before, limit: list.limit + 1)
        if guest.peer.uid != 0 { query.owner = "uid:\(guest.peer.uid)" }
        let wanted = query
        let found = try orchestrator.serving { () throws(StoreError) in try store.tasks(wanted) }
        let hasMore = found.count > list.limit
        let shown = found.prefix(list.limit)
        var lines: [JSON] = []
        for var task in shown {
            // What it noted is shown with the task itself.
            task.report?.notes = []
            lines.append(try told(task))
        }
        let page = Self.page(lines)
        let isCut = hasMore || page.count < lines.count
        return [
            "tasks": .array(page),
            "pagination": [
                "has_more": .bool(isCut), "next": .optional(isCut ? found[page.count - 1].id : nil),
            ],
        ]
    }

    private func log(of task: TaskRecord, _ offset: Int) throws(TaskRefusal) -> JSON {
        guard let session = task.session else { return ["text": "", "next": .int(offset)] }
        do throws(SystemError) {
            let directory = try Directory.open(place.sessions)
            guard try directory.contains("\(session)/log") else { return ["text": "", "next": .int(offset)] }
            let file = try directory.open("\(session)/log", O_RDONLY)
            let bytes = try file.readPiece(at: offset, upTo: Self.pieceOfLog, subject: "the log of task \(task.id)")
            return ["text": .text(bytes), "next": .int(offset + bytes.count)]
        } catch { throw TaskRefusal(.internalError, "\(error)") }
    }
}
