// SPDX-License-Identifier: Apache-2.0
package import Blueprints
package import TaskModel

/// What a step that takes time has to do.
package enum StepWork: Sendable, Hashable {
    /// Everything that would make the task useless, looked at before anything is spent.
    case preFlight
    /// What the prompt is made of, gathered and screened.
    case hydrateContext
    case custom(Custom)

    package struct Custom: Sendable, Hashable {
        package let name: String
        /// Counted from one.
        package let attempt: Int
        /// Which attempt of the whole task.
        package let round: Int
        /// A checkpoint of what earlier steps said.
        package let results: [UInt8]
        /// What it sees as its workspace, where it wants one: nil is the commit that the task starts from.
        package let delivered: Delivered?

        package init(name: String, attempt: Int, round: Int, results: [UInt8], delivered: Delivered? = nil) {
            self.name = name
            self.attempt = attempt
            self.round = round
            self.results = results
            self.delivered = delivered
        }
    }

    /// A commit of the task's own repository on this host.
    package struct Delivered: Sendable, Hashable {
        package let repository: String
        package let commit: String

        package init(repository: String, commit: String) {
            self.repository = repository
            self.commit = commit
        }
    }
}

/// Everything that one attempt of a step is made of.
package struct StepStart: Sendable, Hashable {
    /// Chosen before anything starts, so that whoever comes after a crash looks for the very same.
    package let process: String
    package let task: String
    package let request: TaskRequest
    package let blueprint: StoredBlueprint
    package let work: StepWork

    package init(process: String, task: String, request: TaskRequest, blueprint: StoredBlueprint, work: StepWork) {
        self.process = process
        self.task = task
        self.request = request
        self.blueprint = blueprint
        self.work = work
    }
}

package enum StepStatus: Sendable, Hashable {
    case running
    case ended(StepEnd)
    case failed(SessionFailure)
}

/// Runs steps as processes that outlive whoever started them, beside the sessions of the same strategy: found by their
/// names, watched and stopped as those are.
package protocol StepCompute: AnyObject {
    /// Starts an attempt of a step, or finds it, however far it has come.
    ///
    /// - Throws: With nothing of it running.
    func startStep(_ start: StepStart) throws(ComputeError)

    /// - Throws: When it cannot be said; that is no statement about the step.
    func pollStep(_ process: String) throws(ComputeError) -> StepStatus
}
