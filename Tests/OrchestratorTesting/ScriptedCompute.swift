// SPDX-License-Identifier: Apache-2.0
internal import Blueprints
package import Documents
package import Orchestrator
package import TaskModel

/// A strategy without processes, for tests: a session is what its script says.
///
/// Only in test builds. It calls itself `local`, since there is no other type that a blueprint or a handle could name.
package final class ScriptedCompute: ComputeStrategy, StepCompute {
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
    /// With all that they were made of.
    package private(set) var starts: [SessionStart] = []
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

    /// What attempts of a step do, by the step's name, in order; without one they succeed at once.
    package var stepStories: [String: [StepStatus]] = [:]
    package private(set) var steps: [String: StepStart] = [:]
    package private(set) var startedSteps: [String] = []
    package var stepErrors: [ComputeError?] = []
    private var stepStates: [String: StepStatus] = [:]

    /// What is readable when a session or a step has something to say; without one it is asked from time to time.
    package var descriptors: [String: Int32] = [:]

    package init() {}

    /// Ends an attempt of a step by itself.
    package func endStep(_ process: String, _ status: StepStatus) { stepStates[process] = status }

    package func startStep(_ start: StepStart) throws(ComputeError) {
        if isDead { throw ComputeError(.unknown, "nobody asks any more") }
        if !stepErrors.isEmpty, let error = stepErrors.removeFirst() { throw error }
        guard steps[start.process] == nil else { return }
        steps[start.process] = start
        startedSteps.append(start.process)
        let name: String
        switch start.work {
        case .preFlight: name = "pre-flight"
        case .hydrateContext: name = "hydrate-context"
        case .custom(let custom): name = custom.name
        }
        var story = StepStatus.ended(StepEnd(.success(metadata: [:])))
        if let first = stepStories[name]?.first {
            story = first
            stepStories[name]?.removeFirst()
        }
        stepStates[start.process] = story
    }

    package func pollStep(_ process: String) throws(ComputeError) -> StepStatus {
        if isDead { throw ComputeError(.unknown, "nobody asks any more") }
        return stepStates[process] ?? .failed(SessionFailure(.neverStarted, "there is none of this name"))
    }

    /// Steps that run.
    package var liveSteps: [String] { stepStates.filter { $0.value == .running }.map(\.key).sorted() }

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

    /// A session needs no answer any more.
    package func withdraw(_ session: String, _ question: String) { add(session, .withdrawal(question)) }

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
            starts.append(start)
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
        if stepStates[handle.session] == .running {
            stepStates[handle.session] = .failed(SessionFailure(.lost, "it was stopped"))
        }
        if sessions[handle.session]?.isLive == true {
            end(
                handle.session, .completed(SessionReport(outcome: "interrupted", isSuccess: false, reason: "no_result"))
            )
        }
        return .gone
    }

    package func changeDescriptor(_ handle: SessionHandle) throws(ComputeError) -> Int32? {
        descriptors[handle.session]
    }
}
