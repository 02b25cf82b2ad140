// SPDX-License-Identifier: Apache-2.0
package import TaskModel

/// Everything that a session is made of, from the task as it is stored: a strategy keeps none of it.
package struct SessionStart: Sendable, Hashable {
    package let session: String
    package let task: String
    package let attempt: Int
    package let request: TaskRequest
    /// What decides everything that the request does not say.
    package let blueprint: StoredBlueprint

    package init(session: String, task: String, attempt: Int, request: TaskRequest, blueprint: StoredBlueprint) {
        self.session = session
        self.task = task
        self.attempt = attempt
        self.request = request
        self.blueprint = blueprint
    }
}

/// Why a strategy could not do what it was asked, and what that means for whoever asked.
package struct ComputeError: Error, Sendable, Hashable, CustomStringConvertible {
    package enum Class: String, Sendable, CaseIterable {
        /// There is nothing any more.
        case gone
        /// Worth a second try.
        case transient
        /// The operator has to do something; trying again is of no use.
        case permission
        case unknown
    }

    package let errorClass: Class
    package let description: String

    package init(_ errorClass: Class, _ description: String) {
        self.errorClass = errorClass
        self.description = description
    }
}

/// What a session is seen to be.
package enum SessionStatus: Sendable, Hashable {
    case running
    case suspended
    /// It ended by itself, and told how.
    case completed(SessionReport)
    case failed(SessionFailure)
}

/// What a session is seen to be, and what it told since it was looked at.
package struct SessionView: Sendable, Hashable {
    package let status: SessionStatus
    /// In order, without gaps. With a status that is an end, there will be no more.
    package let news: [SessionNews]

    package init(_ status: SessionStatus, news: [SessionNews] = []) {
        self.status = status
        self.news = news
    }
}

/// A session that is no more and told nothing of how it went; never a success.
package struct SessionFailure: Sendable, Hashable {
    package enum Kind: String, Sendable, CaseIterable {
        /// No instruction of it ever ran.
        case neverStarted = "never_started"
        /// It ended by itself before there was a result.
        case ended
        /// It was there, and is gone without a word.
        case lost
    }

    package let kind: Kind
    package let detail: String

    package init(_ kind: Kind, _ detail: String) {
        self.kind = kind
        self.detail = detail
    }
}

package enum StopOutcome: Sendable, Hashable {
    /// Confirmed: no process of it is left.
    case gone
    /// It was asked, or killed; its end will be seen.
    case stopping
    case failed(ComputeError)
}

/// Runs sessions somewhere. It reports; what that means for a task is the orchestrator's to say.
///
/// No call waits for a session. All of them may be made again after a crash, with the same arguments.
package protocol ComputeStrategy: AnyObject {
    var type: ComputeType { get }

    /// Starts the session of this name, or finds it, however far it has come.
    ///
    /// - Throws: With nothing of it running.
    func startSession(_ start: SessionStart) throws(ComputeError) -> SessionHandle

    /// - Parameter news: The number of the last of its news that is known.
    /// - Throws: When it cannot be said; that is no statement about the session.
    func pollSession(_ handle: SessionHandle, after news: Int) throws(ComputeError) -> SessionView

    /// Tells a session what became of one of its questions. One that has an answer keeps it, and one that there is not any
    /// more, or that never asked, hears nothing.
    func answerSession(_ handle: SessionHandle, _ question: String, _ answer: ApprovalAnswer) throws(ComputeError)

    /// Ends a session, whatever became of it, and removes what it left on the host but its result.
    ///
    /// - Parameter force: Without asking it first.
    func stopSession(_ handle: SessionHandle, force: Bool) -> StopOutcome

    /// A descriptor of the strategy's that becomes readable when the session has ended or has news; nil when nothing tells
    /// of that, so that it has to be asked. Valid until the next call about this session.
    func changeDescriptor(_ handle: SessionHandle) throws(ComputeError) -> Int32?
}
