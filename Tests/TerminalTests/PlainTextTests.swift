// SPDX-License-Identifier: Apache-2.0
import Terminal
import Testing

@Suite("plain text")
struct PlainTextTests {
    static let table: [FilterCase] = [
        FilterCase("a name", "src/main.swift", "src/main.swift"),
        FilterCase("letters of many scripts", "naïve-語-файл-😀", "naïve-語-файл-😀"),
        FilterCase("a backslash", "a\\x0a", "a\\\\x0a"),
        FilterCase("a line feed", "a\nb", "a\\x0ab"),
        FilterCase("carriage return, tab, ESC, DEL, NUL", "\r\t\u{1B}[31m\u{7F}\u{0}", "\\x0d\\x09\\x1b[31m\\x7f\\x00"),
        FilterCase("bytes that are no UTF-8", [0x61, 0xFF, 0xC3, 0x28, 0xE2, 0x82], "a\\xff\\xc3(\\xe2\\x82"),
        FilterCase("C1 as characters", "\u{9B}6n", "\\u{9b}6n"),
        FilterCase("bidirectional overrides", "a\u{202E}txt.exe", "a\\u{202e}txt.exe"),
        FilterCase("zero-width characters", "a\u{200B}\u{200D}\u{FEFF}\u{AD}b", "a\\u{200b}\\u{200d}\\u{feff}\\u{ad}b"),
        FilterCase("spaces that are not a space", "a\u{A0}\u{2003}\u{3000}", "a\\u{a0}\\u{2003}\\u{3000}"),
        FilterCase("fillers that show nothing", "\u{3164}\u{115F}", "\\u{3164}\\u{115f}"),
        FilterCase("separators", "\u{2028}\u{2029}\u{85}", "\\u{2028}\\u{2029}\\u{85}"),
        FilterCase("tags and private use", "\u{E0041}\u{E000}\u{F0000}", "\\u{e0041}\\u{e000}\\u{f0000}"),
        FilterCase("a mark with nothing to stand on", "\u{301}e\u{301}", "\\u{301}e\u{301}"),
    ]

    @Test("spells out everything but printable text", arguments: table)
    func escape(_ c: FilterCase) {
        #expect(PlainText.escape(c.input) == c.output)
    }

    @Test("says how much it cut")
    func limit() {
        #expect(PlainText.escape("abcdef", limit: 2) == "ab\\...(4 more bytes)")
        #expect(PlainText.escape("aé", limit: 2) == "a\\xc3\\...(1 more bytes)")
        #expect(PlainText.escape("abc", limit: 3) == "abc")
    }

    @Test("is one printable line for every byte, and different for different bytes")
    func everyByte() {
        // As bytes: two strings of equal meaning, such as U+0387 and U+00B7, are equal as strings.
        var seen: Set<[UInt8]> = []
        for first in UInt8.min...UInt8.max {
            for second in UInt8.min...UInt8.max {
                let text = PlainText.escape([first, second])
                seen.insert(Array(text.utf8))
                let isPrintable = text.unicodeScalars.allSatisfy {
                    $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value)
                }
                if !isPrintable { Issue.record("\(first) \(second) became \(text.unicodeScalars.map(\.value))") }
            }
        }
        #expect(seen.count == 65_536)
    }
}
