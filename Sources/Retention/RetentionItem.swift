// SPDX-License-Identifier: Apache-2.0
package import Documents

/// One thing to remove.
package struct RetentionItem: Sendable, Hashable {
    package enum Kind: String, Sendable {
        /// The task itself, with its events.
        case task
        /// What its session said beside its result.
        case logs
        /// What it delivered: result, evidence, transcripts.
        case evidence
        /// The rest of a session's directory.
        case session
    }

    package let task: String
    package let kind: Kind
    /// The directory of a session; nil for the rows of a task.
    package let session: String?
    package let endedMilliseconds: Int
    /// It is not old: the disk is full.
    package let isForRoom: Bool

    package var json: JSON {
        [
            "task": .string(task), "what": .string(kind.rawValue), "session": .optional(session),
            "ended_ms": .int(endedMilliseconds), "for_room": .bool(isForRoom),
        ]
    }

    /// The lower, the sooner it goes; a task after all that its sessions left.
    var rank: (Int, Int, String, Int) {
        let worth =
            switch kind {
            case .session: 0
            case .logs: 1
            case .evidence: 2
            case .task: 3
            }
        return isForRoom ? (1 + worth, endedMilliseconds, task, 0) : (0, endedMilliseconds, task, worth)
    }
}
