// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import LinuxSystem
import Testing

@testable import Egress
@testable import Policy

@Suite("what a session may send")
struct AllowanceTests {
    /// A client's socket and a server's, and the ends that the test holds.
    private final class Ends {
        let client: [Int32], server: [Int32]

        init() throws {
            client = try Self.pair()
            server = try Self.pair()
        }

        private static func pair() throws -> [Int32] {
            var ends: [Int32] = [-1, -1]
            try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | O_NONBLOCK, 0, &ends) == 0)
            return ends
        }

        func say(_ count: Int) {
            let bytes = [UInt8](repeating: 0x78, count: count)
            #expect(send(client[0], bytes, count, Int32(MSG_NOSIGNAL)) == count)
        }

        func hear() -> Int {
            var bytes = [UInt8](repeating: 0, count: 65_536)
            return recv(server[0], &bytes, bytes.count, 0)
        }

        deinit { for end in client + server { close(end) } }
    }

    @Test("is moved to the last byte, and then not one more")
    func figure() throws {
        let ends = try Ends()
        let pool = PipePool()
        let allowance = Allowance(10)
        var direction = Direction()
        func pump() -> Direction.Outcome {
            direction.sourceIsReady()
            return direction.pump(
                from: ends.client[1], to: ends.server[1], pool, within: allowance, isLast: false)
        }
        ends.say(7)
        #expect(pump() == .idle && ends.hear() == 7 && allowance.left == 3)
        ends.say(18)
        #expect(pump() == .usedUp && ends.hear() == 3 && allowance.isUsedUp)
        #expect(direction.moved == 10)
        #expect(pump() == .usedUp && ends.hear() < 0)
        direction.end(pool)

        // Who counts nothing has no figure.
        var free = Direction()
        #expect(free.pump(from: ends.client[1], to: ends.server[1], pool, isLast: false) == .idle)
        #expect(free.moved == 15)
        free.end(pool)
    }

    @Test("a client that has sent just as much waits for its answer, and ends as ever")
    func exact() throws {
        let ends = try Ends()
        let pool = PipePool()
        let allowance = Allowance(7)
        var direction = Direction()
        ends.say(7)
        let source = ends.client[1]
        let destination = ends.server[1]
        #expect(direction.pump(from: source, to: destination, pool, within: allowance, isLast: false) == .idle)
        #expect(ends.hear() == 7 && allowance.isUsedUp)
        #expect(shutdown(ends.client[0], Int32(SHUT_WR)) == 0)
        direction.sourceIsReady()
        #expect(direction.pump(from: source, to: destination, pool, within: allowance, isLast: false) == .finished)
        #expect(ends.hear() == 0)
        direction.end(pool)
    }

    @Test("bytes that were read already go as a whole or not at all, and several senders share one figure")
    func shared() throws {
        let allowance = Allowance(10)
        #expect(allowance.takes(6) && !allowance.takes(5) && allowance.takes(4) && !allowance.takes(1))
        #expect(allowance.takes(0) && allowance.isUsedUp)
        #expect(!Allowance(nil).isUsedUp && Allowance(nil).takes(.max))
    }

    @Test("what goes to the session's repository and its forge stays on this host; all else leaves it")
    func leaving() throws {
        let policy = try EgressPolicy(directIP: .explain, rules: []).serving([.repository, .model, .forge])
        let leaving = policy.rules.filter(\.leavesHost).compactMap(\.virtualHost)
        #expect(policy.rules.count == 3 && leaving == [.model])
    }
}
