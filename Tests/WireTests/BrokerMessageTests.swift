// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Wire

@Suite("messages with a git broker")
struct BrokerMessageTests {
    private static func start(_ scope: PushScope) -> BrokerStart? {
        RepositoryPath("/owner/name").map {
            BrokerStart(options: .landlockWaived, host: "git.internal", path: $0, scope: scope, packBytes: 1 << 20)
        }
    }

    private static var reports: [BrokerReport] {
        var totals = BrokerReport.Totals()
        totals.fetches = 1
        totals.pushes = .max
        totals.failures = 3
        return [.ready, .refused(.init(check: .landlock, errno: 38)), .ended(totals)]
    }

    @Test("every command comes back as it was sent")
    func commands() throws {
        let scopes: [PushScope] = [.nothing, .below("refs/heads/agent/"), .exactly("refs/heads/fix")]
        for start in scopes.map({ Self.start($0) }) {
            let command = BrokerCommand.start(try #require(start))
            let bytes = command.encoded()
            #expect(bytes.count <= BrokerCommand.longest)
            #expect(try BrokerCommand(decoding: bytes, descriptors: 2) == command)
            #expect(throws: MessageError.self) { try BrokerCommand(decoding: bytes, descriptors: 1) }
            for count in 0..<bytes.count {
                #expect(throws: MessageError.self) {
                    try BrokerCommand(decoding: Array(bytes[..<count]), descriptors: 2)
                }
            }
            #expect(throws: MessageError.self) { try BrokerCommand(decoding: bytes + [0], descriptors: 2) }
        }
        #expect(try BrokerCommand(decoding: BrokerCommand.close.encoded(), descriptors: 0) == .close)
    }

    @Test("every report comes back as it was sent, and no other is read")
    func reports() throws {
        for report in Self.reports {
            let bytes = report.encoded()
            #expect(bytes.count <= BrokerReport.longest)
            #expect(try BrokerReport(decoding: bytes) == report)
            for count in 0..<bytes.count {
                #expect(throws: MessageError.self) { try BrokerReport(decoding: Array(bytes[..<count])) }
            }
            #expect(throws: MessageError.self) { try BrokerReport(decoding: bytes + [0]) }
        }
        // Nor one of another conversation.
        #expect(throws: MessageError.self) { try BrokerReport(decoding: EgressReport.ready.encoded()) }
        #expect(throws: MessageError.self) {
            try BrokerCommand(decoding: EgressCommand.close.encoded(), descriptors: 0)
        }
    }

    @Test("a start with a path, a scope or a size that is none is not read")
    func values() throws {
        let start = try #require(Self.start(.below("refs/heads/agent/")))
        let bytes = BrokerCommand.start(start).encoded()
        for (text, other) in [("/owner/name", "/owner/.ame"), ("refs/heads/agent/*", "refs/heads/*gent/*")] {
            var changed = bytes
            let from = try #require(changed.firstRange(of: Array(text.utf8)))
            changed.replaceSubrange(from, with: Array(other.utf8))
            #expect(throws: MessageError.value) { try BrokerCommand(decoding: changed, descriptors: 2) }
        }
        let none = BrokerStart(
            host: "git.internal", path: start.path, scope: .nothing, packBytes: 2, repositoryBytes: 1)
        #expect(throws: MessageError.value) {
            try BrokerCommand(decoding: BrokerCommand.start(none).encoded(), descriptors: 2)
        }
    }
}
