// SPDX-License-Identifier: Apache-2.0
internal import Documents
package import TaskModel

/// What can be asked of the memory of a repository; for the operator alone.
package enum MemoryRequest: Sendable, Hashable {
    case list(repository: String, statuses: [MemoryItem.Status], source: String?, limit: Int)
    case show(item: String)
    case add(repository: String, kind: MemoryItem.Kind, text: String)
    /// Makes a proposed or quarantined item one that tasks are told.
    case accept(item: String)
    case quarantine(item: String, reason: String)
    case remove(item: String)
    /// Removes all that is from one source, such as a task that was led astray.
    case forget(repository: String, source: String)

    var members: [JSON.Member] {
        func members(_ act: String, _ rest: [JSON.Member]) -> [JSON.Member] { [.init("act", .string(act))] + rest }
        switch self {
        case .list(let repository, let statuses, let source, let limit):
            return members(
                "list",
                [
                    .init("repo", .string(repository)), .init("limit", .int(limit)),
                    .init("status", .array(statuses.map { .string($0.rawValue) })),
                ] + (source.map { [.init("source", .string($0))] } ?? []))
        case .show(let item): return members("show", [.init("item", .string(item))])
        case .add(let repository, let kind, let text):
            return members(
                "add",
                [
                    .init("repo", .string(repository)), .init("kind", .string(kind.rawValue)),
                    .init("text", .string(text)),
                ])
        case .accept(let item): return members("accept", [.init("item", .string(item))])
        case .quarantine(let item, let reason):
            return members("quarantine", [.init("item", .string(item)), .init("reason", .string(reason))])
        case .remove(let item): return members("remove", [.init("item", .string(item))])
        case .forget(let repository, let source):
            return members("forget", [.init("repo", .string(repository)), .init("source", .string(source))])
        }
    }

    init(_ fields: inout ClosedObject<TaskRefusal>) throws(TaskRefusal) {
        switch try fields.text("act") {
        case "list":
            var statuses: [MemoryItem.Status] = []
            for word in fields.take("status")?.arrayValue ?? [] {
                guard let status = word.stringValue.flatMap(MemoryItem.Status.init(rawValue:)) else {
                    throw ControlRequest.refusal("\"status\" has a state that there is not")
                }
                statuses.append(status)
            }
            self = .list(
                repository: try fields.text("repo"), statuses: statuses, source: try fields.optionalText("source"),
                limit: min(try fields.optionalNumber("limit") ?? 100, ControlRequest.mostListed))
        case "show": self = .show(item: try fields.text("item"))
        case "add":
            guard let kind = MemoryItem.Kind(rawValue: try fields.text("kind")) else {
                throw ControlRequest.refusal("\"kind\" is none")
            }
            self = .add(repository: try fields.text("repo"), kind: kind, text: try fields.text("text"))
        case "accept": self = .accept(item: try fields.text("item"))
        case "quarantine":
            self = .quarantine(item: try fields.text("item"), reason: try fields.optionalText("reason") ?? "")
        case "remove": self = .remove(item: try fields.text("item"))
        case "forget": self = .forget(repository: try fields.text("repo"), source: try fields.text("source"))
        case let act: throw ControlRequest.refusal("a memory does not \"\(act.displayed)\"")
        }
    }
}
