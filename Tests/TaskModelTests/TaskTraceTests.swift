// SPDX-License-Identifier: Apache-2.0
import Documents
import Testing

@testable import TaskModel

@Suite("the trace of a task")
struct TaskTraceTests {
    /// Events of one task, one after the other.
    private struct Story {
        var events: [EventRecord] = []
        var time = 1000

        mutating func add(_ type: String, after milliseconds: Int = 10, _ payload: JSON = [:]) throws {
            time += milliseconds
            let type = try #require(EventType(text: type))
            events.append(
                EventRecord(
                    task: "t1", sequence: events.count + 1, wallMilliseconds: time, monotonicMilliseconds: time,
                    event: NewEvent(type, payload), previous: "", sha256: TaskTraceTests.digest))
        }
    }

    /// 64 hexadecimal digits that depend on what goes in.
    static func digest(_ bytes: [UInt8]) -> String {
        var text = ""
        for seed in 1...4 as ClosedRange<UInt64> {
            let sum = bytes.reduce(seed &* 0x9E37_79B9_7F4A_7C15) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
            let digits = String(sum, radix: 16)
            text += String(repeating: "0", count: 16 - digits.count) + digits
        }
        return text
    }

    private func task(_ status: TaskState = .completed, id: String? = nil) throws -> TaskRecord {
        var values: [TaskRequest.Field: String] = [.repository: "team/library", .task: "Fix it"]
        values[.correlation] = id
        return TaskRecord(
            id: "t1", owner: "uid:0", status: status, request: try TaskRequest(values), createdMilliseconds: 1000)
    }

    private static let report = SessionReport(
        outcome: "verified", isSuccess: true, reason: "ok",
        spending: SessionSpending(microDollars: 300, budgetMicroDollars: 500, inputTokens: 7, outputTokens: 9),
        stages: [
            SessionStage("sandbox before", startedMilliseconds: 1110, endedMilliseconds: 1115, outcome: "exited"),
            SessionStage("sandbox work", startedMilliseconds: 1116, endedMilliseconds: 1150, outcome: "exited"),
            SessionStage(
                SessionStage.models, startedMilliseconds: 1120, endedMilliseconds: 1400,
                calls: .init(count: 2, milliseconds: 12)),
        ])

    /// One that waited for a slot, and was asked about.
    private func story() throws -> Story {
        var story = Story()
        try story.add("task_created")
        for step in ["load-task", "load-blueprint", "admission-control"] {
            try story.add("\(step)_started")
            try story.add("\(step)_completed", after: 0)
        }
        try story.add("admission_queued", after: 0)
        try story.add("admission_queued", after: 20)
        for step in ["admission-control", "pre-flight", "start-session"] {
            try story.add("\(step)_started")
            try story.add("\(step)_completed", after: 5)
        }
        try story.add("session_started", after: 0)
        try story.add("await-agent-completion_started", after: 1)
        try story.add("approval_requested", ["request": "q1", "act": "release"])
        try story.add("approval_decision_recorded", ["request": "q1", "act": "release", "decision": "approved"])
        try story.add("await-agent-completion_completed", after: 50)
        try story.add("session_ended", after: 0, Self.report.json)
        try story.add("finalize_started", after: 0)
        try story.add("finalize_completed", after: 2)
        try story.add("task_completed", after: 0)
        return story
    }

    private func tree(_ trace: TaskTrace) -> [String] {
        let names = Dictionary(uniqueKeysWithValues: trace.spans.map { ($0.id, $0.name) })
        return trace.spans.map { "\($0.parent.flatMap { names[$0] } ?? "-") > \($0.name)" }
    }

    /// Every part lies within its whole, which stands before it.
    private func nests(_ trace: TaskTrace) -> Bool {
        var seen: [String: TaskSpan] = [:]
        for span in trace.spans {
            if let parent = span.parent {
                guard let outer = seen[parent], outer.startedMilliseconds <= span.startedMilliseconds,
                    span.endedMilliseconds <= outer.endedMilliseconds
                else { return false }
            } else if !seen.isEmpty {
                return false
            }
            guard span.startedMilliseconds <= span.endedMilliseconds, seen.updateValue(span, forKey: span.id) == nil
            else { return false }
        }
        return !seen.isEmpty
    }

    @Test(
        "O2: has submission, queue, every step, the session's run with its sandboxes, and the delivery, each in its whole"
    )
    func spans() throws {
        let trace = TaskTrace(try task(), try story().events, sha256: Self.digest)
        #expect(
            tree(trace) == [
                "- > task", "task > attempt 1", "attempt 1 > submit", "attempt 1 > load-task",
                "attempt 1 > load-blueprint", "attempt 1 > admission-control", "attempt 1 > queue",
                "attempt 1 > admission-control", "attempt 1 > pre-flight", "attempt 1 > start-session",
                "attempt 1 > await-agent-completion", "await-agent-completion > approval release",
                "await-agent-completion > delivery", "await-agent-completion > sandbox before",
                "await-agent-completion > sandbox work", "sandbox work > model calls", "attempt 1 > finalize",
            ])
        #expect(nests(trace) && trace.spans.allSatisfy { $0.outcome == .succeeded })
        let queue = try #require(trace.spans.first { $0.name == "queue" })
        #expect(queue.endedMilliseconds - queue.startedMilliseconds == 30)
        // Its ledger was written by another clock: what is shown lies within the sandbox all the same.
        let calls = try #require(trace.spans.first { $0.name == SessionStage.models })
        #expect(calls.startedMilliseconds == 1120 && calls.endedMilliseconds == 1150)
        #expect(calls.attributes.contains(.init("sallyport.model.calls", 2)))
        #expect(calls.attributes.contains(.init("sallyport.model.spent_microusd", 300)))
        #expect(trace.spans[0].startedMilliseconds == 1010)
    }

    @Test("has the same ids whenever it is made, also while the task goes on")
    func stable() throws {
        let events = try story().events
        let whole = TaskTrace(try task(), events, sha256: Self.digest)
        #expect(whole.openTelemetry == TaskTrace(try task(), events, sha256: Self.digest).openTelemetry)
        for count in 1...events.count {
            let part = TaskTrace(try task(.running), Array(events[..<count]), sha256: Self.digest)
            #expect(part.spans.map(\.id) == whole.spans.prefix(part.spans.count).map(\.id), "\(count)")
            #expect(nests(part), "\(count)")
            #expect((part.spans[0].outcome == .open) == (count < events.count), "\(count)")
        }
    }

    @Test("a new attempt is a part of its own, and what failed says why")
    func attempts() throws {
        var story = Story()
        try story.add("task_created")
        for attempt in 1...2 {
            try story.add("pre-flight_started")
            try story.add("pre-flight_failed", ["error": .string("no forge \(attempt)")])
            try story.add("stop-session_started")
            try story.add("stop-session_completed")
            try story.add("task_failed", ["message": .string("no forge \(attempt)")])
            if attempt == 1 { try story.add("task_resumed", after: 5000) }
        }
        let trace = TaskTrace(try task(.failed), story.events, sha256: Self.digest)
        #expect(nests(trace))
        #expect(tree(trace).filter { $0.hasPrefix("task >") } == ["task > attempt 1", "task > attempt 2"])
        #expect(
            trace.spans.filter { $0.name == "pre-flight" }.map(\.outcome) == [
                .failed("no forge 1"), .failed("no forge 2"),
            ])
        let attempts = trace.spans.filter { $0.name.hasPrefix("attempt") }
        #expect(attempts[1].startedMilliseconds - attempts[0].endedMilliseconds == 5000)
        #expect(trace.spans[0].outcome == .failed("no forge 2"))
    }

    @Test("a wall clock that was set back leaves no part before its whole")
    func clock() throws {
        var story = Story()
        try story.add("task_created")
        try story.add("pre-flight_started", after: -500)
        try story.add("pre-flight_completed", after: -5)
        try story.add("task_completed", after: 10)
        #expect(nests(TaskTrace(try task(), story.events, sha256: Self.digest)))
    }

    @Test("is OpenTelemetry's own JSON, under the id of all records")
    func exported() throws {
        let id = "0123456789abcdef0123456789abcdef"
        let trace = TaskTrace(try task(id: id), try story().events, sha256: Self.digest)
        #expect(trace.id == id)
        let scope = trace.openTelemetry["resourceSpans"]?.arrayValue?.first?["scopeSpans"]?.arrayValue?.first
        let spans = try #require(scope?["spans"]?.arrayValue)
        #expect(spans.count == trace.spans.count && spans.allSatisfy { $0["traceId"]?.stringValue == id })
        #expect(spans.allSatisfy { $0["spanId"]?.stringValue?.utf8.count == 16 && $0["status"]?["code"] == 1 })
        #expect(spans[0]["startTimeUnixNano"] == "1010000000" && spans[0]["parentSpanId"] == nil)
        #expect(spans[1]["parentSpanId"] == spans[0]["spanId"])
        #expect(
            spans[0]["attributes"]?.arrayValue?.contains([
                "key": "sallyport.task", "value": ["stringValue": "t1"],
            ]) == true)
        // What is no such id is hashed to one.
        let other = TaskTrace(try task(id: "ticket-1"), try story().events, sha256: Self.digest)
        #expect(other.id == String(Self.digest(Array("ticket-1".utf8)).prefix(32)))
    }

    @Test("a report's parts read back as they were written")
    func stages() throws {
        #expect(SessionReport(json: Self.report.json) == Self.report)
        #expect(SessionStage(json: ["name": "x", "started_ms": 5, "ended_ms": 4]) == nil)
    }
}
