// SPDX-License-Identifier: Apache-2.0
import Documents
import Testing
import Wire

@Suite("messages between supervisor and model broker")
struct ModelMessageTests {
    private let start = ModelStart(
        options: .landlockWaived, correlation: CorrelationID("ticket-1"), secrets: 3, idleSeconds: 7)

    @Test("travel there and back")
    func commands() throws {
        let bytes = ModelCommand.start(start).encoded()
        #expect(bytes.count <= ModelCommand.longest)
        #expect(try ModelCommand(decoding: bytes, descriptors: 8) == .start(start))
        #expect(try ModelCommand(decoding: ModelCommand.close.encoded(), descriptors: 0) == .close)
        for report in [
            ModelReport.ready, .refused(.init(check: .landlock, errno: 95)), .unusable("a file"), .running(totals),
            .ended(totals),
        ] {
            #expect(try ModelReport(decoding: report.encoded()) == report)
        }
    }

    private var totals: ModelTotals {
        var totals = ModelTotals()
        totals.turns = 3
        totals.spent = 1_000_000
        totals.held = 7
        totals.linesLost = 9
        return totals
    }

    @Test("come with the descriptors that they announce")
    func descriptors() {
        let bytes = ModelCommand.start(start).encoded()
        for count in [0, 5, 7, 9] {
            #expect(throws: MessageError.descriptors(announced: 8, received: count)) {
                try ModelCommand(decoding: bytes, descriptors: count)
            }
        }
        #expect(throws: MessageError.self) { try ModelCommand(decoding: ModelCommand.close.encoded(), descriptors: 1) }
    }

    @Test("are refused when cut, prolonged or out of range")
    func malformed() {
        let bytes = ModelCommand.start(start).encoded()
        for count in 0..<bytes.count {
            #expect(throws: MessageError.self) { try ModelCommand(decoding: Array(bytes[..<count]), descriptors: 8) }
        }
        #expect(throws: MessageError.self) { try ModelCommand(decoding: bytes + [0], descriptors: 8) }
        let none = ModelCommand.start(ModelStart(secrets: 0)).encoded()
        #expect(throws: MessageError.value) { try ModelCommand(decoding: none, descriptors: 5) }
        let endless = ModelCommand.start(ModelStart(secrets: 1, idleSeconds: 0)).encoded()
        #expect(throws: MessageError.value) { try ModelCommand(decoding: endless, descriptors: 6) }
        var report = ModelReport.unusable("text").encoded()
        report[report.count - 1] = 0x1B
        #expect(throws: MessageError.value) { try ModelReport(decoding: report) }
    }

    @Test("a text is cut and made plain before it travels")
    func texts() throws {
        let report = ModelReport.unusable(String(repeating: "é\u{1B}", count: 1000)).encoded()
        #expect(report.count <= ModelReport.longest)
        guard case .unusable(let text) = try ModelReport(decoding: report) else {
            Issue.record("another report")
            return
        }
        #expect(text.utf8.allSatisfy { $0 == UInt8(ascii: "?") })
    }
}
