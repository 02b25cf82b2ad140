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

    private static let patience: Int32 = 10_000

    private let session: SessionID
    private let paths: HostPaths

    package init(_ session: SessionID, _ paths: HostPaths) {
        self.session = session
        self.paths = paths
    }

    /// Puts another policy in force in a running session and waits until the gateway decides by it.
    package func change(to policy: EgressPolicy) throws(SystemError) -> Outcome {
        let socket = try connect()
        let document = try SealedDocument.make(policy.json, name: "egress policy")
        do throws(SystemError) {
            try socket.send(
                SessionRequest.policy.encoded(), descriptors: [document.number],
                subject: "the policy to session \(session)")
        } catch {
            // Refused before it was asked: the answer is there all the same.
            guard error.errno == Errno(EPIPE) else { throw error }
        }
        let ready = try checked("wait for", "session \(session)") {
            sp_poll_one(socket.number, Int16(POLLIN), Self.patience)
        }
        guard ready > 0 else {
            throw SystemError(
                "change", "the policy of session \(session)", Errno(ETIMEDOUT),
                remedy: "Its supervisor does not answer; look whether it is stopped, and at `sallyport session policy`."
            )
        }
        guard let message = try socket.receive(limit: SessionReply.longest, subject: "the answer of session \(session)")
        else { throw ended(Errno(EPIPE)) }
        for fd in message.descriptors { _ = sp_close(fd) }
        do throws(MessageError) {
            switch try SessionReply(decoding: message.bytes) {
            case .applied(let generation, let cut): return .applied(generation: generation, cut: cut)
            case .refused(let refusal): return .refused(reason: "\(refusal.reason)", text: refusal.text)
            }
        } catch {
            throw SystemError(
                "read", "the answer of session \(session)", Errno(EBADMSG),
                remedy: "Its supervisor is of another build; change its policy with the sallyport that started it.")
        }
    }

    private func connect() throws(SystemError) -> Descriptor {
        guard let item = try SessionList(paths).item(session), item.state != nil || item.phase == .running else {
            throw SystemError(
                "find", "session \(session)", .noEntry, remedy: "`sallyport session list` shows the known ones.")
        }
        guard item.phase == .running else { throw ended(.noSuchProcess) }
        let directory = try Directory.open(paths.sessions + "/" + session.text)
        let parent = directory.fd.number
        let connected = sp_control_connect(parent, ControlSocket.name)
        switch connected {
        case -Int(ENOENT):
            throw SystemError(
                "change", "the policy of session \(session)", .notSupported,
                remedy:
                    "It has no egress gateway: the profile that it started with lets nothing out. Start a new session.")
        case -Int(ECONNREFUSED): throw ended(Errno(ECONNREFUSED))
        default: break
        }
        return Descriptor(owning: Int32(try checked("reach", "session \(session)") { connected }))
    }

    private func ended(_ errno: Errno) -> SystemError {
        SystemError(
            "change", "the policy of session \(session)", errno,
            remedy: "It is not running any more; see `sallyport session list`.")
    }
}
