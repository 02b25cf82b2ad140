// SPDX-License-Identifier: Apache-2.0

/// The steps that are journaled, in the order in which a task meets them.
package enum JournalStep: String, Sendable, CaseIterable {
    case submit
    case admissionControl = "admission-control"
    case startSession = "start-session"
    case awaitCompletion = "await-agent-completion"
    case stopSession = "stop-session"
    case finalize

    /// Submission is one transaction: it has no intent that could be left behind.
    var phases: [JournalPoint.Phase] { self == .submit ? [.ended] : JournalPoint.Phase.allCases }
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
