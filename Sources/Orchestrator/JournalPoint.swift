// SPDX-License-Identifier: Apache-2.0

/// The steps that are journaled, in the order in which a task meets them.
package enum JournalStep: String, Sendable, CaseIterable {
    case submit
    case admissionControl = "admission-control"
    case startSession = "start-session"
    case awaitCompletion = "await-agent-completion"
    /// A session is told what became of its question: within the wait, and done again as often as it may have failed.
    case answerSession = "answer-session"
    case stopSession = "stop-session"
    case finalize

    /// Submission is one transaction: it has no intent that could be left behind. An answer's intent is the decision, and
    /// its end is the asker's to know.
    var phases: [JournalPoint.Phase] {
        switch self {
        case .submit: [.ended]
        case .answerSession: [.began, .acted]
        case .admissionControl, .startSession, .awaitCompletion, .stopSession, .finalize: JournalPoint.Phase.allCases
        }
    }
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

    package var description: String { "\(step.rawValue).\(phase.rawValue)" }

    package static let all = JournalStep.allCases.flatMap { step in step.phases.map { JournalPoint(step, $0) } }
}
