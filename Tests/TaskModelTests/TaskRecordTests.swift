// SPDX-License-Identifier: Apache-2.0
import Documents
import Testing

@testable import TaskModel

/// What a request must be, and what is stored of a task.
@Suite("task records")
struct TaskRecordTests {
    private static let plain: [TaskRequest.Field: String] = [
        .repository: "/srv/r", .task: "Fix it", .agentCommand: "./agent",
    ]

    struct Flaw: Sendable, CustomTestStringConvertible {
        let what: String
        let json: JSON
        let part: String
        var testDescription: String { what }
    }

    private static func with(_ changes: JSON.Member...) -> JSON {
        var members: [JSON.Member] = [
            .init("repo", "/srv/r"), .init("task", "Fix it"), .init("agent_command", "./agent"),
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
        Flaw(what: "a relative path", json: with(.init("repo", "here")), part: "absolute path"),
        Flaw(what: "no task", json: with(.init("task", .null)), part: "\"task\" or \"issue\" is missing"),
        Flaw(what: "two agents", json: with(.init("agent", "aider")), part: "exactly one of"),
        Flaw(what: "no agent", json: with(.init("agent_command", .null)), part: "exactly one of"),
        Flaw(what: "an unknown type", json: with(.init("type", "epic")), part: "must be one of"),
        Flaw(what: "a review of nothing", json: with(.init("type", "pr_review")), part: "needs \"pr\""),
        Flaw(what: "a variable of the daemon", json: with(.init("credential", "env:HOME")), part: "file:/path"),
        Flaw(what: "two lines", json: with(.init("base", "a\nb")), part: "one line"),
        Flaw(what: "a NUL", json: with(.init("test_command", "a\u{0}b")), part: "no NUL"),
        Flaw(what: "too many turns", json: with(.init("max_turns", 501)), part: "from 1 to 500"),
        Flaw(what: "no turns", json: with(.init("max_turns", 0)), part: "above 0"),
        Flaw(what: "a directory to deliver to", json: with(.init("deliver", "/etc")), part: "branch, pr or patch"),
        Flaw(
            what: "a text that is too long", json: with(.init("task", .string(String(repeating: "x", count: 10_001)))),
            part: "1 to 10000 bytes"),
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
        values[.testCommand] = "make \"test\"\n# ü"
        let request = try TaskRequest(values)
        #expect(try TaskRequest(json: request.json) == request)
        #expect(request.json["max_turns"]?.intValue == 7 && request.title == "Fix it")
        #expect(try TaskRequest(json: Self.with()).type == .newTask)
    }

    @Test("every option of a request is one of task run, by the same name")
    func options() {
        #expect(
            TaskRequest.Field.pullRequest.option == "--pr" && TaskRequest.Field.agentCommand.option == "--agent-command"
        )
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
}
