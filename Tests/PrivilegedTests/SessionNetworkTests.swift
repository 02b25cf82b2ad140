// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import Isolation
import LinuxSystem
import Synchronization
import TestSupport
import Testing

/// The session's network namespace, as the supervisor works in it from outside.
@Suite("session network", .requires(.root))
struct SessionNetworkTests {
    /// SO_NETNS_COOKIE names the namespace that a socket belongs to. socket(7)
    private static func cookie(_ fd: Int32) throws -> UInt64 {
        var cookie: UInt64 = 0
        var length = socklen_t(MemoryLayout<UInt64>.size)
        try #require(getsockopt(fd, SOL_SOCKET, 71, &cookie, &length) == 0)
        return cookie
    }

    private static func listener() throws(SystemError) -> Int32 {
        let fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(fd, __CONST_SOCKADDR_ARG(__sockaddr__: $0), socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard fd >= 0, bound == 0, listen(fd, 1) == 0 else { throw SystemError("listen on", "lo", Errno(errno)) }
        return fd
    }

    /// Connects to a listener's own address; only from inside its namespace is that it.
    private static func connects(to fd: Int32) -> Int32 {
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        return withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                guard getsockname(fd, __SOCKADDR_ARG(__sockaddr__: $0), &length) == 0 else { return errno }
                let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
                defer { close(client) }
                return connect(client, __CONST_SOCKADDR_ARG(__sockaddr__: $0), length) == 0 ? 0 : errno
            }
        }
    }

    private func exercise(_ network: SessionNetwork) throws {
        let made = Mutex<Int32>(-1)
        try network.run { () throws(SystemError) in
            let fd = try Self.listener()
            made.withLock { $0 = fd }
        }
        let listener = Descriptor(owning: made.withLock { $0 })
        let outside = Descriptor(owning: try Self.listener())
        #expect(try Self.cookie(listener.number) != Self.cookie(outside.number))
        // From here its port is nobody's; from inside it answers, so lo is up.
        #expect(Self.connects(to: listener.number) == ECONNREFUSED)
        let number = listener.number
        let reached = Mutex<Int32>(-1)
        try network.run { reached.withLock { $0 = Self.connects(to: number) } }
        #expect(reached.withLock { $0 } == 0)
        let error = #expect(throws: SystemError.self) {
            try network.run { () throws(SystemError) in throw SystemError("open", "a door", .accessDenied) }
        }
        #expect(error?.errno == .accessDenied)
    }

    @Test("a thread of the supervisor makes it, and what runs in it works there", .timeLimit(.minutes(25)))
    func thread() throws {
        let worker = try WorkerThread("network")
        defer { worker.finish() }
        try exercise(SessionNetwork.begin(on: worker))
    }
}
