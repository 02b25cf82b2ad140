// SPDX-License-Identifier: Apache-2.0
import CLinux
import Foundation
import Glibc
import Testing

/// Which sockets an egress gateway can still make once it hears the first byte. For good: each in a process of its own.
@Suite("narrowing of an egress gateway", .timeLimit(.minutes(25)))
struct NarrowingTests {
    private static let stream = Int32(SOCK_STREAM.rawValue)
    private static let datagram = Int32(SOCK_DGRAM.rawValue)

    private static func narrow() throws {
        try #require(sp_prctl(PR_SET_NO_NEW_PRIVS, 1, 0) >= 0)
        try #require(sp_gateway_narrow_egress() == 0)
    }

    private static func pair(_ family: Int32, _ type: Int32) -> [Int32]? {
        var ends: [Int32] = [-1, -1]
        return socketpair(family, type, 0, &ends) == 0 ? ends : nil
    }

    /// A socket of the host that listens at a path for datagrams, as a system log does.
    private final class Service {
        let path = "\(FileManager.default.temporaryDirectory.path)/narrowing-\(getpid())"
        let number: Int32

        init(_ type: Int32) throws {
            unlink(path)
            number = socket(AF_UNIX, type, 0)
            let number = number
            let bound = Self.withAddress(path) { bind(number, $0, $1) }
            try #require(bound == 0)
            if type == NarrowingTests.stream { try #require(listen(number, 1) == 0) }
        }

        deinit {
            close(number)
            unlink(path)
        }

        static func withAddress(_ path: String, _ body: (__CONST_SOCKADDR_ARG, socklen_t) -> Int32) -> Int32 {
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
            return withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    body(__CONST_SOCKADDR_ARG(__sockaddr__: $0), socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
        }

        func send(from end: Int32) -> Int32 {
            Self.withAddress(path) { Int32(sendto(end, "x", 1, Int32(MSG_NOSIGNAL), $0, $1)) }
        }

        func connect(_ end: Int32) -> Int32 { Self.withAddress(path) { Glibc.connect(end, $0, $1) } }

        var hasMessage: Bool {
            var byte: UInt8 = 0
            return recv(number, &byte, 1, Int32(MSG_DONTWAIT)) == 1
        }
    }

    @Test("before it, one end of a pair of datagram sockets reaches any path of the host")
    func openDoor() async {
        await #expect(processExitsWith: .success) {
            let service = try Service(NarrowingTests.datagram)
            let ends = try #require(NarrowingTests.pair(AF_UNIX, NarrowingTests.datagram))
            #expect(service.send(from: ends[0]) == 1 && service.hasMessage)
        }
    }

    @Test("a pair of datagram sockets ends it")
    func datagrams() async {
        await #expect(processExitsWith: .signal(SIGSYS)) {
            try NarrowingTests.narrow()
            _ = NarrowingTests.pair(AF_UNIX, NarrowingTests.datagram | Int32(SOCK_CLOEXEC.rawValue))
        }
    }

    @Test("a pair of packet sockets ends it")
    func packets() async {
        await #expect(processExitsWith: .signal(SIGSYS)) {
            try NarrowingTests.narrow()
            _ = NarrowingTests.pair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue))
        }
    }

    @Test("a pair of another family ends it")
    func families() async {
        await #expect(processExitsWith: .signal(SIGSYS)) {
            try NarrowingTests.narrow()
            _ = NarrowingTests.pair(AF_INET, NarrowingTests.stream)
        }
    }

    @Test("a local socket ends it")
    func local() async {
        await #expect(processExitsWith: .signal(SIGSYS)) {
            try NarrowingTests.narrow()
            _ = socket(AF_UNIX, NarrowingTests.stream, 0)
        }
    }

    @Test(
        "a pair of streams, by which it hands a connection to the repository's broker, is made and leads nowhere else")
    func streams() async {
        await #expect(processExitsWith: .success) {
            let service = try Service(NarrowingTests.stream)
            try NarrowingTests.narrow()
            let ends = try #require(NarrowingTests.pair(AF_UNIX, NarrowingTests.stream | Int32(SOCK_CLOEXEC.rawValue)))
            #expect(service.connect(ends[0]) == -1 && errno == EISCONN)
            #expect(service.send(from: ends[0]) == -1 && errno == EISCONN)
            // Nor when the other end is gone.
            close(ends[1])
            #expect(service.connect(ends[0]) == -1 && errno == EISCONN)
            #expect(service.send(from: ends[0]) == -1 && errno == EISCONN)
            // A socket of the network is what it is there for.
            let client = socket(AF_INET, NarrowingTests.stream, 0)
            #expect(client >= 0)
            #expect(service.connect(client) == -1)
        }
    }
}
