// SPDX-License-Identifier: Apache-2.0

/// The system calls that `sallyport-gateway egress` makes, for the filter that the supervisor loads before it execs it.
///
/// Whatever is not named here ends the process. What it needed only to start, files by name and a route socket, a second
/// filter takes away that it loads itself before it hears the first byte; of pairs of sockets that one leaves local streams.
package enum EgressSyscalls {
    /// Calls that are allowed with any argument.
    package static let allowed: [String] =
        GatewaySyscalls.startOfProcess + GatewaySyscalls.memory + GatewaySyscalls.confinement + GatewaySyscalls.relay
        + GatewaySyscalls.architecture + network

    /// Asked by c-ares for a domain to search in, which is not used.
    package static let answered: [(name: String, errno: Int32)] = [(name: "uname", errno: 13)]

    private static let network = [
        "openat", "socket", "socketpair", "connect", "accept4", "getsockname", "getpeername", "setsockopt", "recvfrom",
        "sendto",
        "splice",
        "pipe2", "epoll_ctl", "epoll_wait", "epoll_pwait", "readv", "writev", "pread64", "lseek",
    ]
}
