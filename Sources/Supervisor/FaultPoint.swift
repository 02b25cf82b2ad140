// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

/// Named moments at which crash tests end the supervisor as `kill -9` would.
///
/// The name comes from `SALLYPORT_FAULT_POINT`; whoever can set it could send the signal as well. Names of launch
/// steps are fault points too, reached by the child on the supervisor's behalf.
package struct FaultPoint: Sendable {
    package static let names = [
        "session.directory", "ids.allocated", "session.state", "cgroup.created", "pool.created", "network.made",
        "sandbox.launched", "sandbox.verified", "workload.released", "workload.running", "stop.requested",
        "sandbox.reaped",
        "changes.collecting", "changes.kept", "cgroup.removed", "ids.released", "result.written",
    ]
    /// The same for the verbs of the pool.
    package static let poolNames = [
        "pool.recorded", "pool.formatted", "pool.named", "pool.attached", "pool.prepared", "pool.mounted",
        "pool.unmounted", "pool.image.removed",
    ]
    package let armed: String?

    package init(_ armed: String?) { self.armed = armed }

    /// Ends this process here when this is the armed point.
    package func reach(_ name: String) {
        if armed == name { _ = sp_kill(getpid(), SIGKILL) }
    }

    /// The armed point, when it is a step of the child rather than one of ours.
    package var childStep: String? {
        guard let armed, !Self.names.contains(armed) else { return nil }
        return armed
    }
}
