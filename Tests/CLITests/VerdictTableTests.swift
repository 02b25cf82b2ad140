// SPDX-License-Identifier: Apache-2.0
import CLI
import Testing

@Suite("verdict table")
struct VerdictTableTests {
    private let lines = [
        VerdictLine(.good, "ok", name: "kernel", text: "Linux"),
        VerdictLine(.bad, "missing", name: "id-range", text: "taken \u{1b}[2J", notes: ["Move it."]),
    ]

    @Test("columns line up, notes stand beneath the text, and text cannot act on the terminal")
    func plain() {
        #expect(
            VerdictTable.text(lines, colour: false) == """
                ok       kernel    Linux
                missing  id-range  taken \\u{1b}[2J
                                   Move it.
                """)
    }

    @Test("colour changes no column")
    func colour() {
        let text = VerdictTable.text(lines, colour: true)
        #expect(text.hasPrefix("\u{1b}[32mok\u{1b}[0m       kernel    Linux\n\u{1b}[31mmissing\u{1b}[0m  id-range"))
    }

    @Test("colour is for a terminal whose reader did not say NO_COLOR")
    func wanted() {
        #expect(Mark.wantsColour(isTerminal: true, noColour: nil))
        #expect(Mark.wantsColour(isTerminal: true, noColour: ""))
        #expect(!Mark.wantsColour(isTerminal: true, noColour: "1"))
        #expect(!Mark.wantsColour(isTerminal: false, noColour: nil))
    }

    @Test("text is wrapped at blanks, and a long word stays whole")
    func wrapped() {
        #expect(
            Columns.wrapped("one two  three fourteen-letters", width: 8) == ["one two", "three", "fourteen-letters"])
        #expect(Columns.wrapped("", width: 8) == [])
    }
}
