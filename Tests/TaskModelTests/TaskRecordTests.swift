// SPDX-License-Identifier: Apache-2.0
import Documents
import Testing

@testable import TaskModel

/// What a request must be, and what is stored of a task.
@Suite("task records")
struct TaskRecordTests {
    private static let plain: [TaskRequest.Field: String] = [
        .repository: "Team/library", .task: "Fix it",
    ]

    struct Flaw: Sendable, CustomTestStringConvertible {
        let what: String
        let json: JSON
        let part: String
        var testDescription: String { what }
    }

    private static func with(_ changes: JSON.Member...) -> JSON {
        var members: [JSON.Member] = [
            .init("repo", "Team/library"), .init("task", "Fix it"),
        ]
        for change in changes {
            members.removeAll { $0.name == change.name }
            if !change.value.isNull { members.append(change) }
        }
        return .object(members)
    }

    static let flaws = [
        Flaw(what: "no object", json: "text", part: "is an object"),
        Flaw(what: "an unknown field", json: with(.init("shell", "x")), part: "unknown field \"shell\""),
        Flaw(what: "a number as text", json: with(.init("pr", "3")), part: "must be a number"),
        Flaw(what: "a text as number", json: with(.init("task", 3)), part: "must be a string"),
        Flaw(what: "no repository", json: with(.init("repo", .null)), part: "is missing"),
        Flaw(what: "an agent", json: with(.init("agent_command", "./agent")), part: "unknown field"),
        Flaw(what: "a profile", json: with(.init("profile", "open")), part: "unknown field"),
        Flaw(what: "a credential", json: with(.init("credential", "env:HOME")), part: "unknown field"),
        Flaw(what: "two lines", json: with(.init("model", "a\nb")), part: "one line"),
        Flaw(what: "a NUL", json: with(.init("criteria", "a\u{0}b")), part: "no NUL"),
        Flaw(what: "another's id", json: with(.init("correlation_id", "A B")), part: "lower-case letters"),
        Flaw(what: "no turns", json: with(.init("max_turns", 0)), part: "above 0"),
        Flaw(what: "a list as text", json: with(.init("depends_on", "t1")), part: "must be a list"),
        Flaw(what: "a line end in a list", json: with(.init("depends_on", ["a\nb"])), part: "list of lines"),
        Flaw(
            what: "a text that is too long", json: with(.init("task", .string(String(repeating: "x", count: 40_001)))),
            part: "1 to 40000 bytes"),
    ]

    @Test("a request that is none is refused with what is wrong", arguments: flaws)
    func flawed(_ flaw: Flaw) throws {
        let refusal = #expect(throws: TaskRefusal.self) { try TaskRequest(json: flaw.json) }
        #expect(refusal?.code == .validation)
        #expect(refusal?.message.contains(flaw.part) == true, "\(refusal?.message ?? "")")
    }

    @Test("a request reads back as it was written")
    func request() throws {
        var values = Self.plain
        values[.maxTurns] = "7"
        values[.criteria] = "- \"test\"\n# ü"
        values[.dependsOn] = "a\nb"
        let request = try TaskRequest(values)
        #expect(try TaskRequest(json: request.json) == request)
        #expect(request.json["max_turns"]?.intValue == 7 && request.title == "Fix it")
        #expect(request.json["depends_on"] == ["a", "b"] && request.repository == "team/library")
        #expect(try TaskRequest(json: Self.with()).type == .newTask)
    }

    @Test("a request keeps the id that its caller gave, and else takes the one that is made")
    func correlated() throws {
        let made = try #require(CorrelationID("made"))
        var values = Self.plain
        #expect(try TaskRequest(values).correlation == nil)
        #expect(try TaskRequest(values).correlated(by: made).json["correlation_id"] == "made")
        values[.correlation] = "ticket-1"
        #expect(try TaskRequest(values).correlated(by: made).correlation?.description == "ticket-1")
    }

    @Test("every field of a request has an option of its own")
    func options() {
        #expect(TaskRequest.Field.pullRequest.option == "--pr" && TaskRequest.Field.maxTurns.option == "--max-turns")
        #expect(Set(TaskRequest.Field.allCases.map(\.option)).count == TaskRequest.Field.allCases.count)
    }

    @Test("an event type reads back, and a stranger does not")
    func types() {
        for fact in EventType.Fact.allCases { #expect(EventType(text: fact.rawValue) == .fact(fact)) }
        let step = EventType.step("start-session", .completed)
        #expect(step.text == "start-session_completed" && EventType(text: step.text) == step)
        for stranger in ["", "_started", "task_exploded", "x"] { #expect(EventType(text: stranger) == nil) }
    }

    @Test("no event type of a fact can be taken for a step's, nor the other way round")
    func apart() {
        for fact in EventType.Fact.allCases {
            for step in ["submit", "admission-control", "start-session", "await-agent-completion", "finalize"] {
                for phase in EventType.StepPhase.allCases {
                    #expect(EventType.step(step, phase).text != fact.rawValue)
                }
            }
        }
    }

    @Test("a record of a version that is not known is none")
    func unknown() {
        #expect(SessionHandle(json: ["type": "cloud", "session": "x"]) == nil)
        #expect(SessionHandle(json: ["type": "local", "session": ""]) == nil)
        #expect(TaskFailureRecord(json: ["category": "fate", "class": "user", "message": "m"]) == nil)
        #expect(SessionReport(json: ["outcome": "verified"]) == nil)
        let failure = TaskFailureRecord(.timeout, .transient, code: .rateLimit, "m")
        #expect(TaskFailureRecord(json: failure.json) == failure && failure.isRetryable)
        let handle = SessionHandle.local(.init(session: "s"))
        #expect(SessionHandle(json: handle.json) == handle)
    }

    @Test("error codes have the numbers of the contract")
    func codes() {
        #expect(ErrorCode.duplicateTask.status == 409 && ErrorCode.repositoryNotOnboarded.status == 422)
        #expect(ErrorCode.serviceUnavailable.status == 503 && ErrorCode.rateLimit.status == 429)
        #expect(ErrorCode.invalidStepSequence.status == nil)
        #expect(Set(ErrorCode.allCases.map(\.rawValue)).count == ErrorCode.allCases.count)
    }

    @Test("a task's name sorts by time and is told from any other word")
    func names() {
        let early = TaskIdentifier(milliseconds: 1000, random: Array(repeating: 31, count: 10))
        let late = TaskIdentifier(milliseconds: 1001, random: Array(repeating: 0, count: 10))
        #expect(early.description < late.description)
        #expect(TaskIdentifier(early.description) == early && TaskIdentifier("t../../etc/passwd00000") == nil)
    }

    @Test("figures of spending are read as large as they may be, however large or however they were written")
    func spending() throws {
        let most = SessionSpending.most
        for (written, read) in [
            (JSON.int(5), 5), (.int(Int.max), most), (.string("18446744073709551615"), most), (.int(-1), most),
            (.double(1e300), most), (.null, 0),
        ] {
            let spending = try #require(
                SessionSpending(json: [
                    "spent_microusd": written, "budget_microusd": written, "exhausted": false, "input_tokens": written,
                    "output_tokens": written,
                ]))
            #expect(
                [spending.microDollars, spending.budgetMicroDollars, spending.inputTokens, spending.outputTokens]
                    == [read, read, read, read])
            #expect(spending.isCredible == (read < most))
        }
        #expect(SessionSpending(json: ["spent_microusd": 1, "budget_microusd": 1, "exhausted": false]) == nil)
        let full = SessionSpending(microDollars: most, budgetMicroDollars: most, inputTokens: most, outputTokens: most)
        #expect(full + full == full)
    }

    @Test("an amount above what any budget can be is none, with a fraction and without")
    func dollars() {
        #expect(DollarText.parse("1000000") == DollarText.most && DollarText.parse("1000000.0") == DollarText.most)
        for text in ["1000001", "1000000.000001", "9999999", "10000000", "1e3", "-1", ""] {
            #expect(DollarText.parse(text) == nil, "\(text)")
        }
    }
}
