// SPDX-License-Identifier: Apache-2.0

/// What can happen to a task.
package enum TransitionEvent: String, Sendable, CaseIterable {
    case uploadsConfirmed = "uploads_confirmed"
    case attachmentBlocked = "attachment_blocked"
    case uploadsExpired = "uploads_expired"
    case capReached = "cap_reached"
    case slotFreed = "slot_freed"
    case queueExpired = "queue_expired"
    case dependencyFailed = "dependency_failed"
    case rejected
    case hydrationStarted = "hydration_started"
    case startFailed = "start_failed"
    case sessionStarted = "session_started"
    case approvalRequested = "approval_requested"
    case approvalDecided = "approval_decided"
    case sessionEnded = "session_ended"
    case sessionLost = "session_lost"
    case deadlinePassed = "deadline_passed"
    case cancelled
    case judgedCompleted = "judged_completed"
    case judgedFailed = "judged_failed"
    case judgedTimedOut = "judged_timed_out"
    case resumed
}

/// Every legal change of a task's state, as data. What has no row is refused.
package enum TransitionTable {
    package struct Row: Sendable, Hashable {
        package let from: TaskState
        package let event: TransitionEvent
        package let to: TaskState
        /// When it happens, and what happens with it, for the documentation.
        package let note: String

        init(_ from: TaskState, _ event: TransitionEvent, _ to: TaskState, _ note: String) {
            self.from = from
            self.event = event
            self.to = to
            self.note = note
        }
    }

    /// Where a task can begin.
    package static let initial: [TaskState] = [.pendingUploads, .submitted]

    package static let rows: [Row] = [
        Row(.pendingUploads, .uploadsConfirmed, .submitted, "every attachment was screened and passed"),
        Row(.pendingUploads, .attachmentBlocked, .failed, "screening refused an attachment"),
        Row(.pendingUploads, .uploadsExpired, .cancelled, "nothing was confirmed within 30 minutes"),
        Row(.pendingUploads, .cancelled, .cancelled, "asked for; what was uploaded is deleted"),
        Row(.submitted, .capReached, .queued, "no slot is free"),
        Row(
            .submitted, .rejected, .failed, "admission, pre-flight or the step sequence refused it; a slot is released"),
        Row(.submitted, .hydrationStarted, .hydrating, "admitted with a slot, and pre-flight has passed"),
        Row(.submitted, .cancelled, .cancelled, "asked for; a slot is released"),
        Row(.queued, .slotFreed, .submitted, "a slot is free; the place in the queue is kept"),
        Row(.queued, .queueExpired, .failed, "24 hours of waiting for a slot"),
        Row(.queued, .dependencyFailed, .failed, "a task that it depends on did not become COMPLETED"),
        Row(.queued, .rejected, .failed, "what it needs can no longer be had"),
        Row(.queued, .cancelled, .cancelled, "asked for"),
        Row(.hydrating, .sessionStarted, .running, "the session is there, its handle is stored with this change"),
        Row(.hydrating, .approvalRequested, .awaitingApproval, "a gate before the run"),
        Row(.hydrating, .startFailed, .failed, "no context, or no session; what was started is ended"),
        Row(.hydrating, .cancelled, .cancelled, "asked for; a session half started is ended first"),
        Row(.running, .approvalRequested, .awaitingApproval, "a gate"),
        Row(.running, .sessionEnded, .finalizing, "the session told how it ended"),
        Row(.running, .sessionLost, .failed, "the session is gone and told nothing"),
        Row(.running, .deadlinePassed, .timedOut, "the session was ended at its deadline"),
        Row(.running, .cancelled, .cancelled, "asked for; the session is confirmed dead, pushed work stays"),
        Row(.awaitingApproval, .approvalDecided, .running, "approved, denied, or nobody answered"),
        Row(.awaitingApproval, .sessionEnded, .finalizing, "the session ended while it waited"),
        Row(.awaitingApproval, .sessionLost, .failed, "the session is gone and told nothing; the approval is stranded"),
        Row(.awaitingApproval, .deadlinePassed, .timedOut, "the session was ended at its deadline"),
        Row(.awaitingApproval, .cancelled, .cancelled, "asked for; session ended, approval stranded"),
        Row(.finalizing, .judgedCompleted, .completed, "the outcome matrix says so"),
        Row(.finalizing, .judgedFailed, .failed, "the outcome matrix says so"),
        Row(.finalizing, .judgedTimedOut, .timedOut, "the session was ended by its time limit"),
        Row(.failed, .resumed, .queued, "asked for: a new attempt, the history is kept"),
        Row(.timedOut, .resumed, .queued, "asked for: a new attempt, the history is kept"),
    ]

    private static let targets: [TaskState: [TransitionEvent: TaskState]] = Dictionary(
        grouping: rows, by: \.from
    ).mapValues { rows in Dictionary(uniqueKeysWithValues: rows.map { ($0.event, $0.to) }) }

    /// Where an event leads; nil when it is not legal here.
    package static func target(of event: TransitionEvent, from state: TaskState) -> TaskState? {
        targets[state]?[event]
    }
}
