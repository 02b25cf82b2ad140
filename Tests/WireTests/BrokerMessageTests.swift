// SPDX-License-Identifier: Apache-2.0
import Documents
import Testing

@testable import Wire

@Suite("messages with a git broker")
struct BrokerMessageTests {
    private static func start(_ scope: PushScope) -> GitStart? {
        RepositoryPath("/owner/name").map {
            GitStart(
                options: .landlockWaived, correlation: CorrelationID("ticket-1"), host: "git.internal", path: $0,
                scope: scope, packBytes: 1 << 20)
        }
    }

    private static var reports: [GitReport] {
        var totals = GitTotals()
        totals.fetches = 1
        totals.pushes = 1 << 60
        totals.failures = 3
        return [.ready, .refused(.init(check: .landlock, errno: 38)), .ended(totals)]
    }

    @Test("every command comes back as it was sent")
    func commands() throws {
        let scopes: [PushScope] = [.nothing, .below("refs/heads/agent/"), .exactly("refs/heads/fix")]
        for start in scopes.map({ Self.start($0) }) {
            let command = GitCommand.start(try #require(start))
            let bytes = command.encoded()
            #expect(bytes.count <= GitCommand.longest)
            #expect(try GitCommand(decoding: bytes, descriptors: 2) == command)
            #expect(throws: MessageError.self) { try GitCommand(decoding: bytes, descriptors: 1) }
            for count in 0..<bytes.count {
                #expect(throws: MessageError.self) {
                    try GitCommand(decoding: Array(bytes[..<count]), descriptors: 2)
                }
            }
            #expect(throws: MessageError.self) { try GitCommand(decoding: bytes + [0], descriptors: 2) }
        }
        #expect(try GitCommand(decoding: GitCommand.close.encoded(), descriptors: 0) == .close)
    }

    @Test("every report comes back as it was sent, and no other is read")
    func reports() throws {
        for report in Self.reports {
            let bytes = report.encoded()
            #expect(bytes.count <= GitReport.longest)
            #expect(try GitReport(decoding: bytes) == report)
            for count in 0..<bytes.count {
                #expect(throws: MessageError.self) { try GitReport(decoding: Array(bytes[..<count])) }
            }
            #expect(throws: MessageError.self) { try GitReport(decoding: bytes + [0]) }
        }
        // Nor one of another conversation.
        #expect(throws: MessageError.self) { try GitReport(decoding: EgressReport.ready.encoded()) }
        #expect(throws: MessageError.self) {
            try GitCommand(decoding: EgressCommand.close.encoded(), descriptors: 0)
        }
    }

    @Test("a start with a path, a scope or a size that is none is not read")
    func values() throws {
        let start = try #require(Self.start(.below("refs/heads/agent/")))
        let bytes = GitCommand.start(start).encoded()
        for (text, other) in [
            ("/owner/name", "/owner/.ame"), ("refs/heads/agent/*", "refs/heads/*gent/*"), ("ticket-1", "ticket 1"),
        ] {
            var changed = bytes
            let from = try #require(changed.firstRange(of: Array(text.utf8)))
            changed.replaceSubrange(from, with: Array(other.utf8))
            #expect(throws: MessageError.value) { try GitCommand(decoding: changed, descriptors: 2) }
        }
        let none = GitStart(
            host: "git.internal", path: start.path, scope: .nothing, packBytes: 2, repositoryBytes: 1)
        #expect(throws: MessageError.value) {
            try GitCommand(decoding: GitCommand.start(none).encoded(), descriptors: 2)
        }
    }
}
