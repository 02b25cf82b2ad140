// SPDX-License-Identifier: Apache-2.0

/// Where a task stands. Only the orchestrator moves it, by a row of ``TransitionTable``.
///
/// `rawValue` is what is stored and shown.
package enum TaskState: String, Sendable, CaseIterable {
    /// Accepted; its attachments are not confirmed. Left by their confirmation, or after ``TaskLimits/uploadsExpiry``.
    case pendingUploads = "PENDING_UPLOADS"
    /// Waits for a slot, first in first out; at most ``TaskLimits/queueMaxAge``.
    case queued = "QUEUED"
    /// Accepted, its pipeline begins; seconds. Takes its slot here, at admission.
    case submitted = "SUBMITTED"
    /// Its context is put together and its session started; minutes.
    case hydrating = "HYDRATING"
    /// Its session is alive; at most ``TaskLimits/sessionMax``.
    case running = "RUNNING"
    /// A person has to decide; as long as the gate's time-out, while the session's deadline goes on.
    case awaitingApproval = "AWAITING_APPROVAL"
    /// Its session is over: the outcome is found, what is left is cleared away; seconds.
    case finalizing = "FINALIZING"
    case completed = "COMPLETED"
    case failed = "FAILED"
    case cancelled = "CANCELLED"
    case timedOut = "TIMED_OUT"

    package enum Phase: Sendable { case preActive, active, terminal }

    package var phase: Phase {
        switch self {
        case .pendingUploads, .queued: .preActive
        case .submitted, .hydrating, .running, .awaitingApproval, .finalizing: .active
        case .completed, .failed, .cancelled, .timedOut: .terminal
        }
    }

    package var isTerminal: Bool { phase == .terminal }

    /// Whether a task here may hold a slot. A submitted one holds it from its admission on.
    package var mayHoldSlot: Bool { phase == .active }
    /// Whether a task here always does.
    package var mustHoldSlot: Bool { mayHoldSlot && self != .submitted }
}
