// SPDX-License-Identifier: Apache-2.0
internal import LinuxSystem
package import Orchestrator
package import Store
package import TaskModel

/// The process around an orchestrator, in a test's hands: a clock that stands still until it is moved.
package final class TestHost: OrchestratorHost {
    package var milliseconds = 1_000_000
    package private(set) var lines: [String] = []
    package private(set) var points: [JournalPoint] = []
    package private(set) var publications: [String] = []
    package private(set) var watched: [String: Int32] = [:]
    /// Called at every point; what it throws away is up to the test.
    package var atPoint: (JournalPoint) -> Void = { _ in }
    private var names = 0
    /// Large and calm, unless a test says otherwise.
    package var hostLoad = HostLoad(
        size: TaskResources(memoryBytes: 1 << 50, milliProcessors: 1 << 40, diskBytes: 1 << 55),
        availableMemory: 1 << 50, availableDisk: 1 << 55, pressure: HostLoad.Pressure())

    package init() {}

    package var now: Moment { Moment(wallMilliseconds: milliseconds, monotonicMilliseconds: milliseconds) }
    package func load() throws(TaskRefusal) -> HostLoad { hostLoad }
    package func makeTaskName() throws(TaskRefusal) -> String {
        names += 1
        // Later names sort later, also within a millisecond.
        let random = [names >> 10 & 31, names >> 5 & 31, names & 31, 0, 0, 0, 0, 0, 0, 0].map { UInt8($0) }
        return TaskIdentifier(milliseconds: UInt64(milliseconds), random: random).description
    }
    package func sha256(_ bytes: [UInt8]) -> String { Digest.sha256(bytes) }
    package func watch(_ task: String, _ descriptor: Int32?) { watched[task] = descriptor }
    package func published(_ task: String) { publications.append(task) }
    package func log(_ line: String) { lines.append(line) }
    package func reached(_ point: JournalPoint) {
        points.append(point)
        atPoint(point)
    }
}
