// SPDX-License-Identifier: Apache-2.0
import Terminal
import Testing

/// Filters one piece after the other, then ends the stream.
func filtered(_ pieces: [[UInt8]], charset: EscapeFilter.Charset = .utf8) -> [UInt8] {
    var filter = EscapeFilter(charset: charset)
    var output: [UInt8] = []
    for piece in pieces { filter.filter(piece, into: &output) }
    filter.finish(into: &output)
    return output
}

@Suite("escape filter")
struct EscapeFilterTests {
    @Test("keeps what ordinary programs send and undoes what they leave", arguments: harmlessInputs)
    func harmless(_ c: FilterCase) {
        #expect(String(decoding: filtered([c.input]), as: UTF8.self) == c.output)
    }

    @Test("defuses what acts on the terminal", arguments: hostileInputs)
    func hostile(_ c: FilterCase) {
        let output = filtered([c.input])
        #expect(String(decoding: output, as: UTF8.self) == c.output)
        #expect(OutputChecker.firstForbidden(in: output) == nil)
    }

    @Test("counts a hostile input as defused and a harmless one not")
    func counts() {
        for c in hostileInputs {
            var filter = EscapeFilter()
            var output: [UInt8] = []
            filter.filter(c.input, into: &output)
            filter.finish(into: &output)
            #expect(filter.defused > 0, "\(c.name)")
        }
        var filter = EscapeFilter()
        var output: [UInt8] = []
        filter.filter(Array("\u{1B}[1mbold\u{1B}[m é\r\n".utf8), into: &output)
        #expect(filter.defused == 0)
    }

    @Test("gives the same output however the input is cut in two", arguments: harmlessInputs + hostileInputs)
    func splits(_ c: FilterCase) {
        let whole = filtered([c.input])
        for cut in 0...c.input.count {
            let parts = filtered([Array(c.input[..<cut]), Array(c.input[cut...])])
            #expect(parts == whole, "cut at \(cut)")
        }
        #expect(filtered(c.input.map { [$0] }) == whole)
    }

    @Test("gives the same output for every pair of inputs, cut anywhere near their seam")
    func seams() {
        let all = harmlessInputs + hostileInputs
        for first in all {
            for second in all where first.input.count < 80 && second.input.count < 80 {
                let input = first.input + second.input
                let whole = filtered([input])
                let forbidden = OutputChecker.firstForbidden(in: whole)
                #expect(forbidden == nil, "\(first.name), then \(second.name)")
                let seam = first.input.count
                for cut in max(0, seam - 3)...min(input.count, seam + 3) {
                    let parts = filtered([Array(input[..<cut]), Array(input[cut...])])
                    if parts != whole { Issue.record("\(first.name), then \(second.name), cut at \(cut)") }
                }
            }
        }
    }

    @Test("resumes after a string sequence that is too long")
    func longString() {
        let payload = [UInt8](repeating: UInt8(ascii: "A"), count: EscapeFilter.longestString + 5)
        let output = filtered([Array("\u{1B}P".utf8) + payload + Array("tail".utf8)])
        #expect(String(decoding: output, as: UTF8.self) == "␛P" + String(repeating: "A", count: 23) + "…AAAAAtail")
    }

    @Test("holds a bounded part of an input that never ends", arguments: ["\u{1B}]", "\u{1B}P", "\u{1B}[", "\u{1B}"])
    func bounded(_ start: String) {
        var filter = EscapeFilter()
        var output: [UInt8] = []
        filter.filter(Array(start.utf8), into: &output)
        for _ in 0..<64 {
            filter.filter([UInt8](repeating: UInt8(ascii: "1"), count: 1_024), into: &output)
            #expect(filter.pendingBytes <= EscapeFilter.longestControl)
        }
        #expect(output.count <= 65_536 + 64)
    }

    @Test("sends only ASCII to a terminal that is not UTF-8", arguments: harmlessInputs + hostileInputs)
    func asciiTerminal(_ c: FilterCase) {
        let output = filtered([c.input], charset: .ascii)
        #expect(output.allSatisfy { $0 < 0x80 })
        #expect(OutputChecker.firstForbidden(in: output) == nil)
    }

    @Test("shows a defused sequence in caret notation on such a terminal")
    func caret() {
        #expect(filtered([Array("é\u{1B}]0;t\u{7}\u{5}".utf8)], charset: .ascii) == Array("?^[]0;t^E".utf8))
    }
}

@Suite("the checker of the filter's output")
struct OutputCheckerTests {
    @Test("finds every hostile input in unfiltered form, so that its silence means something")
    func sees() {
        for c in hostileInputs {
            #expect(OutputChecker.firstForbidden(in: c.input) != nil, "\(c.name)")
        }
    }

    @Test("has no complaint about what ordinary programs send")
    func silent() {
        let withoutLosses = harmlessInputs.filter { Array($0.output.utf8).starts(with: $0.input) }
        #expect(withoutLosses.count > 20)
        for c in withoutLosses {
            #expect(OutputChecker.firstForbidden(in: c.input) == nil, "\(c.name)")
        }
    }
}
