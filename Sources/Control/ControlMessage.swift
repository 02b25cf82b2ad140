// SPDX-License-Identifier: Apache-2.0
package import Documents
package import TaskModel

/// What can be asked of sallyportd over its socket.
///
///     client ──▶ {"version":1,"verb":"watch","arguments":{"task":"t0..."}}\n      one line, then nothing more
///     client ◀── {"version":1,"event":{...}}\n                                     any number of them
///     client ◀── {"version":1,"data":...}\n  or  {"version":1,"error":{"code","message"}}\n   the last line
///
/// Closed on both sides: another version, an unknown verb or an unknown argument is refused.
package enum ControlRequest: Sendable, Hashable {
    case submit(TaskRequest, key: String?)
    case status(task: String)
    case list(List)
    case events(task: String, after: Int, limit: Int)
    /// Its spans, for a collector of OpenTelemetry.
    case trace(task: String)
    /// Events as they come, until the task is over.
    case watch(task: String, after: Int)
    case cancel(task: String)
    /// Questions that the asker may answer.
    case pending
    case decide(task: String, request: String, approve: Bool, reason: String?)
    /// A new attempt of a task that is FAILED or TIMED_OUT.
    case resume(task: String)
    /// A piece of what a task's session said beside its result.
    case logs(task: String, offset: Int)
    case health
    /// What the operator should look at, or has looked at: for root and the daemon's own user.
    case alarms(all: Bool)
    /// Nothing of a task is removed, however old it is, until it is released.
    case hold(task: String)
    case release(task: String)
    /// What is old enough to go; removed soon, unless it is only asked for.
    case collect(isDry: Bool)
    case backup(path: String)
    case memory(MemoryRequest)

    package struct List: Sendable, Hashable {
        package var statuses: [TaskState] = []
        package var repository: String?
        package var branch: String?
        package var correlation: CorrelationID?
        package var before: String?
        package var limit = 50
        package init() {}
    }

    package static let version = 1
    package static let mostListed = 500
    package static let longestLine = TaskLimits.requestBytes

    package var json: JSON {
        let (verb, arguments): (String, [JSON.Member]) =
            switch self {
            case .submit(let request, let key):
                ("submit", [.init("request", request.json)] + (key.map { [.init("key", .string($0))] } ?? []))
            case .status(let task): ("status", [.init("task", .string(task))])
            case .list(let list): ("list", list.members)
            case .events(let task, let after, let limit):
                ("events", [.init("task", .string(task)), .init("after", .int(after)), .init("limit", .int(limit))])
            case .trace(let task): ("trace", [.init("task", .string(task))])
            case .watch(let task, let after): ("watch", [.init("task", .string(task)), .init("after", .int(after))])
            case .cancel(let task): ("cancel", [.init("task", .string(task))])
            case .pending: ("pending", [])
            case .decide(let task, let request, let approve, let reason):
                (
                    approve ? "approve" : "deny",
                    [.init("task", .string(task)), .init("request", .string(request))]
                        + (reason.map { [.init("reason", .string($0))] } ?? [])
                )
            case .resume(let task): ("resume", [.init("task", .string(task))])
            case .logs(let task, let offset):
                ("logs", [.init("task", .string(task)), .init("offset", .int(offset))])
            case .health: ("health", [])
            case .alarms(let all): ("alarms", [.init("all", .bool(all))])
            case .hold(let task): ("hold", [.init("task", .string(task))])
            case .release(let task): ("release", [.init("task", .string(task))])
            case .collect(let isDry): ("collect", [.init("dry_run", .bool(isDry))])
            case .backup(let path): ("backup", [.init("path", .string(path))])
            case .memory(let request): ("memory", request.members)
            }
        return ["version": .int(Self.version), "verb": .string(verb), "arguments": .object(arguments)]
    }

    /// Reads one line.
    package init(line: [UInt8]) throws(TaskRefusal) {
        let json: JSON
        do throws(JSONParser.Failure) { json = try JSONParser.parse(line) } catch {
            throw Self.refusal("it is no JSON: \(error.reason) at byte \(error.offset)")
        }
        var fields = try ClosedObject(json, "the request", refuse: ControlRequest.refusal)
        guard try fields.optionalNumber("version") == Self.version else { throw Self.refusal("it is not of version 1") }
        let verb = try fields.text("verb")
        var arguments = try ClosedObject(
            fields.take("arguments") ?? [:], "its arguments", refuse: ControlRequest.refusal)
        try fields.end()
        switch verb {
        case "submit":
            let key = try arguments.optionalText("key")
            self = .submit(try TaskRequest(json: arguments.take("request") ?? [:]), key: key)
        case "status": self = .status(task: try arguments.text("task"))
        case "list": self = .list(try List(&arguments))
        case "events":
            self = .events(
                task: try arguments.text("task"), after: try arguments.optionalNumber("after") ?? 0,
                limit: min(try arguments.optionalNumber("limit") ?? 50, Self.mostListed))
        case "trace": self = .trace(task: try arguments.text("task"))
        case "watch":
            self = .watch(task: try arguments.text("task"), after: try arguments.optionalNumber("after") ?? 0)
        case "pending": self = .pending
        case "approve", "deny":
            self = .decide(
                task: try arguments.text("task"), request: try arguments.text("request"),
                approve: verb == "approve", reason: try arguments.optionalText("reason"))
        case "cancel": self = .cancel(task: try arguments.text("task"))
        case "resume": self = .resume(task: try arguments.text("task"))
        case "logs": self = .logs(task: try arguments.text("task"), offset: try arguments.optionalNumber("offset") ?? 0)
        case "health": self = .health
        case "alarms":
            guard let all = arguments.take("all")?.boolValue else { throw Self.refusal("\"all\" is no truth value") }
            self = .alarms(all: all)
        case "hold": self = .hold(task: try arguments.text("task"))
        case "release": self = .release(task: try arguments.text("task"))
        case "collect":
            guard let isDry = arguments.take("dry_run")?.boolValue else {
                throw Self.refusal("\"dry_run\" is no truth value")
            }
            self = .collect(isDry: isDry)
        case "backup": self = .backup(path: try arguments.text("path"))
        case "memory": self = .memory(try MemoryRequest(&arguments))
        default: throw Self.refusal("there is no verb \"\(verb.displayed)\"")
        }
        try arguments.end()
    }

    static func refusal(_ reason: String) -> TaskRefusal {
        TaskRefusal(.validation, "cannot read a request: \(reason). Use one build of all programs of Sallyport.")
    }
}

extension ControlRequest.List {
    fileprivate var members: [JSON.Member] {
        var members: [JSON.Member] = [.init("limit", .int(limit))]
        if !statuses.isEmpty { members.append(.init("status", .array(statuses.map { .string($0.rawValue) }))) }
        if let repository { members.append(.init("repo", .string(repository))) }
        if let branch { members.append(.init("branch", .string(branch))) }
        if let correlation { members.append(.init(CorrelationID.member, .string(correlation.description))) }
        if let before { members.append(.init("before", .string(before))) }
        return members
    }

    fileprivate init(_ fields: inout ClosedObject<TaskRefusal>) throws(TaskRefusal) {
        limit = min(try fields.optionalNumber("limit") ?? 50, ControlRequest.mostListed)
        repository = try fields.optionalText("repo")
        branch = try fields.optionalText("branch")
        if let text = try fields.optionalText(CorrelationID.member) {
            guard let id = CorrelationID(text) else {
                throw ControlRequest.refusal("\"\(CorrelationID.member)\" is not \(CorrelationID.form)")
            }
            correlation = id
        }
        before = try fields.optionalText("before")
        guard let list = fields.take("status") else { return }
        guard let words = list.arrayValue else { throw ControlRequest.refusal("\"status\" is no list") }
        for word in words {
            guard let state = word.stringValue.flatMap(TaskState.init(rawValue:)) else {
                throw ControlRequest.refusal("\"status\" has a state that there is not")
            }
            statuses.append(state)
        }
    }
}

/// One line of an answer.
package enum ControlReply: Sendable, Hashable {
    case event(JSON)
    case data(JSON)
    case refused(TaskRefusal)

    package var isLast: Bool { if case .event = self { false } else { true } }

    /// With its line end.
    package var line: [UInt8] {
        let member: JSON.Member =
            switch self {
            case .event(let event): .init("event", event)
            case .data(let data): .init("data", data)
            case .refused(let refusal):
                .init("error", ["code": .string(refusal.code.rawValue), "message": .string(refusal.message)])
            }
        return JSONWriter().write(.object([.init("version", .int(ControlRequest.version)), member])) + [0x0A]
    }

    package init(line: [UInt8]) throws(TaskRefusal) {
        let json: JSON
        do throws(JSONParser.Failure) { json = try JSONParser.parse(line) } catch {
            throw Self.unreadable(error.reason)
        }
        guard json["version"]?.intValue == ControlRequest.version else {
            throw Self.unreadable("it is of another version")
        }
        if let event = json["event"] {
            self = .event(event)
        } else if let data = json["data"] {
            self = .data(data)
        } else if let code = json["error"]?["code"]?.stringValue.flatMap(ErrorCode.init(rawValue:)),
            let message = json["error"]?["message"]?.stringValue
        {
            self = .refused(TaskRefusal(code, message))
        } else {
            throw Self.unreadable("it is of no known kind")
        }
    }

    private static func unreadable(_ reason: String) -> TaskRefusal {
        TaskRefusal(
            .internalError, "cannot read the daemon's answer: \(reason). Use one build of all programs of Sallyport.")
    }
}
