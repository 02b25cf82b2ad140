// SPDX-License-Identifier: Apache-2.0
package import Documents

/// Something that an operator should look at. It is a condition of rows, looked at again and again: raised when it becomes
/// true, cleared when it is no more, each once.
package struct Alarm: Sendable, Hashable {
    package enum Kind: String, Sendable, CaseIterable {
        /// A task that holds a slot has made no progress for too long.
        case stuck
        /// The end of a session could not be confirmed, and its task waits for that.
        case stopUnconfirmed = "stop_unconfirmed"
        /// Too many tasks wait for this host, or one waits for too long.
        case backlog
        /// Too many of the tasks that ended lately did not succeed.
        case failures
        /// The disk of the sessions is nearly full.
        case disk
    }

    package let kind: Kind
    /// Nil for what is of no single task.
    package let task: String?
    /// What was seen when it was raised.
    package let detail: String

    package init(_ kind: Kind, task: String? = nil, _ detail: String) {
        self.kind = kind
        self.task = task
        self.detail = detail
    }

    /// What makes two of them the same.
    package struct Subject: Sendable, Hashable {
        package let kind: Kind
        package let task: String?

        package init(_ kind: Kind, task: String? = nil) {
            self.kind = kind
            self.task = task
        }
    }

    package var subject: Subject { Subject(kind, task: task) }
}

/// An alarm as it is stored.
package struct AlarmRecord: Sendable, Hashable {
    package let alarm: Alarm
    package let raisedMilliseconds: Int
    package var clearedMilliseconds: Int?

    package init(_ alarm: Alarm, raisedMilliseconds: Int, clearedMilliseconds: Int? = nil) {
        self.alarm = alarm
        self.raisedMilliseconds = raisedMilliseconds
        self.clearedMilliseconds = clearedMilliseconds
    }

    package var json: JSON {
        [
            "alarm": .string(alarm.kind.rawValue), "task": .optional(alarm.task), "detail": .string(alarm.detail),
            "raised_ms": .int(raisedMilliseconds), "cleared_ms": .optional(clearedMilliseconds),
        ]
    }
}
