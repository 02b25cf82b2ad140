// SPDX-License-Identifier: Apache-2.0
import Documents
import Testing

@Suite("JSON")
struct JSONTests {
    @Test(
        "escapes what acts on a terminal or ends a line",
        arguments: [
            ("a\"b\\c", #""a\"b\\c""#), ("\n\r\t", #""\n\r\t""#), ("\u{1B}[31m", #""\u001b[31m""#),
            ("\u{0}\u{1F}\u{7F}", #""\u0000\u001f\u007f""#), ("\u{85}\u{9B}", #""\u0085\u009b""#),
            ("\u{2028}\u{2029}", #""\u2028\u2029""#), ("\u{202E}\u{2066}", #""\u202e\u2066""#),
            ("\u{FEFF}\u{FFFF}", #""\ufeff\uffff""#), ("é😀/", "\"é😀/\""),
        ])
    func escapes(text: String, json: String) {
        #expect(JSON.string(text).compactText == json)
    }

    static let sample: JSON = [
        "version": 1, "none": nil, "flags": [true, false], "text": "a\u{0}\u{1B}\n\u{2028}é😀\"\\/<<: &x",
        "numbers": [0, -7, .int(.max), .int(.min), .double(1.5), .double(1e300), .double(-2.5e-7)],
        "empty": [[], [:], ""], "no": "no", "1": "1", "- x": "# y", "a: b": "*c",
    ]

    @Test("keeps the order of members and has two forms")
    func forms() {
        let value: JSON = ["b": 1, "a": [1, "x"], "c": [:]]
        #expect(value.compactText == #"{"b":1,"a":[1,"x"],"c":{}}"#)
        #expect(
            value.prettyText == """
                {
                  "b": 1,
                  "a": [
                    1,
                    "x"
                  ],
                  "c": {}
                }
                """)
    }

    @Test("reads back what it wrote", arguments: [true, false])
    func roundTrip(pretty: Bool) throws {
        let bytes = JSONWriter(pretty: pretty).write(Self.sample)
        #expect(try JSON.read(bytes, file: "r.json") == Self.sample)
    }

    @Test("reads back every character of the basic plane and some beyond")
    func everyCharacter() throws {
        let scalars = (Array(0...0xFFFF) + Array(0x1F300...0x1F5FF) + [0x10FFFF]).compactMap { Unicode.Scalar($0) }
        #expect(scalars.count > 63_000)
        for start in stride(from: 0, to: scalars.count, by: 512) {
            var text = String.UnicodeScalarView()
            text.append(contentsOf: scalars[start..<min(start + 512, scalars.count)])
            let value = JSON.array([.string(String(text))])
            let back = try JSON.read(JSONWriter().write(value), file: "r.json")
            // Compared by scalars: string equality would forgive a changed composition.
            #expect(back.arrayValue?.first?.stringValue.map { Array($0.unicodeScalars) } == Array(text))
        }
    }

    @Test("reads a member longer than a YAML key may be")
    func longMember() throws {
        let value: JSON = ["text": .string(String(repeating: "x", count: 5000)), "after": 1]
        #expect(try JSON.read(JSONWriter().write(value), file: "r.json") == value)
    }

    @Test("never rounds: a number over Int is its decimal text, one that is not finite is null")
    func numbers() {
        #expect(JSON.number(UInt64.max).compactText == "\"18446744073709551615\"")
        #expect(JSON.number(UInt64(7)).compactText == "7")
        #expect(JSON.double(.infinity).compactText == "null")
        #expect(JSON.double(.nan).compactText == "null")
    }

    @Test("replaces invalid UTF-8")
    func invalidText() {
        #expect(JSON.text([0x61, 0xFF, 0x62]).compactText == "\"a\u{FFFD}b\"")
    }

    @Test("refuses a bare word", arguments: ["no", "nan", "inf", "0x10", "+1", ".5", "~", "True", "1_000"])
    func bareWord(_ word: String) {
        let error = #expect(throws: DocumentError.self) { try JSON.read(Array("[\(word)]".utf8), file: "r.json") }
        #expect(error?.code == .wrongType)
    }
}
