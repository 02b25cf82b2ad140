// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import Wire

/// The way to one of the session's brokers: a socket on which nothing but connections is sent.
final class BrokerDoor {
    private let socket: Descriptor

    init(_ socket: consuming Descriptor) { self.socket = socket }

    /// A new connection to the broker, this side's end.
    ///
    /// - Throws: `EAGAIN` while too many wait there already, `EPIPE` when it is gone.
    func open() throws(SystemError) -> Descriptor {
        let pair = try Channel.stream()
        let mine = try pair.first.duplicate(above: 3)
        let own = mine.number
        try checked("make non-blocking", "a connection to a broker") { sp_set_nonblocking(own, 1) }
        let number = socket.number
        // A broker that does not come to it must not hold up every other connection of the session.
        try checked("make non-blocking", "the way to a broker") { sp_set_nonblocking(number, 1) }
        try socket.send(
            BrokerConnection.message, descriptors: [pair.second.number], subject: "a connection to a broker")
        return mine
    }
}
