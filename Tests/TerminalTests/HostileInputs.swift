// SPDX-License-Identifier: Apache-2.0
import Testing

/// One input and exactly what of it may reach the terminal.
struct FilterCase: Sendable, CustomTestStringConvertible {
    let name: String
    let input: [UInt8]
    /// Output of filtering, then of ending the stream.
    let output: String

    init(_ name: String, _ input: String, _ output: String) {
        self.init(name, Array(input.utf8), output)
    }

    init(_ name: String, _ input: [UInt8], _ output: String) {
        self.name = name
        self.input = input
        self.output = output
    }

    var testDescription: String { name }
}

private let esc = "\u{1B}"
private let reset = "\u{1B}[0m"

/// What ordinary programs send: it passes unchanged, and what it leaves behind is undone at the end.
let harmlessInputs: [FilterCase] = [
    FilterCase("plain text", "hello\r\n\tworld\u{8}!", "hello\r\n\tworld\u{8}!"),
    FilterCase("two-, three- and four-byte characters", "é€😀 語", "é€😀 語"),
    FilterCase("an emoji joined by zero-width joiners", "👩\u{200D}💻", "👩\u{200D}💻"),
    FilterCase("a colour and its end", "\(esc)[31mred\(esc)[m", "\(esc)[31mred\(esc)[m"),
    FilterCase("a colour that is left on", "\(esc)[31mred", "\(esc)[31mred\(reset)"),
    FilterCase("an indexed colour", "\(esc)[38;5;208mx\(esc)[0m", "\(esc)[38;5;208mx\(esc)[0m"),
    FilterCase("a true colour with colons", "\(esc)[38:2::255:100:0mx\(esc)[m", "\(esc)[38:2::255:100:0mx\(esc)[m"),
    FilterCase(
        "cursor movement", "\(esc)[A\(esc)[2B\(esc)[3C\(esc)[4D\(esc)[E\(esc)[F\(esc)[7G\(esc)[2;3H\(esc)[4d",
        "\(esc)[A\(esc)[2B\(esc)[3C\(esc)[4D\(esc)[E\(esc)[F\(esc)[7G\(esc)[2;3H\(esc)[4d"),
    FilterCase("the cursor far away", "\(esc)[9999;9999H\(esc)[999f", "\(esc)[9999;9999H\(esc)[999f"),
    FilterCase(
        "erasing", "\(esc)[J\(esc)[1J\(esc)[2J\(esc)[K\(esc)[2K\(esc)[5X",
        "\(esc)[J\(esc)[1J\(esc)[2J\(esc)[K\(esc)[2K\(esc)[5X"),
    FilterCase(
        "inserting, deleting, scrolling", "\(esc)[2L\(esc)[3M\(esc)[P\(esc)[@\(esc)[S\(esc)[T\(esc)[Z",
        "\(esc)[2L\(esc)[3M\(esc)[P\(esc)[@\(esc)[S\(esc)[T\(esc)[Z"),
    FilterCase("a repeated character", "-\(esc)[20b", "-\(esc)[20b"),
    FilterCase("saving the cursor", "\(esc)7\(esc)8\(esc)[s\(esc)[u", "\(esc)7\(esc)8\(esc)[s\(esc)[u"),
    FilterCase("index, reverse index, next line", "\(esc)D\(esc)M\(esc)E", "\(esc)D\(esc)M\(esc)E"),
    FilterCase("a scroll region that is left set", "\(esc)[2;10r", "\(esc)[2;10r\(esc)7\(esc)[r\(esc)8"),
    FilterCase(
        "a full-screen program", "\(esc)[?1049h\(esc)[22;0;0t\(esc)[?1h\(esc)=x\(esc)[?1l\(esc)>\(esc)[?1049l",
        "\(esc)[?1049h\(esc)[?1h\(esc)=x\(esc)[?1l\(esc)>\(esc)[?1049l"),
    FilterCase(
        "a full-screen program that was killed", "\(esc)[?1049h\(esc)[?25lx",
        "\(esc)[?1049h\(esc)[?25lx\(esc)[?1049l\(esc)[?25h"),
    FilterCase("bracketed paste that is left on", "\(esc)[?2004h$ ", "\(esc)[?2004h$ \(esc)[?2004l"),
    FilterCase("an allowed mode beside mouse reports", "\(esc)[?1006;25h", "\(esc)[?25h"),
    FilterCase("line drawing", "\(esc)(0lqk\(esc)(B", "\(esc)(0lqk\(esc)(B"),
    FilterCase("line drawing that is left on", "\(esc)(0lqk", "\(esc)(0lqk\(esc)(B"),
    FilterCase("line drawing by shift", "\(esc))0\u{0E}lqk\u{0F}", "\(esc))0\u{0E}lqk\u{0F}\(esc))B"),
    FilterCase("the shape of the cursor", "\(esc)[4 q", "\(esc)[4 q\(esc)[0 q"),
    FilterCase("insert mode", "\(esc)[4hx\(esc)[4l", "\(esc)[4hx\(esc)[4l"),
    FilterCase("a progress bar", "\r[###  ]\(esc)[K\r[#### ]\(esc)[K\r\n", "\r[###  ]\(esc)[K\r[#### ]\(esc)[K\r\n"),
]

/// What acts on the terminal or makes it answer; rows T04 and its neighbours of the threat list.
let hostileInputs: [FilterCase] = [
    FilterCase("OSC 52 writes the clipboard", "a\(esc)]52;c;aGVsbG8=\u{7}b", "a␛]52;c;aGVsbG8=b"),
    FilterCase("OSC 52 ended by ST", "a\(esc)]52;c;aGVsbG8=\(esc)\\b", "a␛]52;c;aGVsbG8=b"),
    FilterCase("OSC 52 reads the clipboard", "\(esc)]52;c;?\u{7}", "␛]52;c;?"),
    FilterCase(
        "a long clipboard", "\(esc)]52;c;" + String(repeating: "A", count: 9_000) + "\u{7}b",
        "␛]52;c;AAAAAAAAAAAAAAAAAA…b"),
    FilterCase("a title", "\(esc)]0;rm -rf\u{7}\(esc)]1;i\u{7}\(esc)]2;t\u{7}", "␛]0;rm -rf␛]1;i␛]2;t"),
    FilterCase("a hyperlink", "\(esc)]8;;https://x\(esc)\\text\(esc)]8;;\(esc)\\", "␛]8;;https://xtext␛]8;;"),
    FilterCase("colour queries", "\(esc)]4;1;?\u{7}\(esc)]10;?\u{7}\(esc)]11;?\u{7}", "␛]4;1;?␛]10;?␛]11;?"),
    FilterCase("a font query", "\(esc)]50;?\u{7}", "␛]50;?"),
    FilterCase("notifications", "\(esc)]9;m\u{7}\(esc)]777;notify;a;b\u{7}", "␛]9;m␛]777;notify;a;b"),
    FilterCase("a file for iTerm", "\(esc)]1337;File=:AAAA\u{7}", "␛]1337;File=:AAAA"),
    FilterCase("the working directory", "\(esc)]7;file://h/d\u{7}", "␛]7;file://h/d"),
    FilterCase("an OSC holding escapes of its own", "\(esc)]0;\u{202E}é\u{1}\u{7}", "␛]0;??????"),
    FilterCase("DECRQSS", "\(esc)P$q\"p\(esc)\\", "␛P$q\"p"),
    FilterCase("sixel", "\(esc)Pq#0;2;0;0;0~-\(esc)\\x", "␛Pq#0;2;0;0;0~-x"),
    FilterCase("tmux pass-through", "\(esc)Ptmux;\(esc)\(esc)]52;c;QQ==\u{7}\(esc)\\x", "␛Ptmux;␛␛]52;c;QQ==x"),
    FilterCase("XTGETTCAP", "\(esc)P+q544e\(esc)\\", "␛P+q544e"),
    FilterCase("kitty graphics", "\(esc)_Ga=T;AAAA\(esc)\\x", "␛_Ga=T;AAAAx"),
    FilterCase("a privacy message", "\(esc)^secret\(esc)\\x", "␛^secretx"),
    FilterCase("a start of string", "\(esc)Xabc\(esc)\\x", "␛Xabcx"),
    FilterCase("the title of screen", "\(esc)ktitle\(esc)\\x", "␛ktitlex"),
    FilterCase("an OSC that never ends, then a line", "\(esc)]0;abc\nnext\n", "␛]0;abc…\nnext\n"),
    FilterCase("an OSC that never ends at all", "\(esc)]0;abc", "␛]0;abc…"),
    FilterCase("an OSC that another sequence breaks off", "\(esc)]0;abc\(esc)[31mx", "␛]0;abc\(esc)[31mx\(reset)"),
    FilterCase("an OSC that CAN breaks off", "\(esc)]0;abc\u{18}x", "␛]0;abcx"),
    FilterCase("status and position queries", "\(esc)[5n\(esc)[6n\(esc)[?6n", "␛[5n␛[6n␛[?6n"),
    FilterCase("device attributes", "\(esc)[c\(esc)[0c\(esc)[>c\(esc)[=c", "␛[c␛[0c␛[>c␛[=c"),
    FilterCase("terminal parameters", "\(esc)[x\(esc)[1x", "␛[x␛[1x"),
    FilterCase("window operations", "\(esc)[21t\(esc)[8;50;200t\(esc)[14t", "␛[21t␛[8;50;200t␛[14t"),
    FilterCase("mode queries", "\(esc)[?2026$p\(esc)[4$p", "␛[?2026$p␛[4$p"),
    FilterCase("the version query", "\(esc)[>q\(esc)[>0q", "␛[>q␛[>0q"),
    FilterCase("media copy", "\(esc)[5i\(esc)[?5i\(esc)[i", "␛[5i␛[?5i␛[i"),
    FilterCase("highlight tracking hidden in a scroll", "\(esc)[1;1;1;1;5T", "␛[1;1;1;1;5T"),
    FilterCase("left and right margins", "\(esc)[2;5s", "␛[2;5s"),
    FilterCase("rectangle checksum", "\(esc)[1;1;1;1;1;1*y", "␛[1;1;1;1;1;1*y"),
    FilterCase("two intermediate bytes", "\(esc)[ $qx", "␛[ $qx"),
    FilterCase("a private colour form", "\(esc)[>4;2mx\(esc)[?4mx", "xx"),
    FilterCase("mouse reports", "\(esc)[?1000h\(esc)[?1002h\(esc)[?1003;1006hx", "x"),
    FilterCase("focus reports, VT52, 132 columns", "\(esc)[?1004h\(esc)[?2l\(esc)[?3hx", "x"),
    FilterCase("keyboard lock and line feed mode", "\(esc)[2h\(esc)[20hx", "x"),
    FilterCase("erasing the scrollback", "\(esc)[3Jx", "x"),
    FilterCase("a parameter that is too large", "\(esc)[99999999999999999999A", "␛[99999999999999999999A"),
    FilterCase("a parameter of leading zeros", "\(esc)[000001A", "␛[000001A"),
    FilterCase("a million repetitions", "x\(esc)[1000000b\(esc)[32000b", "x␛[1000000b␛[32000b"),
    FilterCase(
        "a colour of forty parts", "\(esc)[" + String(repeating: "1;", count: 40) + "m",
        "␛[1;1;1;1;1;1;1;1;1;1;1;1…"),
    FilterCase(
        "a control sequence that never ends", "\(esc)[" + String(repeating: "1", count: 5_000) + "mx",
        "␛[11111111111111111111111…x"),
    FilterCase("a control sequence that a line breaks off", "\(esc)[31\nmx", "␛[31\nmx"),
    FilterCase("a control sequence that a control byte breaks off", "\(esc)[3\u{5}1m", "␛[3␅1m"),
    FilterCase("a control sequence inside another", "\(esc)[3\(esc)[31mx", "␛[3\(esc)[31mx\(reset)"),
    FilterCase("a control sequence that the end breaks off", "\(esc)[31", "␛[31"),
    FilterCase("a full reset", "\(esc)cx", "␛cx"),
    FilterCase("who are you", "\(esc)Zx", "␛Zx"),
    FilterCase("leaving UTF-8", "\(esc)%@\u{DB}", "␛%@\u{DB}"),
    FilterCase("eight-bit controls on", "\(esc) Gx", "␛ Gx"),
    FilterCase("a screen full of E", "\(esc)#8", "␛#8"),
    FilterCase("other character sets", "\(esc)(A\(esc)*0\(esc)-A", "␛(A␛*0␛-A"),
    FilterCase("shifts of one character", "\(esc)Nx\(esc)Oy", "␛Nx␛Oy"),
    FilterCase("ESC at the end", "x\(esc)", "x␛"),
    FilterCase("ESC and a letter of two bytes", "\(esc)é", "␛é"),
    FilterCase("answerback", "\u{5}", "␅"),
    FilterCase("the bell, NUL and DEL", "a\u{7}\u{0}\u{7F}b", "ab"),
    FilterCase("other control bytes", "\u{1}\u{B}\u{C}\u{11}\u{13}\u{18}\u{1A}\u{1C}", "␁␋␌␑␓␘␚␜"),
    FilterCase(
        "C1 bytes", [0x61, 0x9B, 0x36, 0x6E, 0x9D, 0x35, 0x32, 0x90, 0x85, 0x62],
        "a\u{FFFD}6n\u{FFFD}52\u{FFFD}\u{FFFD}b"),
    FilterCase("C1 as characters", "\u{9B}6n\u{9D}0;t\u{9C}\u{85}", "\\u{9b}6n\\u{9d}0;t\\u{9c}\\u{85}"),
    FilterCase(
        "bidirectional overrides", "a\u{202E}b\u{202A}\u{2066}c\u{2069}\u{200E}\u{200F}\u{61C}",
        "a\\u{202e}b\\u{202a}\\u{2066}c\\u{2069}\\u{200e}\\u{200f}\\u{61c}"),
    FilterCase("tags", "a\u{E0001}\u{E0041}\u{E007F}", "a\\u{e0001}\\u{e0041}\\u{e007f}"),
    FilterCase("text in variation selectors", "a\u{E0100}\u{E01EF}", "a\\u{e0100}\\u{e01ef}"),
    FilterCase("line and paragraph separators", "\u{2028}\u{2029}", "\\u{2028}\\u{2029}"),
    FilterCase("an overlong ESC", [0xC0, 0x9B, 0x5B, 0x36, 0x6E], "\u{FFFD}\u{FFFD}[6n"),
    FilterCase("an overlong ESC in three bytes", [0xE0, 0x80, 0x9B, 0x5B], "\u{FFFD}\u{FFFD}\u{FFFD}["),
    FilterCase("a surrogate", [0xED, 0xA0, 0x80], "\u{FFFD}\u{FFFD}\u{FFFD}"),
    FilterCase("past the last character", [0xF4, 0x90, 0x80, 0x80, 0xF5], "\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}"),
    FilterCase("a character that ESC breaks off", [0xE2, 0x82, 0x1B, 0x5B, 0x36, 0x6E], "\u{FFFD}␛[6n"),
    FilterCase("a character that the end breaks off", [0x61, 0xF0, 0x9F], "a\u{FFFD}"),
    FilterCase(
        "marks in a program's picture", "\(esc)[?1049h\(esc)]11;?\u{7}\(esc)[c\(esc)P+q4\(esc)\\x\(esc)[?1049l\(esc)[c",
        "\(esc)[?1049hx\(esc)[?1049l␛[c"),
    // Dropping the inner sequence must not let the outer halves meet.
    FilterCase("halves round a dropped sequence", "\(esc)\(esc)[?1000h]52;c;QQ==\u{7}", "␛]52;c;QQ=="),
    FilterCase("halves round a dropped byte", "\(esc)\u{0}]52;c;QQ==\u{7}\(esc)[\u{7}6n", "␛]52;c;QQ==␛[6n"),
]
