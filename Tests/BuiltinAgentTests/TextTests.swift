// SPDX-License-Identifier: Apache-2.0
import BuiltinAgent
import Testing

@Suite("edits of the built-in agent")
struct TextEditTests {
    private func edit(_ file: String, _ old: String, _ new: String) -> TextEdit.Outcome {
        TextEdit.apply(old, new, to: Array(file.utf8))
    }

    private func reason(_ outcome: TextEdit.Outcome) -> String {
        if case .refused(let reason) = outcome { return reason }
        return ""
    }

    @Test("apply where the old text stands once")
    func applied() {
        #expect(edit("a\nb\nc\n", "b\n", "x\ny\n") == .applied(Array("a\nx\ny\nc\n".utf8), line: 2))
        #expect(edit("abc", "abc", "") == .applied([], line: 1))
        #expect(edit("a\nb", "b", "c") == .applied(Array("a\nc".utf8), line: 2))
        // Bytes that are no text stay as they are.
        #expect(TextEdit.apply("b", "c", to: [0xFF, 0x62, 0x00]) == .applied([0xFF, 0x63, 0x00], line: 1))
    }

    @Test("do not apply where it stands more than once, overlapping included, and say where")
    func ambiguous() {
        #expect(reason(edit("x\ny\nx\n", "x", "z")).contains("more than once, at lines 1, 3;"))
        #expect(reason(edit("aaa", "aa", "b")).contains("at lines 1, 1;"))
        #expect(reason(edit(String(repeating: "x\n", count: 50), "x", "z")).contains("10 and more;"))
    }

    @Test("do not apply where it does not stand, and say what is near")
    func missing() {
        #expect(reason(edit("a\n", "b", "c")).contains("copy it to the byte"))
        #expect(
            reason(edit("def f():\n    return 1\n", "def f():\n  return 1\n", "x")).contains(
                "at line 1 it does with other"))
        #expect(reason(edit("a\n\tb  \nc\n", "\nb\n", "x")).contains("at line 2"))
        #expect(reason(edit("a", "", "b")).contains("empty"))
        #expect(reason(edit("a", "a", "a")).contains("is the old one"))
    }

    @Test("keep the line ends of a file that has CR LF")
    func returns() {
        #expect(edit("a\r\nb\r\nc\r\n", "a\nb", "x\ny") == .applied(Array("x\r\ny\r\nc\r\n".utf8), line: 1))
        // A file of both kinds is taken at its word.
        #expect(reason(edit("a\r\nb\nc\r\n", "a\nb", "x")).contains("with other spaces"))
    }
}

@Suite("what the built-in agent shows a model")
struct TextViewTests {
    @Test("numbered lines, and how to see the rest")
    func numbered() {
        let file = Array("one\ntwo\r\nthree".utf8)
        #expect(TextView.numbered(file, first: 1, count: 9) == "1\tone\n2\ttwo\n3\tthree\n")
        #expect(TextView.numbered(file, first: 2, count: 1) == "2\ttwo\n[lines 2-2 of 3; go on with first_line 3]")
        #expect(TextView.numbered(file, first: 4, count: 1) == "[it has 3 lines]")
        #expect(TextView.numbered([], first: 1, count: 1) == "[empty]")
        let long = TextView.numbered([UInt8](repeating: 0x0A, count: 100_000), first: 1, count: 100_000)
        #expect(long.utf8.count < 40_000 && long.hasSuffix("]"))
        let wide = TextView.numbered([UInt8](repeating: 0x78, count: 5_000_000), first: 1, count: 1)
        #expect(wide.utf8.count < 2100 && wide.contains("[4998000 bytes left out]"))
    }

    @Test("matches in text, by place and line, and none in what is no text")
    func matches() {
        let file = Array("alpha\nbeta\nalphabet\n".utf8)
        #expect(
            TextView.matches(Array("alpha".utf8), in: file, place: "f", most: 9) == ["f:1: alpha", "f:3: alphabet"])
        #expect(TextView.matches(Array("alpha".utf8), in: file, place: "f", most: 1).count == 1)
        #expect(TextView.matches(Array("a".utf8), in: [0x61, 0], place: "f", most: 9).isEmpty)
    }

    @Test("text without what a terminal or an API would trip over")
    func plain() {
        #expect(PlainText.of(Array("a\r\nb\rc\u{1B}[31m\0\u{7F}".utf8)) == "a\nb\nc\u{FFFD}[31m\u{FFFD}\u{FFFD}")
        #expect(PlainText.of([0xFF, 0x61]) == "\u{FFFD}a")
        #expect(PlainText.line("a\u{1B}]0;x\u{7}\u{9B}b\nc") == "a ]0;x  b c")
        for length in 0...12 {
            let cut = PlainText.beginning("é😀語x", longest: length)
            #expect(cut.utf8.count <= length && !cut.contains("\u{FFFD}") && "é😀語x".hasPrefix(cut))
        }
    }

    @Test("of 50 MB of output the beginning, the end and a count")
    func bounded() {
        var output = BoundedOutput()
        output.append(Array("begin".utf8)[...])
        let piece = [UInt8](repeating: 0x2E, count: 50_000)
        for _ in 0..<1000 { output.append(piece[...]) }
        output.append(Array("end".utf8)[...])
        let text = output.text
        #expect(text.hasPrefix("begin.") && text.hasSuffix(".end") && text.utf8.count < 17_000)
        #expect(text.contains("\n[\(50_000_008 - 16_384) bytes left out]\n"))
        var short = BoundedOutput(first: 2, last: 2)
        for byte in "abcd".utf8 { short.append([byte]) }
        #expect(short.text == "abcd")
        short.append([0x65])
        #expect(short.text == "ab\n[1 bytes left out]\nde")
    }
}

@Suite("paths of the built-in agent")
struct WorkPathTests {
    @Test(
        "lead to the same place however they are spelled",
        arguments: [
            ("a/b", "a/b"), ("./a//b/", "a/b"), ("a/../b", "b"), (".", "."), ("/workspace/a", "a"), ("/workspace", "."),
            ("a/x/../..", "."), ("..a", "..a"),
        ])
    func inside(_ text: String, _ path: String) { #expect(WorkPath.resolve(text, top: "/workspace") == .inside(path)) }

    @Test(
        "do not lead out of the clone",
        arguments: [
            "", "..", "a/../../b", "/etc/passwd", "/workspaces/a", "/", "a\0b", String(repeating: "a", count: 2000),
        ])
    func outside(_ text: String) {
        guard case .refused = WorkPath.resolve(text, top: "/workspace") else {
            Issue.record("\(text) was taken")
            return
        }
    }
}
