// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
package import LinuxSystem

/// Where clients find the listener.
extension Listener {
    /// The socket to listen on: the one of systemd, where there is one, or a new one by this name.
    package static func socket(at path: String?, environment: (String) -> String?) throws(SystemError) -> Descriptor {
        if let descriptor = try activated(environment) { return descriptor }
        guard let path, let slash = path.lastIndex(of: "/") else {
            throw SystemError(
                "listen", "anywhere", .invalid, remedy: "Give --socket PATH, or start it by its socket unit.")
        }
        let name = String(path[path.index(after: slash)...])
        let directory = try Directory.open(slash == path.startIndex ? "/" : String(path[..<slash]))
        if try directory.contains(name) {
            let parent = directory.fd.number
            // A file of another kind refuses a connection as well. unix(7), ECONNREFUSED
            guard try FileStatus.at(parent, Array(name.utf8CString), subject: "\"\(path)\"").isSocket else {
                throw SystemError(
                    "listen on", "\"\(path)\"", Errno(EADDRINUSE),
                    remedy: "It is no socket, and stays as it is; choose another path.")
            }
            // Left by one that was killed, unless somebody answers.
            let answer = sp_control_connect(parent, name)
            if answer >= 0 { _ = sp_close(Int32(answer)) }
            guard answer == -Int(ECONNREFUSED) else {
                throw SystemError(
                    "listen on", "\"\(path)\"", Errno(EADDRINUSE),
                    remedy: "Another supervisor listens there; stop that one, or choose another path.")
            }
            try directory.remove(name)
        }
        let parent = directory.fd.number
        return Descriptor(
            owning: Int32(try checked("listen on", "\"\(path)\"") { sp_public_listen(parent, name, 128) }))
    }

    /// Descriptor 3, when it was passed to this very process. sd_listen_fds(3)
    private static func activated(_ environment: (String) -> String?) throws(SystemError) -> Descriptor? {
        guard environment("LISTEN_PID") == String(getpid()), let count = environment("LISTEN_FDS") else { return nil }
        let socket = Descriptor(owning: 3)
        var family: Int32 = 0
        var type: Int32 = 0
        let number = socket.number
        try checked("inspect", "the socket of the service manager") { sp_socket_kind(number, &family, &type) }
        guard count == "1", family == AF_UNIX, type == Int32(SOCK_SEQPACKET.rawValue), sp_is_listening(number) == 1
        else {
            throw SystemError(
                "use", "the socket of the service manager", .invalid,
                remedy: "Its unit needs exactly one ListenSequentialPacket= with a path.")
        }
        try checked("prepare", "the socket of the service manager") { sp_set_nonblocking(number, 1) }
        return try socket.duplicate()
    }
}
