// SPDX-License-Identifier: Apache-2.0
package import Documents

/// What an event tells of.
package enum EventType: Sendable, Hashable {
    /// A step of the pipeline, by its name.
    case step(String, StepPhase)
    case fact(Fact)

    package enum StepPhase: String, Sendable, CaseIterable { case started, completed, failed }

    package enum Fact: String, Sendable, CaseIterable {
        case taskCreated = "task_created"
        case admissionQueued = "admission_queued"
        case admissionRejected = "admission_rejected"
        case preflightFailed = "preflight_failed"
        case guardrailBlocked = "guardrail_blocked"
        /// Every task that it depends on is COMPLETED.
        case dependenciesMet = "dependencies_met"
        /// One that it depends on did not become COMPLETED, so it does not begin.
        case dependencyFailed = "dependency_failed"
        case taskResumed = "task_resumed"
        /// What the task may spend counts in budgets from now on, as if it had.
        case budgetReserved = "budget_reserved"
        /// What it spent counts instead.
        case budgetSettled = "budget_settled"
        /// Four fifths of a budget are spent.
        case budgetWarning = "budget_warning"
        /// A budget is spent.
        case budgetExhausted = "budget_exhausted"
        case holdSet = "hold_set"
        case holdReleased = "hold_released"
        /// Something of the task was removed because of its age, or for room.
        case retentionApplied = "retention_applied"
        case sessionStartRetry = "session_start_retry"
        case sessionStarted = "session_started"
        /// A session that was there before was found again after a restart.
        case sessionAdopted = "session_adopted"
        case sessionEnded = "session_ended"
        case sessionLost = "session_lost"
        case stopUnconfirmed = "stop_unconfirmed"
        case cancelRequested = "cancel_requested"
        case deadlinePassed = "deadline_passed"
        /// A person has to decide; the task waits.
        case approvalRequested = "approval_requested"
        case approvalDecisionRecorded = "approval_decision_recorded"
        /// A sandbox is kept from running while a question about it is open, and runs again.
        case frozen, thawed
        /// What the task was told of earlier ones.
        case memoryRecalled = "memory_recalled"
        /// What it left behind for later ones.
        case memoryAdded = "memory_added"
        /// It was told, or left, nothing: the memory did not answer.
        case memoryUnavailable = "memory_unavailable"
        /// The operator should look at the task, and need not any more.
        case alarmRaised = "alarm_raised"
        case alarmCleared = "alarm_cleared"
        case taskCompleted = "task_completed"
        case taskFailed = "task_failed"
        case taskCancelled = "task_cancelled"
        case taskTimedOut = "task_timed_out"

        /// What a session's process may tell; the rest is the orchestrator's own to say.
        package static let ofSessions: Set<Fact> = [.budgetWarning, .budgetExhausted, .frozen, .thawed]
    }

    /// As it is stored and shown; a step's is `<step>_<phase>`.
    package var text: String {
        switch self {
        case .fact(let fact): fact.rawValue
        case .step(let name, let phase): "\(name)_\(phase.rawValue)"
        }
    }

    package init?(text: String) {
        if let fact = Fact(rawValue: text) {
            self = .fact(fact)
        } else if let split = text.lastIndex(of: "_"), split != text.startIndex,
            let phase = StepPhase(rawValue: String(text[text.index(after: split)...]))
        {
            self = .step(String(text[..<split]), phase)
        } else {
            return nil
        }
    }
}

/// Whether the host saw it, or somebody inside said it.
package enum EventSource: String, Sendable, CaseIterable { case observed, claimed }

/// An event before it has its place.
package struct NewEvent: Sendable, Hashable {
    package let type: EventType
    package let source: EventSource
    /// An object.
    package let payload: JSON

    package init(_ type: EventType, source: EventSource = .observed, _ payload: JSON = [:]) {
        self.type = type
        self.source = source
        self.payload = payload
    }

    package init(_ fact: EventType.Fact, _ payload: JSON = [:]) { self.init(.fact(fact), payload) }
}

/// One link in the chain of a task's events.
///
/// `sequence` counts from 1 without gaps. `digest` is the SHA-256 of ``chained``, which names the digest before it, so that
/// the last one stands for all.
package struct EventRecord: Sendable, Hashable {
    package let task: String
    package let sequence: Int
    package let wallMilliseconds: Int
    package let monotonicMilliseconds: Int
    package let type: EventType
    package let source: EventSource
    package let payload: JSON
    package let previous: String
    package let digest: String

    package static let origin = String(repeating: "0", count: 64)

    /// - Parameter sha256: In hexadecimal.
    package init(
        task: String, sequence: Int, wallMilliseconds: Int, monotonicMilliseconds: Int, event: NewEvent,
        previous: String, sha256: ([UInt8]) -> String
    ) {
        self.task = task
        self.sequence = sequence
        self.wallMilliseconds = wallMilliseconds
        self.monotonicMilliseconds = monotonicMilliseconds
        type = event.type
        source = event.source
        payload = event.payload
        self.previous = previous
        digest = sha256(
            Self.chained(task, sequence, wallMilliseconds, monotonicMilliseconds, event, previous))
    }

    /// As it was stored; whether the digest is right is for ``isIntact(sha256:)`` to say.
    package init(
        task: String, sequence: Int, wallMilliseconds: Int, monotonicMilliseconds: Int, event: NewEvent,
        previous: String, digest: String
    ) {
        self.task = task
        self.sequence = sequence
        self.wallMilliseconds = wallMilliseconds
        self.monotonicMilliseconds = monotonicMilliseconds
        type = event.type
        source = event.source
        payload = event.payload
        self.previous = previous
        self.digest = digest
    }

    package func isIntact(sha256: ([UInt8]) -> String) -> Bool {
        digest
            == sha256(
                Self.chained(
                    task, sequence, wallMilliseconds, monotonicMilliseconds,
                    NewEvent(type, source: source, payload), previous))
    }

    package var json: JSON {
        [
            "task": .string(task), "seq": .int(sequence), "wall_ms": .int(wallMilliseconds),
            "monotonic_ms": .int(monotonicMilliseconds), "type": .string(type.text), "source": .string(source.rawValue),
            "payload": payload, "previous": .string(previous), "digest": .string(digest),
        ]
    }

    private static func chained(
        _ task: String, _ sequence: Int, _ wall: Int, _ monotonic: Int, _ event: NewEvent, _ previous: String
    ) -> [UInt8] {
        JSONWriter().write([
            "version": 1, "task": .string(task), "seq": .int(sequence), "wall_ms": .int(wall),
            "monotonic_ms": .int(monotonic), "type": .string(event.type.text), "source": .string(event.source.rawValue),
            "payload": event.payload, "previous": .string(previous),
        ])
    }
}
