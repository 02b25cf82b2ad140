// SPDX-License-Identifier: Apache-2.0

/// A step that is journaled, by the name that events have for it.
package struct JournalStep: Sendable, Hashable {
    package let name: String
    /// Those that there are of it.
    package let phases: [JournalPoint.Phase]

    private init(_ name: String, _ phases: [JournalPoint.Phase] = JournalPoint.Phase.allCases) {
        self.name = name
        self.phases = phases
    }

    /// One transaction, as the next two are one: there is no intent that could be left behind.
    package static let submit = JournalStep("submit", [.ended])
    package static let loadTask = JournalStep("load-task", [.ended])
    package static let loadBlueprint = JournalStep("load-blueprint", [.ended])
    package static let admissionControl = JournalStep("admission-control")
    package static let preFlight = JournalStep("pre-flight")
    package static let hydrateContext = JournalStep("hydrate-context")
    package static let startSession = JournalStep("start-session")
    package static let awaitCompletion = JournalStep("await-agent-completion")
    /// A session is told what became of its question: within the wait, and done again as often as it may have failed. The
    /// intent is the decision, and the end is the asker's to know.
    package static let answerSession = JournalStep("answer-session", [.began, .acted])
    package static let stopSession = JournalStep("stop-session")
    package static let finalize = JournalStep("finalize")
    /// One of a blueprint's own, or one by its name.
    package static func named(_ name: String) -> JournalStep {
        builtin.first { $0.name == name } ?? JournalStep(name)
    }

    /// What every task may meet, in the order in which it does.
    package static let builtin: [JournalStep] = [
        submit, loadBlueprint, admissionControl, preFlight, hydrateContext, startSession, awaitCompletion,
        answerSession,
        stopSession, finalize,
    ]
}

/// A moment between two things that are stored, at which a process may die and nothing may come of it.
package struct JournalPoint: Sendable, Hashable, CustomStringConvertible {
    package enum Phase: String, Sendable, CaseIterable {
        /// The intent is stored, nothing was done.
        case began
        /// It was done, and that is not stored.
        case acted
        /// Its end is stored, with all that it changed.
        case ended
    }

    package let step: JournalStep
    package let phase: Phase

    package init(_ step: JournalStep, _ phase: Phase) {
        self.step = step
        self.phase = phase
    }

    package var description: String { "\(step.name).\(phase.rawValue)" }

    package static let all = all(of: JournalStep.builtin)

    package static func all(of steps: [JournalStep]) -> [JournalPoint] {
        steps.flatMap { step in step.phases.map { JournalPoint(step, $0) } }
    }
}
