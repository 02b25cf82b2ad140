// SPDX-License-Identifier: Apache-2.0
internal import Blueprints
internal import Documents
internal import Store
internal import TaskModel

/// What a session wants to hand over, as it says before anything leaves the host.
struct Handover {
    /// Nil where it hands over words, and no commit.
    let delivered: StepWork.Delivered?

    /// Nil for a question that is about something else.
    init?(_ question: SessionQuestion) {
        switch question.request.act {
        case .release:
            func fact(_ name: String) -> String? { question.request.facts.first { $0.name == name }?.value.stringValue }
            delivered = fact("repository").flatMap { repository in
                fact("commit").map { StepWork.Delivered(repository: repository, commit: $0) }
            }
        case .review: delivered = nil
        default: return nil
        }
    }
}

/// The blueprint's own steps that stand behind the agent: they run when there is something to hand over, before it is.
extension Orchestrator {
    enum Passage: Sendable, Hashable {
        case open
        /// A step is at work; the question is looked at again when that is over.
        case waits
        /// A step failed, and why.
        case shut(String)
    }

    /// Whether a question may be decided: once every step before it has said yes.
    ///
    /// What is stored is each step's own end, so that a process that comes later goes on behind the last one.
    func passage(_ question: SessionQuestion, _ task: inout TaskRecord) throws(StoreError) -> Passage {
        guard let handover = Handover(question) else { return .open }
        while true {
            if let failure = task.failure { return .shut(failure.message) }
            guard let snapshot = try known(&task) else { return .waits }
            // What runs beside the session has its say before anything leaves.
            if try besideSession(task, snapshot) != nil { return .waits }
            let steps = snapshot.blueprint.pipeline.sequence.steps
            let done = try completed(of: task)
            let behind = steps.drop { $0 != StepReference(.awaitCompletion) }
            guard let next = behind.first(where: { $0.kind == .custom && !done.contains($0.name) }) else {
                return .open
            }
            let isOver = try run(next, of: task, snapshot, handover: handover)
            guard let now = try store.task(task.id) else { return .waits }
            task = now
            if !isOver { return .waits }
        }
    }
}
