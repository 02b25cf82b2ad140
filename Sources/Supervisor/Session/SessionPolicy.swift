// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Documents
internal import Glibc
package import Isolation
package import LinuxSystem
package import Policy
internal import Wire

/// The egress policy of a running session, and how its operator changes it.
package struct SessionPolicy: Sendable {
    package enum Outcome: Sendable, Equatable {
        case applied(generation: UInt32, cut: UInt32)
        /// Nothing has changed; the reason in one word for programs, and the whole message.
        case refused(reason: String, text: String)
    }

    private let session: SessionID
    private let paths: HostPaths

    package init(_ session: SessionID, _ paths: HostPaths) {
        self.session = session
        self.paths = paths
    }

    /// Puts another policy in force in a running session and waits until the gateway decides by it.
    package func change(to policy: EgressPolicy) throws(SystemError) -> Outcome {
        let document = try SealedDocument.make(policy.json, name: "egress policy")
        let control = SessionControl(session, paths)
        switch try control.ask(.policy, [document.number], "change the policy of") {
        case .applied(let generation, let cut): return .applied(generation: generation, cut: cut)
        case .refused(let refusal): return .refused(reason: "\(refusal.reason)", text: refusal.text)
        case .frozen, .thawed: throw control.unexpected()
        }
    }
}
