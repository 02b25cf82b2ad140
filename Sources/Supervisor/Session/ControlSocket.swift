// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import Wire

/// `control.sock` in a session's directory, where its operator asks the supervisor for a change.
///
/// The directory is the supervisor's alone and no sandbox sees it; whoever connects all the same must be root or the
/// supervisor's own user, in the supervisor's own user namespace: the agent of a session without id range has the
/// caller's uid, but never that namespace. Nothing here waits: a guest that says nothing costs a descriptor, and the
/// oldest silent one gives way to the next.
final class ControlSocket {
    static let name = "control.sock"
    private static let mostGuests = 8

    /// Answers a new policy at once, or with nil when ``answer(_:)`` will be called.
    typealias Policy = (borrowing Descriptor) -> SessionReply?
    /// Freezes (true) or thaws.
    typealias Hold = (Bool) -> SessionReply

    private final class Guest {
        let socket: Descriptor
        init(_ socket: consuming Descriptor) { self.socket = socket }
    }

    private let listener: Descriptor
    private let epoll: Descriptor
    private let policy: Policy
    private let hold: Hold
    private var guests: [UInt64: Guest] = [:]
    private var lastGuest: UInt64 = 0
    /// The guest whose answer is not known yet, gone or not.
    private var waiting: UInt64?

    /// The descriptor to wait on; ``heed()`` takes what is there.
    var number: Int32 { epoll.number }

    /// Makes the socket, so that its name is there before the workload is.
    init(_ directory: borrowing Directory, policy: @escaping Policy, hold: @escaping Hold) throws(SystemError) {
        let parent = directory.fd.number
        let listener = Descriptor(
            owning: Int32(
                try checked("listen on", "\"\(directory.path)/\(Self.name)\"") {
                    sp_control_listen(parent, Self.name, 8)
                }))
        let epoll = Descriptor(owning: Int32(try checked("create", "an epoll instance") { sp_epoll_create() }))
        let number = listener.number
        try checked("watch", "the control socket") { sp_epoll_add(epoll.number, number, SP_EPOLLIN, 0) }
        self.listener = consume listener
        self.epoll = consume epoll
        self.policy = policy
        self.hold = hold
    }

    /// Takes what has come, without waiting for more.
    func heed() {
        for _ in 0..<Self.mostGuests {
            var events: UInt32 = 0
            var token: UInt64 = 0
            guard sp_epoll_wait(epoll.number, &events, &token, 0) > 0 else { return }
            if token == 0 { welcome() } else { listen(to: token) }
        }
    }

    /// Sends the answer that a guest waits for.
    func answer(_ reply: SessionReply) {
        guard let number = waiting else { return }
        waiting = nil
        answer(number, reply)
    }

    // MARK: Guests

    private func welcome() {
        let accepted = sp_control_accept(listener.number)
        // Gone again, or no descriptor is left: whoever waits is told by its own time limit.
        guard accepted >= 0 else { return }
        let guest = Guest(Descriptor(owning: Int32(accepted)))
        if let refusal = Self.refusal(of: guest.socket.number) { return Self.turnAway(guest, refusal) }
        if guests.count >= Self.mostGuests, let oldest = guests.keys.filter({ $0 != waiting }).min() {
            guests[oldest] = nil
        }
        lastGuest += 1
        guard sp_epoll_add(epoll.number, guest.socket.number, SP_EPOLLIN, lastGuest) >= 0 else { return }
        guests[lastGuest] = guest
    }

    /// A request that is still unread at the close would turn the answer into a reset, which its sender reads first.
    private static func turnAway(_ guest: Guest, _ refusal: SessionReply.Refusal) {
        _ = shutdown(guest.socket.number, Int32(SHUT_RD))
        do throws(SystemError) {
            while let message = try guest.socket.receive(limit: SessionRequest.size, room: 2, subject: "a request") {
                for fd in message.descriptors { _ = sp_close(fd) }
            }
        } catch {}
        send(.refused(refusal), guest)
    }

    private static func refusal(of socket: Int32) -> SessionReply.Refusal? {
        let peer = Peer(of: socket)
        guard peer.isOwnerOrRoot, peer.isNeighbour else {
            return SessionReply.Refusal(
                .caller,
                "cannot change the session for uid \(peer.uid): Operation not permitted (EPERM). Only root and the user who "
                    + "started it can, from outside of every sandbox.")
        }
        return nil
    }

    private func listen(to number: UInt64) {
        guard let guest = guests[number] else { return }
        let message: Received?
        do throws(SystemError) {
            message = try guest.socket.receive(limit: SessionRequest.size, room: 2, subject: "a request")
        } catch {
            if error.errno == .again { return }
            return refuse(number, error.description)
        }
        // It hung up. Where it waited for an answer, the change is under way all the same.
        guard let message else {
            guests[number] = nil
            return
        }
        let held = message.descriptors.map { Guest(Descriptor(owning: $0)) }
        guard waiting != number else { return refuse(number, "a second request on one connection") }
        do throws(MessageError) {
            let request = try SessionRequest(decoding: message.bytes, descriptors: held.count)
            guard waiting == nil else {
                return answer(
                    number,
                    .refused(
                        SessionReply.Refusal(
                            .busy,
                            "cannot change the session: another change is under way (EBUSY). Try again when it has ended."
                        )))
            }
            waiting = number
            let reply: SessionReply? =
                switch request {
                case .policy: policy(held[0].socket)
                case .freeze: hold(true)
                case .thaw: hold(false)
                }
            if let reply { answer(reply) }
        } catch { refuse(number, error.description) }
    }

    private func refuse(_ number: UInt64, _ text: String) {
        answer(number, .refused(SessionReply.Refusal(.document, text)))
    }

    private func answer(_ number: UInt64, _ reply: SessionReply) {
        guard let guest = guests.removeValue(forKey: number) else { return }
        Self.send(reply, guest)
    }

    /// The last word to a guest. One that is gone cannot be told anything, and there is always room for one message.
    private static func send(_ reply: SessionReply, _ guest: Guest) {
        defer { _ = sp_control_hang_up(guest.socket.number) }
        do throws(SystemError) { try guest.socket.send(reply.encoded(), descriptors: [], subject: "an answer") } catch {
        }
    }
}
