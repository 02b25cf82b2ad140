// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem
package import Policy
internal import Wire

/// Who attends a session, and to what.
package struct SessionAttendance: Sendable {
    package enum Matter: String, Sendable, CaseIterable {
        /// Decides about names that the policy does not have.
        case hosts
        /// Is told how much of its budget is spent.
        case spending
    }

    /// A connected SOCK_SEQPACKET socket, kept open by whoever made this.
    package let socket: Int32
    package let matters: Set<Matter>
    /// What the operator lets any session be opened to; nil for no limit.
    package let ceiling: EgressPolicy?

    package init(socket: Int32, _ matters: Set<Matter>, ceiling: EgressPolicy?) {
        self.socket = socket
        self.matters = matters
        self.ceiling = ceiling
    }

    /// Whether a descriptor is a socket of that kind.
    package static func isSocket(_ number: Int32) -> Bool {
        var family: Int32 = 0
        var type: Int32 = 0
        guard sp_socket_kind(number, &family, &type) >= 0 else { return false }
        return family == AF_UNIX && type == Int32(SOCK_SEQPACKET.rawValue) && sp_is_listening(number) == 0
    }
}

/// Whoever attends a session, at the other end of its socket. One that is gone, or says what is none of ours, is not heard
/// or told any more.
final class Attendant {
    private let socket: Descriptor
    private(set) var isGone = false

    /// The descriptor to wait on; ``answer()`` takes what is there.
    var number: Int32 { socket.number }

    init(_ attendance: SessionAttendance) throws(SystemError) {
        let number = attendance.socket
        let socket = Descriptor(
            owning: Int32(try checked("duplicate", "the attendant's socket") { sp_fdup_above(number, 64) }))
        let own = socket.number
        try checked("make non-blocking", "the attendant's socket") { sp_set_nonblocking(own, 1) }
        self.socket = socket
    }

    /// - Returns: Whether it is still there.
    @discardableResult
    func tell(_ word: SessionWord) -> Bool {
        if isGone { return false }
        do throws(SystemError) {
            try socket.send(word.encoded(), descriptors: [], subject: "the session's attendant")
        } catch { dismiss() }
        return !isGone
    }

    enum Heard: Equatable {
        case nothing, gone
        case answer(HostAnswer)
    }

    /// Takes one message.
    func answer() -> Heard {
        if isGone { return .gone }
        do throws(SystemError) {
            guard let message = try socket.receive(limit: HostAnswer.size + 1, room: 1, subject: "an answer") else {
                dismiss()
                return .gone
            }
            for fd in message.descriptors { _ = sp_close(fd) }
            do throws(MessageError) { return .answer(try HostAnswer(decoding: message.bytes)) } catch {
                throw SystemError("read", "an answer", Errno(EBADMSG))
            }
        } catch {
            if error.errno == .again { return .nothing }
            dismiss()
            return .gone
        }
    }

    /// Neither hears nor tells it any more; its end is what it hears last.
    func dismiss() {
        isGone = true
        _ = shutdown(socket.number, Int32(SHUT_RDWR))
    }
}
