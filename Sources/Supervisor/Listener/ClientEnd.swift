// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
package import LinuxSystem
package import Wire

/// The client of one session, as the session's supervisor sees it: a connection that stands for the client's life.
///
/// Its request is taken, descriptors and all. Whatever follows is only looked at: whoever takes a message can be the one who
/// closes a file for the last time, and with SO_LINGER that takes as long as the client likes. socket(7)
package final class ClientEnd {
    enum Word: Equatable {
        case nothing, stop
        /// It hung up or died: nobody waits for the session any more.
        case gone
    }

    private let socket: Descriptor
    package let peer: Peer

    /// The descriptor to wait on, for what is new: what was heard stays where it is.
    var number: Int32 { socket.number }

    /// - Parameter socket: The connection, whose request was looked at already.
    package init(_ socket: consuming Descriptor) throws(SystemError) {
        let number = socket.number
        try checked("make non-blocking", "a client's connection") { sp_set_nonblocking(number, 1) }
        peer = Peer(of: number)
        self.socket = socket
    }

    /// Takes the request, once, with what came along: its receiver's from here on.
    package func request() throws -> (request: ListenerRequest, files: [Int32]) {
        guard
            let message = try socket.receive(
                limit: ListenerRequest.size, room: ListenerRequest.mostDescriptors, subject: "a request")
        else { throw SystemError("receive", "a request", Errno(ECONNRESET)) }
        let number = socket.number
        try checked("look ahead in", "a client's connection") { sp_control_peek_on(number) }
        let request = try ListenerRequest(decoding: message.bytes)
        try request.check(descriptors: message.descriptors.count)
        return (request, message.descriptors)
    }

    /// Looks at the next message. What is none of ours counts as a request to stop, or as several: whoever garbles it is not
    /// worth a session.
    func heed() -> Word {
        var bytes = [UInt8](repeating: 0, count: ListenerRequest.size)
        let number = socket.number
        let size = bytes.withUnsafeMutableBytes { sp_control_peek(number, $0.baseAddress!, $0.count) }
        return size > 0 ? .stop : size == -Int(EAGAIN) ? .nothing : .gone
    }

    /// Tells the client something. One that is gone cannot be told, and there is always room for a few messages.
    package func tell(_ reply: ListenerReply, descriptors: [Int32] = []) {
        do throws(SystemError) {
            try socket.send(reply.encoded(), descriptors: descriptors, subject: "an answer")
        } catch {
        }
    }

    /// The last word, right before this process exits; what an honest client still sent must not turn it into a reset.
    package func conclude(_ reply: ListenerReply, descriptors: [Int32] = []) {
        tell(reply, descriptors: descriptors)
        _ = sp_control_forget(socket.number)
    }
}
