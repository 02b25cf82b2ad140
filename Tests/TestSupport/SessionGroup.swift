// SPDX-License-Identifier: Apache-2.0

/// The control groups of one session, as the kernel has them now.
package struct SessionGroup {
    package let session: String

    package init(_ session: String) { self.session = session }

    /// None once the session is gone.
    package var directories: [String] {
        get throws {
            try Command("/usr/bin/find", ["/sys/fs/cgroup", "-type", "d", "-name", session]).run().lines
        }
    }

    /// Whether the kernel says that nothing of it runs: "FROZEN" on v1, "frozen 1" on v2.
    package var isFrozen: Bool {
        get throws {
            for directory in try directories {
                if let state = text(directory + "/freezer.state") { return state.hasPrefix("FROZEN") }
                if let events = text(directory + "/cgroup.events") {
                    return events.split(separator: "\n").contains("frozen 1")
                }
            }
            throw HarnessError("no group of \(session) tells whether it is frozen")
        }
    }
}
