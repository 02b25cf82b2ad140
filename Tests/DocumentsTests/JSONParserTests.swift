// SPDX-License-Identifier: Apache-2.0
import Documents
import Testing

@Suite("strict JSON")
struct JSONParserTests {
    private func parse(_ text: String) throws(JSONParser.Failure) -> JSON { try JSONParser.parse(Array(text.utf8)) }

    @Test(
        "reads what the writer wrote",
        arguments: [
            .null, .bool(true), .int(-12), .double(1.5), .string("a\"\\\n\u{1b}\u{202e}é\u{1F600}"), .array([]),
            .object([]), .array([.int(1), .object([.init("k", .array([.null]))])]),
        ] as [JSON])
    func roundTrip(_ value: JSON) throws {
        #expect(try JSONParser.parse(JSONWriter().write(value)) == value)
        #expect(try JSONParser.parse(JSONWriter(pretty: true).write(value)) == value)
    }

    @Test("reads escapes, pairs of surrogates included")
    func escapes() throws {
        #expect(try parse(#""\u0041\ud83d\ude00\/""#) == .string("A\u{1F600}/"))
    }

    @Test(
        "refuses what is not JSON",
        arguments: [
            "", " ", "{", "[1,]", "{\"a\":1,}", "{\"a\":1,\"a\":2}", "01", "+1", "1.", ".5", "1e", "nul", "'a'",
            "\"\t\"",
            "\"\\x\"", "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\udc00\"", "1 2", "[1", "\"", "NaN", "1e999",
            "\u{feff}1",
        ])
    func refuses(_ text: String) {
        #expect(throws: JSONParser.Failure.self) { try parse(text) }
    }

    @Test("refuses text that is no UTF-8, and depth without end")
    func hostile() {
        #expect(throws: JSONParser.Failure.self) { try JSONParser.parse([0x22, 0xC0, 0x80, 0x22]) }
        let deep = String(repeating: "[", count: 100_000)
        #expect(throws: JSONParser.Failure.self) { try parse(deep) }
    }
}
