// SPDX-License-Identifier: Apache-2.0
import Blueprints
import Documents
import TaskModel
import Testing

@Suite("what a step says")
struct StepOutputTests {
    static func read(_ text: String) throws(StepOutput.Flaw) -> StepOutput { try StepOutput(Array(text.utf8)) }

    @Test("the three ends are read, blanks round them allowed")
    func ends() throws {
        #expect(try Self.read("{\"status\":\"success\"}") == .success(metadata: .object([])))
        #expect(
            try Self.read(" {\"status\": \"success\", \"metadata\": {\"b\": 1, \"a\": [true, null, 1.5]}}\n")
                == .success(metadata: ["b": 1, "a": [.bool(true), nil, .double(1.5)]]))
        #expect(
            try Self.read("{\"status\":\"failed\",\"error\":\"2 findings\",\"metadata\":{\"n\":2}}")
                == .failed(message: "2 findings", metadata: ["n": 2]))
        #expect(try Self.read("{\"status\":\"skipped\"}") == .skipped(reason: nil, metadata: .object([])))
        #expect(try Self.read("{\"status\":\"skipped\",\"error\":\"no Python\"}").message == "no Python")
    }

    @Test(
        "what was written reads back",
        arguments: ["{\"status\":\"failed\",\"error\":\"\\u0000\\u202e\",\"metadata\":{\"\\n\":\"x\"}}"])
    func round(_ text: String) throws {
        let first = try Self.read(text)
        #expect(try StepOutput(JSONWriter().write(first.json)) == first)
    }

    static let malformed: [(String, String)] = [
        ("", "nothing on standard output"), (" \n", "nothing on standard output"),
        ("done", "no value"), ("[]", "no object"), ("\"success\"", "no object"), ("null", "no object"),
        ("{\"status\":\"success\"} trailing", "text after the value"),
        ("{\"status\":\"success\"}{\"status\":\"failed\"}", "text after the value"),
        ("log line\n{\"status\":\"success\"}", "at byte 0"),
        ("{\"status\":\"success\"", "at byte"), ("{}", "none of success"),
        ("{\"status\":\"SUCCESS\"}", "none of success"), ("{\"status\":true}", "none of success"),
        ("{\"status\":\"success\",\"status\":\"failed\"}", "a name that was there before"),
        ("{\"status\":\"success\",\"st\\u0061tus\":\"failed\"}", "a name that was there before"),
        ("{\"status\":\"success\",\"step\":\"finalize\"}", "unknown member \"step\""),
        ("{\"status\":\"success\",\"attempt\":1}", "unknown member \"attempt\""),
        ("{\"status\":\"success\",\"previousStepResults\":{}}", "unknown member"),
        ("{\"status\":\"success\",\"\\u001b[2J\":1}", "\\u{1b}"),
        ("{\"status\":\"success\",\"error\":\"x\"}", "a success with an error"),
        ("{\"status\":\"failed\"}", "does not say why"), ("{\"status\":\"failed\",\"error\":\"\"}", "no text"),
        ("{\"status\":\"failed\",\"error\":null}", "does not say why"),
        ("{\"status\":\"failed\",\"error\":5}", "no text"),
        ("{\"status\":\"success\",\"metadata\":[]}", "no object"),
        ("{\"status\":\"success\",\"metadata\":{\"a\":01}}", "at byte"),
        ("{\"status\":\"success\",\"metadata\":{\"a\":1e999}}", "out of range"),
        ("{\"status\":\"success\",\"metadata\":{\"a\":\"\\ud800\"}}", "surrogate"),
        (
            "{\"status\":\"success\",\"metadata\":" + String(repeating: "{\"a\":", count: 20) + "1"
                + String(repeating: "}", count: 20) + "}", "nested too deep"
        ),
    ]

    @Test("what is no output is malformed, and says where", arguments: malformed)
    func refused(_ text: String, _ says: String) {
        let flaw = #expect(throws: StepOutput.Flaw.self) { _ = try Self.read(text) }
        guard case .malformed(let reason)? = flaw else {
            Issue.record("\(String(describing: flaw))")
            return
        }
        #expect(reason.contains(says), "\(reason)")
        #expect(reason.displayed == reason)
    }

    @Test("bytes that are no UTF-8 are malformed")
    func bytes() {
        let flaw = #expect(throws: StepOutput.Flaw.self) {
            _ = try StepOutput(Array("{\"status\":\"".utf8) + [0xFF] + Array("\"}".utf8))
        }
        #expect(flaw == .malformed("text that is no UTF-8 at byte 11"))
    }

    /// Metadata of exactly this many bytes as it is stored.
    static func metadata(_ bytes: Int) -> String { "{\"a\":\"" + String(repeating: "x", count: bytes - 8) + "\"}" }

    @Test("10 KB of metadata are taken, one byte more is refused and nothing is cut")
    func size() throws {
        let taken = try Self.read("{\"status\":\"success\",\"metadata\":\(Self.metadata(10_240))}")
        #expect(JSONWriter().write(taken.metadata).count == 10_240)
        let flaw = #expect(throws: StepOutput.Flaw.self) {
            _ = try Self.read("{\"status\":\"success\",\"metadata\":\(Self.metadata(10_241))}")
        }
        guard case .oversize? = flaw else {
            Issue.record("\(String(describing: flaw))")
            return
        }
    }

    @Test("metadata is measured as it is stored, where escapes make it longer")
    func escapes() {
        let text =
            "{\"status\":\"success\",\"metadata\":{\"a\":\"" + String(repeating: "\u{202e}", count: 3000) + "\"}}"
        let flaw = #expect(throws: StepOutput.Flaw.self) { _ = try Self.read(text) }
        guard case .oversize? = flaw else {
            Issue.record("\(String(describing: flaw))")
            return
        }
    }

    @Test("a document is bounded before it is read, blanks included")
    func document() {
        let text = "{\"status\":\"success\"}" + String(repeating: " ", count: 65_536)
        #expect(throws: StepOutput.Flaw.oversize("more than 65536 bytes")) { _ = try Self.read(text) }
        let deep = String(repeating: "[", count: 60_000)
        #expect(throws: StepOutput.Flaw.self) { _ = try Self.read(deep) }
    }
}

@Suite("attempts of a step")
struct StepAttemptTests {
    static let good = Array("{\"status\":\"success\"}".utf8)
    static let bad = Array("{\"status\":\"failed\",\"error\":\"no\"}".utf8)

    @Test("a step that says what it did and ends well has said it")
    func said() {
        #expect(StepAttempt.judge(.exited(0), output: Self.good) == .said(.success(metadata: .object([]))))
        #expect(StepAttempt.judge(.exited(0), output: Self.bad) == .said(.failed(message: "no", metadata: .object([]))))
        #expect(StepAttempt.judge(.exited(3), output: Self.bad) == .said(.failed(message: "no", metadata: .object([]))))
    }

    @Test(
        "what the supervisor saw goes before what the step says",
        arguments: [
            (StepAttempt.End.exited(1), StepFailure.Cause.contradicted, false), (.signalled(9), .signalled, false),
            (.outOfMemory, .outOfMemory, false), (.timedOut, .timedOut, true), (.stopped, .stopped, false),
            (.lost, .lost, true), (.networkLost, .networkLost, true), (.exited(75), .temporary, true),
            (.notStarted(reason: "EAGAIN", isTransient: true), .startTransient, true),
            (.notStarted(reason: "no such profile", isTransient: false), .startRefused, false),
        ])
    func broke(_ end: StepAttempt.End, _ cause: StepFailure.Cause, _ again: Bool) {
        guard case .broke(let failure) = StepAttempt.judge(end, output: Self.good) else {
            Issue.record("it was believed")
            return
        }
        #expect(failure.cause == cause && failure.cause.isRetryable == again && !failure.message.isEmpty)
    }

    @Test("silence is never success", arguments: [0, 1, 126, 127])
    func silence(_ code: Int) {
        guard case .broke(let failure) = StepAttempt.judge(.exited(code), output: []) else {
            Issue.record("silence was success")
            return
        }
        #expect(failure.cause == .malformed && !failure.cause.isRetryable)
    }
}

@Suite("retries of a step")
struct RetryPolicyTests {
    @Test("waits double from one second and stay at ten")
    func waits() {
        #expect(
            (1...8).map { RetryPolicy.wait(after: $0) } == [1, 2, 4, 8, 10, 10, 10, 10].map { Duration.seconds($0) })
        #expect(RetryPolicy.wait(after: .max) == .seconds(10))
    }

    @Test("what may end better is tried again until there is no attempt left")
    func again() {
        let policy = RetryPolicy(maxRetries: 2)
        let late = StepAttempt.judge(.timedOut, output: [])
        #expect(policy.attempts == 3)
        #expect(policy.next(after: 1, late) == .again(after: .seconds(1)))
        #expect(policy.next(after: 2, late) == .again(after: .seconds(2)))
        #expect(policy.next(after: 3, late) == .exhausted(late.output))
        #expect(RetryPolicy(maxRetries: 0).next(after: 1, late) == .exhausted(late.output))
    }

    @Test("what a step says of itself is final, and so is output that is none")
    func final() {
        let policy = RetryPolicy(maxRetries: 2)
        for output in [StepAttemptTests.good, StepAttemptTests.bad, [], Array("{".utf8)] {
            let attempt = StepAttempt.judge(.exited(0), output: output)
            #expect(policy.next(after: 1, attempt) == .done(attempt.output))
        }
    }
}

@Suite("what a step is given")
struct StepInputTests {
    static let results = StepResults(
        entries: (1...8).map { .init(step: "s\($0)", output: .success(metadata: ["n": .int($0)])) })

    @Test("the newest results, in their order, and no more than configured", arguments: [0, 1, 5, 20])
    func pruned(_ count: Int) throws {
        let snapshot = try Self.snapshot()
        let step = try #require(snapshot.blueprint.pipeline.customSteps.first)
        let input = StepInput(
            task: "T1", repository: "team/library", step: step, attempt: 2, round: 3, view: snapshot.view,
            results: Self.results, keeping: count)
        #expect(input.previousResults.entries.map(\.step) == (1...8).map { "s\($0)" }.suffix(count))
        #expect(input.idempotencyKey == "T1/scan/3" && input.attempt == 2)
    }

    @Test("a step knows its own configuration and a part of the task's; nothing says where a credential is")
    func filtered() throws {
        let snapshot = try Self.snapshot()
        let step = try #require(snapshot.blueprint.pipeline.customSteps.first)
        let json = snapshot.input(
            for: step, task: "T1", correlation: CorrelationID("ticket-1"), round: 1, attempt: 1, results: Self.results
        ).json
        #expect(json["correlationId"] == "ticket-1")
        #expect(json["blueprintConfig"]?["config"] == ["severity": "high"])
        #expect(json["blueprintConfig"]?["max_turns"] == 100)
        let text = json.compactText
        for kept in ["forge-token", "egress", "submitters", "second-step-secret", "approvals", "/srv/git"] {
            #expect(!text.contains(kept), "\(kept) in \(text)")
        }
        // The control: the snapshot has all of them.
        let whole = snapshot.json.compactText
        for kept in ["forge-token", "egress", "submitters", "second-step-secret"] { #expect(whole.contains(kept)) }
    }

    static func snapshot() throws -> TaskSnapshot {
        let blueprint = try BlueprintFixtures.blueprint(
            """
            credentials: {forge: "credential:forge-token"}
            networking: {egress: [{host: a.example, reason: x}]}
            pipeline:
              custom_steps:
                - {name: scan, phase: post-agent, command: "true", config: {severity: high}}
                - {name: other, phase: post-agent, command: "true", config: {word: second-step-secret}}
            """)
        return TaskSnapshot(
            blueprint: blueprint, type: .newTask, limits: SettledFigures(blueprint: blueprint, task: TaskFigures()))
    }

    static let matrix: [(StepReference, Set<ConfigField>)] = [
        (StepReference(.admissionControl), [.status, .resources, .budgets]),
        (StepReference(.preFlight), [.forgeCredential, .source, .profile]),
        (StepReference(.hydrateContext), [.forgeCredential, .source, .promptOverrides, .screening]),
        (
            StepReference(.startSession),
            [
                .computeType, .modelID, .maxTurns, .maxBudget, .profile, .resources, .filesystem, .egress, .runner,
                .models,
            ]
        ),
        (StepReference(.awaitCompletion), [.pollInterval]), (StepReference(.finalize), []),
        (
            StepReference(kind: .custom, name: "scan"),
            [
                .computeType, .modelID, .maxTurns, .maxBudget, .profile, .setupCommand, .buildCommand, .lintCommand,
                .testCommand, .gate, .taskTypes,
            ]
        ),
    ]

    @Test("each step gets these fields and no other", arguments: matrix)
    func fields(_ step: StepReference, _ fields: Set<ConfigField>) {
        for field in ConfigField.allCases {
            #expect(ConfigField.visible(to: step).contains(field) == fields.contains(field), "\(step.name): \(field)")
        }
    }

    @Test(
        "nobody but pre-flight and hydration knows where the credential is, and none of the three steps around knows egress"
    )
    func never() {
        for (step, _) in Self.matrix where ![BuiltinStep.preFlight, .hydrateContext].contains(step.builtin) {
            #expect(!ConfigField.visible(to: step).contains(.forgeCredential))
        }
        for (step, _) in Self.matrix where step.builtin != .startSession {
            #expect(!ConfigField.visible(to: step).contains(.egress))
        }
    }
}

@Suite("checkpoints of a task")
struct StepResultsTests {
    @Test("a checkpoint reads back, in order")
    func round() throws {
        let bytes = try StepInputTests.results.checkpoint()
        #expect(try StepResults(checkpoint: bytes) == StepInputTests.results)
    }

    @Test("a checkpoint over 256 KB is refused, not cut")
    func large() throws {
        let output = StepOutput.success(metadata: ["a": .string(String(repeating: "x", count: 10_000))])
        var results = StepResults()
        for number in 1...25 { results.add("s\(number)", output) }
        _ = try results.checkpoint()
        for number in 26...30 { results.add("s\(number)", output) }
        #expect(throws: StepResults.Flaw.self) { _ = try results.checkpoint() }
    }

    @Test("a result that comes again takes the place of the old one, at the end")
    func replaced() {
        var results = StepInputTests.results
        results.add("s3", .skipped(reason: nil, metadata: .object([])))
        #expect(results.entries.map(\.step) == ["s1", "s2", "s4", "s5", "s6", "s7", "s8", "s3"])
        #expect(results["s3"]?.status == "skipped")
    }

    @Test(
        "what is no checkpoint is refused",
        arguments: [
            "", "{}", "[1]", "[{\"step\":\"a\"}]", "[{\"step\":\"A b\",\"output\":{\"status\":\"success\"}}]",
            "[{\"step\":\"a\",\"output\":{\"status\":\"done\"}}]",
            "[{\"step\":\"a\",\"output\":{\"status\":\"success\"},\"more\":1}]",
            "[{\"step\":\"a\",\"output\":{\"status\":\"success\"}},{\"step\":\"a\",\"output\":{\"status\":\"success\"}}]",
        ])
    func hostile(_ text: String) {
        #expect(throws: StepResults.Flaw.self) { _ = try StepResults(checkpoint: Array(text.utf8)) }
    }
}
