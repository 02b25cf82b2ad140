// SPDX-License-Identifier: Apache-2.0
package import Documents

/// One try of one step: its intent is stored before its effect, its end with what it changed.
package struct JournalRecord: Sendable, Hashable {
    package enum State: String, Sendable, CaseIterable { case began, completed, failed }

    package let task: String
    package let attempt: Int
    package let step: String
    /// From 1.
    package let number: Int
    package var state: State
    /// What the step needs to be recognised when it is done a second time.
    package let input: JSON
    /// At most ``TaskLimits/metadataBytes``.
    package var output: JSON
    package let startedMilliseconds: Int
    package var endedMilliseconds: Int?

    package init(
        task: String, attempt: Int, step: String, number: Int, state: State = .began, input: JSON = .null,
        output: JSON = .null, startedMilliseconds: Int, endedMilliseconds: Int? = nil
    ) {
        self.task = task
        self.attempt = attempt
        self.step = step
        self.number = number
        self.state = state
        self.input = input
        self.output = output
        self.startedMilliseconds = startedMilliseconds
        self.endedMilliseconds = endedMilliseconds
    }
}
