// SPDX-License-Identifier: Apache-2.0
package import LinuxSystem
internal import Synchronization

extension SessionNetwork {
    /// Makes the sockets of a plan in the namespace, and puts them into `box`. Host mode; in rootless mode the child has
    /// made them before it gave up the rights over its namespace.
    package func makeSockets(_ plan: NetworkPlan, into box: SocketsBox) throws(SystemError) {
        try run { () throws(SystemError) in
            do throws(LaunchError) { box.put(try NetworkSockets.make(plan)) } catch {
                throw SystemError(
                    "make", "the session's network at \(error.step)", error.errno,
                    remedy: error.remedy ?? "Run `sallyport doctor` to see what this host lacks.")
            }
        }
    }
}

/// Holds the sockets of one session between the thread that made them and the one that sends them on.
package final class SocketsBox: Sendable {
    private let held = Mutex<NetworkSockets?>(nil)

    package init() {}

    package func put(_ sockets: consuming NetworkSockets) {
        var incoming: NetworkSockets? = sockets
        held.withLock { $0 = incoming.take() }
    }

    package func take() -> NetworkSockets? {
        held.withLock { $0.take() }
    }
}
