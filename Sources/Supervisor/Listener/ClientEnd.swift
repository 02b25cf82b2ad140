// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
package import LinuxSystem
package import Wire

/// The client of one session, as the session's supervisor sees it: a connection that stands for the client's life.
package final class ClientEnd {
    enum Word: Equatable {
        case nothing, stop
        /// It hung up or died: nobody waits for the session any more.
        case gone
    }

    private let socket: Descriptor
    package let peer: Peer

    /// The descriptor to wait on; ``heed()`` takes what is there.
    var number: Int32 { socket.number }

    /// - Parameter socket: The connection, whose request was taken already.
    package init(_ socket: consuming Descriptor) throws(SystemError) {
        let number = socket.number
        try checked("make non-blocking", "a client's connection") { sp_set_nonblocking(number, 1) }
        peer = Peer(of: number)
        self.socket = socket
    }

    /// Takes one message. What is none of ours counts as a request to stop: whoever garbles it is not worth a session.
    func heed() -> Word {
        do throws(SystemError) {
            guard let message = try socket.receive(limit: ListenerRequest.size, room: 1, subject: "a client's word")
            else { return .gone }
            for fd in message.descriptors { _ = sp_close(fd) }
            return .stop
        } catch {
            return error.errno == .again ? .nothing : .gone
        }
    }

    /// Tells the client something. One that is gone cannot be told, and there is always room for a few messages.
    package func tell(_ reply: ListenerReply, descriptors: [Int32] = []) {
        do throws(SystemError) {
            try socket.send(reply.encoded(), descriptors: descriptors, subject: "an answer")
        } catch {
        }
    }

    /// The last word; what the client still sent must not turn it into a reset.
    package func conclude(_ reply: ListenerReply, descriptors: [Int32] = []) {
        tell(reply, descriptors: descriptors)
        _ = sp_control_hang_up(socket.number)
    }
}
