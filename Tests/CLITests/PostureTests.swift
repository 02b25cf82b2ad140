// SPDX-License-Identifier: Apache-2.0
import CLI
import Documents
import Testing

@Suite("posture of the escape probes")
struct PostureTests {
    private static let expected = ["R01a", "K14.bpf", "L03a", "T01a"]
    private static let good =
        "R01a\trefused\tEACCES\topen /proc/1/exe\nK14.bpf\trefused\tENOSYS\tbpf\nL03a\tnot-applicable\tno swap here\n"
        + "T01a\trefused\tEPERM\tTIOCSTI\n"

    private func read(_ text: String, expected: [String] = Self.expected) -> Posture {
        Posture(report: Array(text.utf8), expected: expected)
    }

    @Test("a report in which every attempt was refused or does not apply is a good posture")
    func refused() {
        let posture = read(Self.good)
        #expect(posture.isComplete)
        #expect(posture.exitStatus == 0)
        #expect(posture.count(.kernel) == Posture.Count(refused: 1))
        #expect(posture.count(.resources) == Posture.Count(notApplicable: 1))
        #expect(posture.attempts.first?.verdict == .refused("EACCES"))
        #expect(posture.attempts.first?.text == "open /proc/1/exe")
        #expect(posture.json["held"] == true)
        #expect(
            posture.text(colour: false).split(separator: "\n").first == "held     setup      1 of 1 attempts refused")
    }

    @Test("one escape decides, and is told by name")
    func escape() {
        let posture = read(
            Self.good.replacing("T01a\trefused\tEPERM\tTIOCSTI", with: "T01a\tESCAPE:T01a\ttyped into it"))
        #expect(posture.exitStatus == 1)
        #expect(posture.escapes.map { $0.id } == ["T01a"])
        #expect(posture.text(colour: false).contains("ESCAPED  terminal   0 of 1 attempts refused"))
        #expect(posture.text(colour: false).hasSuffix("T01a escaped: typed into it"))
        #expect(posture.json["held"] == false)
    }

    @Test("what a mode says it does not hold is told and counted apart, and no other escape is")
    func byDesign() {
        let report = Array("R01a\trefused\tEACCES\tx\nK29a\tESCAPE:K29a\treturned 0\n".utf8)
        let rootless = Posture(report: report, expected: ["R01a", "K29a"], notHeld: Posture.notHeldRootless)
        #expect(rootless.exitStatus == 0)
        #expect(rootless.count(.kernel) == Posture.Count(byDesign: 1))
        let text = rootless.text(colour: false)
        #expect(text.contains("0 of 0 attempts refused, 1 not held rootless (one id), by design"))
        #expect(text.hasSuffix("K29a is not held rootless (one id), by design: returned 0"))
        let host = Posture(report: report, expected: ["R01a", "K29a"])
        #expect(host.exitStatus == 1)
        #expect(host.escapes.map(\.id) == ["K29a"])
        let other = Posture(
            report: Array("K14.bpf\tESCAPE:K14.bpf\tx\n".utf8), expected: ["K14.bpf"], notHeld: Posture.notHeldRootless)
        #expect(other.exitStatus == 1)
    }

    @Test("silence is no success: an attempt without a line, or no line at all, leaves the posture unknown")
    func silence() {
        #expect(read("").exitStatus == 2)
        #expect(read("", expected: []).exitStatus == 2)
        let short = read("R01a\trefused\tEACCES\tx\n")
        #expect(short.exitStatus == 2)
        #expect(short.silent == ["K14.bpf", "L03a", "T01a"])
    }

    @Test("an attempt that could not be made leaves the posture unknown")
    func broken() {
        let posture = read(Self.good.replacing("T01a\trefused\tEPERM\tTIOCSTI", with: "T01a\tbroken\tEINTR\tdied"))
        #expect(posture.exitStatus == 2)
        #expect(posture.broken.map { $0.id } == ["T01a"])
    }

    @Test(
        "a line in any other form is not guessed at",
        arguments: [
            "X01a\trefused\tEPERM\tno such layer", "R02a\trefused\tEPERM\tnot on the list",
            "R01a\trefused\tEPERM\ttold twice",
            "R01a refused EPERM x", "R01a\tREFUSED\tEPERM\tx", "R01a\trefused\tEPERM", "R01a\trefused\tEPERM\tx\ty",
            "R01a\tESCAPE:K14.bpf\tof another", "R01a\tESCAPE\tof none", "R01a\trefused\tE PERM\tx",
            "R01a\trefused\tEPERM\t\u{1b}[2Jclear", "R01a\trefused\tEPERM\tcarriage\rreturn", "R01a\trefused\tEPERM\té",
            "R01a\trefused\tEPERM\t" + String(repeating: "x", count: 600), "\t\t\t",
        ])
    func malformed(line: String) {
        let posture = read(Self.good + line + "\n")
        #expect(posture.unreadable == 1)
        #expect(posture.attempts.count == 4)
        #expect(posture.exitStatus == 2)
        #expect(!posture.text(colour: false).unicodeScalars.contains { $0 == "\u{1b}" || $0 == "\r" })
    }

    @Test("damaged reports never read as a better posture")
    func damage() {
        let report = Array(
            Self.good.replacing("K14.bpf\trefused\tENOSYS\tbpf", with: "K14.bpf\tESCAPE:K14.bpf\tran").utf8)
        for index in report.indices {
            for byte in [0x00, 0x09, 0x0A, 0x1B, 0x41, 0xFF] as [UInt8] where report[index] != byte {
                var damaged = report
                damaged[index] = byte
                let posture = Posture(report: damaged, expected: Self.expected)
                #expect(posture.exitStatus != 0, "byte \(index) became \(byte)")
            }
            #expect(Posture(report: Array(report[..<index]), expected: Self.expected).exitStatus != 0)
        }
    }

    @Test("the list of attempts is what stands before each first tab")
    func list() {
        #expect(Posture.ids(list: Array("R01a\topen it\nK14.bpf\tload a program\n".utf8)) == ["R01a", "K14.bpf"])
    }
}
