// SPDX-License-Identifier: Apache-2.0
import Testing
import Wire

@Suite("messages between supervisor and package broker")
struct PackageMessageTests {
    private let start = PackageStart(
        options: .landlockWaived, secrets: 2, ledgerBytes: 7, connectSeconds: 8, idleSeconds: 9)

    private var totals: PackageTotals {
        var totals = PackageTotals()
        (totals.pages, totals.files, totals.refused, totals.failed) = (1, 2, 3, 4)
        (totals.hidden, totals.bytesDown, totals.linesLost) = (5, 6, 7)
        return totals
    }

    @Test("travel there and back")
    func whole() throws {
        let bytes = PackageCommand.start(start).encoded()
        #expect(start.descriptors == 5)
        #expect(try PackageCommand(decoding: bytes, descriptors: start.descriptors) == .start(start))
        #expect(try PackageCommand(decoding: PackageCommand.close.encoded(), descriptors: 0) == .close)
        for report in [
            PackageReport.ready, .refused(.init(check: .landlock, errno: 95)), .unusable("a file"), .ended(totals),
        ] { #expect(try PackageReport(decoding: report.encoded()) == report) }
    }

    @Test("are refused when cut, prolonged, out of range, or with other descriptors")
    func malformed() {
        let bytes = PackageCommand.start(start).encoded()
        for count in 0..<bytes.count {
            #expect(throws: MessageError.self) { try PackageCommand(decoding: Array(bytes[..<count]), descriptors: 5) }
        }
        #expect(throws: MessageError.self) { try PackageCommand(decoding: bytes + [0], descriptors: 5) }
        #expect(throws: MessageError.descriptors(announced: 5, received: 4)) {
            try PackageCommand(decoding: bytes, descriptors: 4)
        }
        for wrong in [
            PackageStart(secrets: 17), PackageStart(secrets: 1, ledgerBytes: .max),
            PackageStart(secrets: 1, connectSeconds: 0), PackageStart(secrets: 1, idleSeconds: 3601),
        ] {
            let bytes = PackageCommand.start(wrong).encoded()
            #expect(throws: MessageError.value) { try PackageCommand(decoding: bytes, descriptors: wrong.descriptors) }
        }
        // Nothing of it is told while it serves.
        #expect(throws: MessageError.self) { try PackageReport(decoding: PackageReport.running(totals).encoded()) }
    }
}
