// SPDX-License-Identifier: Apache-2.0
internal import Policy
package import TaskModel

extension Blueprint {
    /// What a task of this blueprint is promised of the host: what the blueprint says itself, and where it says nothing the
    /// default.
    ///
    /// The profile that it narrows may give more memory than that; what a sandbox really has is bounded by its cgroup either
    /// way, and what it takes beside what was promised shows in the host's free memory, which is asked as well.
    package func commitment(default given: TaskResources) -> TaskResources {
        func value(_ key: LimitKey) -> Int? { sandbox.document.limits[key].map { Int(clamping: $0.value) } }
        return TaskResources(
            memoryBytes: value(.memory) ?? given.memoryBytes, milliProcessors: value(.cpu) ?? given.milliProcessors,
            diskBytes: value(.workspaceBytes) ?? given.diskBytes)
    }
}
