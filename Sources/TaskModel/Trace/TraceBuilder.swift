// SPDX-License-Identifier: Apache-2.0
internal import Documents

/// Makes spans of events, one after the other.
struct TraceBuilder {
    private let trace: String
    private let sha256: ([UInt8]) -> String
    private(set) var spans: [TaskSpan] = []
    /// Those without an end, by what they are.
    private var open: [Key: Int] = [:]
    /// How often there was one of a name, so that each has an id of its own.
    private var counts: [String: Int] = [:]
    private var attempt = 0
    /// The wait for the session of this attempt, open or not.
    private var wait: Int?
    private var hasReport = false
    private var last = 0

    private enum Key: Hashable {
        case task, attempt, submit, queue, delivery
        case step(String)
        case approval(String)
    }

    private static let waitStep = "await-agent-completion"
    private static let admissionStep = "admission-control"
    private static let firstSteps = "load-blueprint"

    init(trace: String, sha256: @escaping ([UInt8]) -> String) {
        self.trace = trace
        self.sha256 = sha256
    }

    // MARK: Events

    mutating func take(_ event: EventRecord) {
        last = max(last, event.wallMilliseconds)
        switch event.type {
        case .step(let name, .started): start(name)
        case .step(let name, let phase):
            close(.step(name), phase == .completed ? .succeeded : .failed(reason(event)))
            if name == Self.firstSteps { close(.submit, phase == .completed ? .succeeded : .failed(reason(event))) }
            if name == Self.waitStep { close(.delivery, phase == .completed ? .succeeded : .failed("cut short")) }
        case .fact(let fact): take(fact, event)
        }
    }

    private mutating func start(_ name: String) {
        if name == Self.admissionStep { close(.queue, .succeeded) }
        begin(.step(name), name, under: inner)
        if name == Self.waitStep { wait = open[.step(name)] }
    }

    private mutating func take(_ fact: EventType.Fact, _ event: EventRecord) {
        switch fact {
        case .taskCreated:
            begin(.task, "task", under: nil)
            beginAttempt()
        case .taskResumed:
            reopen()
            beginAttempt()
        // Told again for another reason, it is the same wait.
        case .admissionQueued: begin(.queue, "queue", under: open[.attempt])
        case .approvalRequested:
            let name = event.payload["request"]?.stringValue ?? ""
            begin(.approval(name), "approval \(event.payload["act"]?.stringValue ?? "")", under: inner)
        case .approvalDecisionRecorded:
            let isApproved = event.payload["decision"]?.stringValue == ApprovalAnswer.Decision.approved.rawValue
            close(
                .approval(event.payload["request"]?.stringValue ?? ""),
                isApproved ? .succeeded : .failed(event.payload["decision"]?.stringValue ?? "not approved"))
            // From here on what was done is handed over.
            if isApproved, event.payload["act"]?.stringValue == ApprovalRequest.Act.release.rawValue {
                begin(.delivery, "delivery", under: inner)
            }
            mark(event)
        case .sessionEnded:
            mark(event)
            if let report = SessionReport(json: event.payload) { add(report) }
        case .taskCompleted: closeAll(.succeeded)
        case .taskFailed, .taskCancelled, .taskTimedOut: closeAll(.failed(reason(event)))
        case .admissionRejected, .preflightFailed, .guardrailBlocked, .dependenciesMet, .dependencyFailed,
            .budgetReserved, .budgetSettled, .budgetWarning, .budgetExhausted, .holdSet, .holdReleased,
            .retentionApplied, .sessionStartRetry, .sessionStarted, .sessionAdopted, .sessionLost, .stopUnconfirmed,
            .cancelRequested, .deadlinePassed, .frozen, .thawed, .memoryRecalled, .memoryAdded, .memoryUnavailable,
            .alarmRaised, .alarmCleared:
            mark(event)
        }
    }

    /// What a new one is a part of: the session's run while it lasts.
    private var inner: Int? { open[.step(Self.waitStep)] ?? open[.attempt] ?? open[.task] }

    private func reason(_ event: EventRecord) -> String {
        let payload = event.payload
        let text = payload["error"]?.stringValue ?? payload["message"]?.stringValue ?? payload["detail"]?.stringValue
        return String((text ?? event.type.text).prefix(300))
    }

    private mutating func beginAttempt() {
        attempt += 1
        (wait, hasReport) = (nil, false)
        begin(.attempt, "attempt \(attempt)", under: open[.task])
        begin(.submit, "submit", under: open[.attempt])
    }

    private mutating func mark(_ event: EventRecord) {
        guard let index = open[.attempt] ?? open[.task] else { return }
        spans[index].marks.append(.init(name: event.type.text, milliseconds: event.wallMilliseconds))
    }

    // MARK: Spans

    private mutating func begin(_ key: Key, _ name: String, under parent: Int?) {
        // A second beginning without an end: the first was told of by a daemon that died.
        if open[key] != nil { return }
        open[key] = append(name, under: parent, at: last)
    }

    private mutating func append(_ name: String, under parent: Int?, at milliseconds: Int) -> Int {
        let path = "\(attempt)/\(name)"
        counts[path, default: 0] += 1
        let id = String(sha256(Array("\(trace)/\(path)/\(counts[path] ?? 0)".utf8)).prefix(16))
        spans.append(TaskSpan(id: id, parent: parent.map { spans[$0].id }, name: name, at: milliseconds))
        return spans.count - 1
    }

    private mutating func close(_ key: Key, _ outcome: TaskSpan.Outcome) {
        guard let index = open.removeValue(forKey: key) else { return }
        spans[index].endedMilliseconds = max(spans[index].startedMilliseconds, last)
        spans[index].outcome = outcome
    }

    private mutating func closeAll(_ outcome: TaskSpan.Outcome) {
        for key in open.keys { close(key, outcome) }
    }

    /// What was over goes on with another attempt.
    private mutating func reopen() {
        guard open[.task] == nil, !spans.isEmpty else { return }
        open[.task] = 0
        spans[0].outcome = .open
    }

    /// The sandboxes of a session, within its run.
    private mutating func add(_ report: SessionReport) {
        guard let wait, !hasReport else { return }
        hasReport = true
        var agent: Int?
        for stage in report.stages.prefix(SessionStage.most) {
            let index = append(
                stage.name, under: stage.calls == nil ? wait : agent ?? wait, at: stage.startedMilliseconds)
            spans[index].endedMilliseconds = stage.endedMilliseconds
            spans[index].outcome = .succeeded
            if let outcome = stage.outcome {
                spans[index].attributes.append(.init("sallyport.outcome", .string(outcome)))
            }
            if let calls = stage.calls {
                spans[index].attributes += Self.attributes(calls, report.spending)
            } else if stage.name == SessionStage.agent {
                agent = index
            }
        }
    }

    private static func attributes(_ calls: SessionStage.Calls, _ spending: SessionSpending?) -> [JSON.Member] {
        [
            .init("sallyport.model.calls", .int(calls.count)),
            .init("sallyport.model.duration_ms", .int(calls.milliseconds)),
            .init("sallyport.model.input_tokens", .optional(spending?.inputTokens)),
            .init("sallyport.model.output_tokens", .optional(spending?.outputTokens)),
            .init("sallyport.model.spent_microusd", .optional(spending?.microDollars)),
        ]
    }

    // MARK: End

    /// What has no end yet lasts up to the last thing that is known; every part lies within its whole.
    mutating func end(_ task: TaskRecord) {
        // What was said by a session that was ended is in no event.
        if let report = task.report { add(report) }
        for index in open.values { spans[index].endedMilliseconds = max(spans[index].startedMilliseconds, last) }
        var places: [String: Int] = [:]
        for index in spans.indices {
            places[spans[index].id] = index
            if let outer = spans[index].parent.flatMap({ places[$0] }) { spans[index].clamp(to: spans[outer]) }
        }
    }

    mutating func describe(_ task: TaskRecord, _ correlation: CorrelationID) {
        guard !spans.isEmpty else { return }
        spans[0].attributes = [
            .init("sallyport.task", .string(task.id)),
            .init("sallyport.correlation_id", .string(correlation.description)),
            .init("sallyport.type", .string(task.request.type.rawValue)),
            .init("sallyport.repository", .optional(task.request.repository)),
            .init("sallyport.status", .string(task.status.rawValue)), .init("sallyport.attempts", .int(task.attempt)),
            .init("enduser.id", .string(task.owner)),
        ]
    }
}
