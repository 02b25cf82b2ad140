// SPDX-License-Identifier: Apache-2.0
package import Store
package import TaskModel

/// What the orchestrator has of the process around it: a clock, names, and a loop that waits.
package protocol OrchestratorHost: AnyObject {
    var now: Moment { get }
    /// How large the host is and how busy, seen now.
    func load() throws(TaskRefusal) -> HostLoad
    /// A name that no task has.
    func makeTaskName() throws(TaskRefusal) -> String
    /// In hexadecimal.
    func sha256(_ bytes: [UInt8]) -> String
    /// Calls ``Orchestrator/sessionChanged(_:)`` when a descriptor is readable; nil takes the watch away.
    func watch(_ task: String, _ descriptor: Int32?)
    /// There are new events of a task.
    func published(_ task: String)
    /// A line for the operator.
    func log(_ line: String)
    /// Something was stored or done; crash tests end the process here.
    func reached(_ point: JournalPoint)
}
