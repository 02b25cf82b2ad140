// SPDX-License-Identifier: Apache-2.0
package import Documents
package import Orchestrator
package import TaskModel

/// A strategy without processes, for tests: a session is what its script says.
///
/// Only in test builds. It calls itself `local`, since there is no other type that a blueprint or a handle could name.
package final class ScriptedCompute: ComputeStrategy {
    package struct Session: Sendable {
        package var start: SessionStart
        package var status: SessionStatus = .running
        package var isLive = true
        package var news: [SessionNews] = []
        package var answers: [String: ApprovalAnswer] = [:]
    }

    package let type = ComputeType.local
    package private(set) var sessions: [String: Session] = [:]
    /// Every start that made a session; finding one is none.
    package private(set) var started: [String] = []
    package private(set) var stops: [(session: String, force: Bool)] = []
    /// Thrown by the next starts, in order; nil starts.
    package var startErrors: [ComputeError?] = []
    package var pollErrors: [ComputeError?] = []
    package var answerErrors: [ComputeError?] = []
    /// Answers of the next stops; when it is empty a session is gone at once.
    package var stopAnswers: [StopOutcome] = []
    /// The process that asks was killed: nothing that it goes on to ask for happens.
    package var isDead = false
    /// What a session is when it starts.
    package var firstStatus = SessionStatus.running

    package init() {}

    package var live: [String] { sessions.filter(\.value.isLive).map(\.key).sorted() }

    /// A session tells something.
    package func tell(_ session: String, _ fact: EventType.Fact, _ payload: JSON = [:]) {
        add(session, .fact(fact, .observed, payload))
    }

    /// A session asks something, and waits.
    @discardableResult
    package func ask(_ session: String, _ request: ApprovalRequest, timeoutSeconds: Int? = nil) -> String {
        let asked = sessions[session]?.news.count {
            if case .question = $0.matter { true } else { false }
        }
        let name = "q\((asked ?? 0) + 1)"
        add(
            session,
            .question(SessionQuestion(name, request, severity: request.severity, timeoutSeconds: timeoutSeconds)))
        return name
    }

    private func add(_ session: String, _ matter: SessionNews.Matter) {
        let number = (sessions[session]?.news.count ?? 0) + 1
        sessions[session]?.news.append(SessionNews(number, matter))
    }

    /// Ends a session by itself.
    package func end(_ session: String, _ status: SessionStatus) {
        sessions[session]?.status = status
        sessions[session]?.isLive = false
    }

    package func startSession(_ start: SessionStart) throws(ComputeError) -> SessionHandle {
        if isDead { throw ComputeError(.unknown, "nobody asks any more") }
        if !startErrors.isEmpty, let error = startErrors.removeFirst() { throw error }
        if sessions[start.session] == nil {
            var session = Session(start: start)
            session.status = firstStatus
            if case .completed = firstStatus { session.isLive = false }
            sessions[start.session] = session
            started.append(start.session)
        }
        return .local(.init(session: start.session))
    }

    package func pollSession(_ handle: SessionHandle, after news: Int) throws(ComputeError) -> SessionView {
        if isDead { throw ComputeError(.unknown, "nobody asks any more") }
        if !pollErrors.isEmpty, let error = pollErrors.removeFirst() { throw error }
        guard let session = sessions[handle.session] else {
            return SessionView(.failed(SessionFailure(.lost, "there is none of this name")))
        }
        return SessionView(session.status, news: Array(session.news.dropFirst(news)))
    }

    package func answerSession(_ handle: SessionHandle, _ question: String, _ answer: ApprovalAnswer)
        throws(ComputeError)
    {
        if isDead { throw ComputeError(.unknown, "nobody asks any more") }
        if !answerErrors.isEmpty, let error = answerErrors.removeFirst() { throw error }
        if sessions[handle.session]?.answers[question] == nil { sessions[handle.session]?.answers[question] = answer }
    }

    package func stopSession(_ handle: SessionHandle, force: Bool) -> StopOutcome {
        if isDead { return .failed(ComputeError(.unknown, "nobody asks any more")) }
        stops.append((handle.session, force))
        if !stopAnswers.isEmpty {
            let answer = stopAnswers.removeFirst()
            if answer != .gone { return answer }
        }
        if sessions[handle.session]?.isLive == true {
            end(
                handle.session, .completed(SessionReport(outcome: "interrupted", isSuccess: false, reason: "no_result"))
            )
        }
        return .gone
    }

    package func changeDescriptor(_ handle: SessionHandle) throws(ComputeError) -> Int32? { nil }
}
