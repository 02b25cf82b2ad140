// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Wire

@Suite("messages with an egress gateway")
struct EgressMessageTests {
    private static let pair = EgressReport.SocketPair(
        transport: 17, clientAddress: [198, 18, 0, 1], clientPort: 40_000, serverAddress: [198, 18, 0, 53],
        serverPort: 53)
    private static let start = EgressStart(
        roles: [.configuration, .audit, .dnsDatagrams, .listener(port: 443), .socketListener(number: 16), .tap],
        options: [.ipv6])

    static let commands: [(EgressCommand, Int)] = [
        (.start(start), 6), (.policy(generation: 2), 1), (.owner(query: 7, nil), 0),
        (
            .owner(
                query: .max,
                SocketOwner(
                    pid: 9, device: 1 << 40, inode: 77, claimedName: Array("curl".utf8),
                    claimedCommand: [UInt8](repeating: 0xFF, count: 600))), 0
        ), (.connected(query: 8), 1), (.notConnected(query: 9, errno: 111), 0), (.close, 0),
    ]
    private static var totals: EgressReport.Totals {
        var totals = EgressReport.Totals()
        totals.denied = .max
        totals.failed = 3
        totals.bytesDown = 12
        totals.capped = 5
        return totals
    }
    static let reports: [EgressReport] = [
        .ready, .refused(.init(check: .seccomp, errno: 1)), .whoIs(query: 3, pair), .connect(query: 7, socket: 2),
        .applied(generation: 4, cut: 5),
        .unusable(generation: 6), .ended(totals), .wanted(name: "a-b.example.org", times: 3),
        .denial(.init(subject: "a-b.test", port: 443, reason: "name_not_allowed", count: 12, event: 3)),
        .failure(.init(subject: "a-b.test", port: 443, reason: "timed_out", count: 2, event: 4)),
    ]

    @Test("every message comes back as it was sent", arguments: commands)
    func commandRoundTrip(_ command: EgressCommand, _ descriptors: Int) throws {
        let bytes = command.encoded()
        #expect(bytes.count <= EgressCommand.longest)
        #expect(try EgressCommand(decoding: bytes, descriptors: descriptors) == command)
        #expect(throws: MessageError.self) { try EgressCommand(decoding: bytes, descriptors: descriptors + 1) }
    }

    @Test("every report comes back as it was sent", arguments: reports)
    func reportRoundTrip(_ report: EgressReport) throws {
        let bytes = report.encoded()
        #expect(bytes.count <= EgressReport.longest)
        #expect(try EgressReport(decoding: bytes) == report)
    }

    @Test("no message is read that is cut, lengthened or of another version", arguments: reports)
    func strict(_ report: EgressReport) {
        let bytes = report.encoded()
        for count in 0..<bytes.count {
            #expect(throws: MessageError.self) { try EgressReport(decoding: Array(bytes.prefix(count))) }
        }
        #expect(throws: MessageError.self) { try EgressReport(decoding: bytes + [0]) }
        #expect(throws: MessageError.version(9)) { try EgressReport(decoding: [9] + bytes.dropFirst()) }
    }

    @Test(
        "a summary line holds nothing that a terminal could act on",
        arguments: ["a b", "a\n", "\u{1b}[31m", "A.test", "é", "a/b"])
    func subjects(_ subject: String) {
        let denial = EgressReport.Denial(subject: subject, port: 1, reason: "x", count: 1, event: 1)
        #expect(throws: MessageError.value) { try EgressReport(decoding: EgressReport.denial(denial).encoded()) }
        #expect(throws: MessageError.value) { try EgressReport(decoding: EgressReport.failure(denial).encoded()) }
    }

    @Test(
        "a start without its document or with two audits is refused",
        arguments: [[], [.audit], [.configuration, .audit, .audit], [.configuration, .configuration]]
            as [[EgressStart.Role]])
    func incomplete(_ roles: [EgressStart.Role]) {
        let bytes = EgressCommand.start(EgressStart(roles: roles, options: [])).encoded()
        #expect(throws: MessageError.value) { try EgressCommand(decoding: bytes, descriptors: roles.count) }
    }
}
