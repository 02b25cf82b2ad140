// SPDX-License-Identifier: Apache-2.0
import Documents
import Testing
import Wire

@Suite("messages between supervisor and forge broker")
struct ForgeMessageTests {
    private let start = ForgeStart(
        options: .landlockWaived, correlation: CorrelationID("ticket-1"), ledgerBytes: 7, proposalBytes: 9)

    private var totals: ForgeTotals {
        var totals = ForgeTotals()
        (totals.read, totals.proposed, totals.refused, totals.linesLost) = (1, 2, 3, 4)
        return totals
    }

    @Test("travel there and back")
    func whole() throws {
        let bytes = ForgeCommand.start(start).encoded()
        #expect(bytes.count <= ForgeCommand.longest)
        #expect(try ForgeCommand(decoding: bytes, descriptors: start.descriptors) == .start(start))
        #expect(try ForgeCommand(decoding: ForgeCommand.close.encoded(), descriptors: 0) == .close)
        for report in [
            ForgeReport.ready, .refused(.init(check: .landlock, errno: 95)), .unusable("a view"), .ended(totals),
        ] { #expect(try ForgeReport(decoding: report.encoded()) == report) }
    }

    @Test("are refused when cut, prolonged, out of range, or with other descriptors")
    func malformed() {
        let bytes = ForgeCommand.start(start).encoded()
        for count in 0..<bytes.count {
            #expect(throws: MessageError.self) { try ForgeCommand(decoding: Array(bytes[..<count]), descriptors: 4) }
        }
        #expect(throws: MessageError.self) { try ForgeCommand(decoding: bytes + [0], descriptors: 4) }
        for count in [0, 3, 5] {
            #expect(throws: MessageError.descriptors(announced: 4, received: count)) {
                try ForgeCommand(decoding: bytes, descriptors: count)
            }
        }
        let endless = ForgeCommand.start(ForgeStart(ledgerBytes: .max)).encoded()
        #expect(throws: MessageError.value) { try ForgeCommand(decoding: endless, descriptors: 4) }
        var report = ForgeReport.unusable("text").encoded()
        report[report.count - 1] = 0x1B
        #expect(throws: MessageError.value) { try ForgeReport(decoding: report) }
        #expect(throws: MessageError.self) { try ForgeReport(decoding: ForgeReport.ended(totals).encoded() + [1]) }
    }
}
