// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
package import Isolation
package import LinuxSystem
internal import Wire

/// Asks a running session's supervisor for a change, and waits for its answer.
package struct SessionControl: Sendable {
    private static let patience: Int32 = 10_000

    private let session: SessionID
    private let paths: HostPaths

    package init(_ session: SessionID, _ paths: HostPaths) {
        self.session = session
        self.paths = paths
    }

    /// Keeps every process of a session from running, or lets them go on; its clock goes on in both.
    ///
    /// - Returns: Why nothing has changed; nil when it has.
    package func hold(_ frozen: Bool) throws(SystemError) -> String? {
        switch try ask(frozen ? .freeze : .thaw, [], frozen ? "freeze" : "thaw") {
        case .frozen where frozen, .thawed where !frozen: return nil
        case .refused(let refusal): return refusal.text
        case .applied, .frozen, .thawed: throw unexpected()
        }
    }

    /// - Parameter what: What is attempted, as in "freeze", for errors.
    func ask(_ request: SessionRequest, _ descriptors: [Int32], _ what: String) throws(SystemError) -> SessionReply {
        let socket = try connect(what)
        do throws(SystemError) {
            try socket.send(request.encoded(), descriptors: descriptors, subject: "a request to session \(session)")
        } catch {
            // Refused before it was asked: the answer is there all the same.
            guard error.errno == Errno(EPIPE) else { throw error }
        }
        let ready = try checked("wait for", "session \(session)") {
            sp_poll_one(socket.number, Int16(POLLIN), Self.patience)
        }
        guard ready > 0 else {
            throw SystemError(
                what, "session \(session)", Errno(ETIMEDOUT),
                remedy: "Its supervisor does not answer; look whether it is stopped, and at `sallyport session policy`."
            )
        }
        guard let message = try socket.receive(limit: SessionReply.longest, subject: "the answer of session \(session)")
        else { throw ended(what, Errno(EPIPE)) }
        for fd in message.descriptors { _ = sp_close(fd) }
        do throws(MessageError) { return try SessionReply(decoding: message.bytes) } catch { throw unexpected() }
    }

    func unexpected() -> SystemError {
        SystemError(
            "read", "the answer of session \(session)", Errno(EBADMSG),
            remedy: "Its supervisor is of another build; ask with the sallyport that started it.")
    }

    private func connect(_ what: String) throws(SystemError) -> Descriptor {
        guard let item = try SessionList(paths).item(session), item.state != nil || item.phase == .running else {
            throw SystemError(
                "find", "session \(session)", .noEntry, remedy: "`sallyport session list` shows the known ones.")
        }
        guard item.phase == .running else { throw ended(what, .noSuchProcess) }
        let directory = try Directory.open(paths.sessions + "/" + session.text)
        let parent = directory.fd.number
        let connected = sp_control_connect(parent, ControlSocket.name)
        switch connected {
        case -Int(ENOENT):
            throw SystemError(
                what, "session \(session)", .notSupported,
                remedy:
                    "It has no egress gateway: the profile that it started with lets nothing out. Start a new session.")
        case -Int(ECONNREFUSED): throw ended(what, Errno(ECONNREFUSED))
        default: break
        }
        return Descriptor(owning: Int32(try checked("reach", "session \(session)") { connected }))
    }

    private func ended(_ what: String, _ errno: Errno) -> SystemError {
        SystemError(
            what, "session \(session)", errno, remedy: "It is not running any more; see `sallyport session list`.")
    }
}
