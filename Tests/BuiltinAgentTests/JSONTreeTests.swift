// SPDX-License-Identifier: Apache-2.0
import BuiltinAgent
import Documents
import Testing

@Suite("JSON of the built-in agent")
struct JSONTreeTests {
    private static func read(_ text: String) -> JSONTree? {
        do { return try JSONReader.read(Array(text.utf8)) } catch { return nil }
    }

    @Test(
        "reads and writes the same value",
        arguments: [
            "null", "true", "[]", "{}", "[1,-0,2.5e+10,-3]", #"{"a":[{"b":""}],"c":false}"#,
            #""\" \\ \n \r \t \u0001 é 😀""#,
        ])
    func roundTrip(_ text: String) throws {
        let tree = try JSONReader.read(Array(text.utf8))
        #expect(String(decoding: tree.text, as: UTF8.self) == text)
        // Another reader of ours sees the same.
        #expect(throws: Never.self) { try JSONParser.parse(tree.text) }
    }

    @Test("takes every escape and all white space")
    func escapes() {
        #expect(Self.read(" \t\r\n\"\\u0041\\ud83d\\ude00\\/\\b\\f\" ") == .string("A😀/\u{8}\u{C}"))
    }

    @Test(
        "refuses what is not JSON of one meaning",
        arguments: [
            "", " ", "nul", "[1,]", "[1 2]", "{\"a\":1,}", "{\"a\" 1}", "{a:1}", "{\"a\":1,\"a\":2}",
            "{\"a\":1,\"\\u0061\":2}",
            "01", "1.", "+1", "-", "1e", ".5", "\"", "\"\u{1}\"", "\"\\x\"", "\"\\ud800\"", "\"\\ud800\\u0041\"",
            "\"\\udc00\"",
            "\"\\u00g0\"", "1 2", "[", "{\"a\":", "NaN",
        ])
    func flaws(_ text: String) { #expect(Self.read(text) == nil) }

    @Test("refuses bytes that are no UTF-8, and what is too long, too deep or too much")
    func limits() throws {
        #expect(throws: JSONReader.Flaw.self) { try JSONReader.read([0x22, 0xC0, 0x80, 0x22]) }
        // A cut character is mended to as many bytes as it had: its length alone would not tell.
        #expect(throws: JSONReader.Flaw.self) { try JSONReader.read([0x22, 0xF0, 0x9F, 0x98, 0x22]) }
        var limits = JSONReader.Limits()
        limits.depth = 3
        #expect(try JSONReader.read(Array("[[[1]]]".utf8), limits: limits).array?.count == 1)
        #expect(throws: JSONReader.Flaw.self) { try JSONReader.read(Array("[[[[1]]]]".utf8), limits: limits) }
        limits.values = 3
        #expect(throws: JSONReader.Flaw.self) { try JSONReader.read(Array("[1,2,3]".utf8), limits: limits) }
        limits.bytes = 4
        #expect(throws: JSONReader.Flaw.self) { try JSONReader.read(Array("[1,2]".utf8), limits: limits) }
        let deep = [UInt8](repeating: 0x5B, count: 1 << 20)
        #expect(throws: JSONReader.Flaw.self) { try JSONReader.read(deep) }
    }

    /// Texts that look like JSON and often are none: the two readers must not differ in what they take. Without exponents,
    /// whose size the other one limits.
    @Test("takes what the host's own reader takes")
    func agreement() {
        var random = SystemRandomNumberGenerator()
        let pieces = [
            "{", "}", "[", "]", ",", ":", "\"a\"", "\"b\"", "1", "-2.5", "0", "true", "false", "null", " ",
            "\"\\n\"",
            "\"\\ud83d\\ude00\"", "\"\\ud83d\"", "é", "\"é\"", "\u{1}", "01",
        ]
        var taken = 0
        for _ in 0..<20_000 {
            let text = (0..<Int.random(in: 1...9, using: &random)).map { _ in pieces.randomElement(using: &random)! }
                .joined()
            let mine = Self.read(text) != nil
            var theirs = true
            do { _ = try JSONParser.parse(Array(text.utf8)) } catch { theirs = false }
            #expect(mine == theirs, "\(text)")
            taken += mine ? 1 : 0
        }
        #expect(taken > 100)
    }

    @Test("numbers are whole only where they are spelled so", arguments: [("7", 7), ("-12", -12), ("0", 0)])
    func whole(_ text: String, _ value: Int) { #expect(JSONTree.number(text).int == value) }

    @Test("and not otherwise", arguments: ["1.0", "1e2", "9999999999999999999", "-"])
    func notWhole(_ text: String) { #expect(JSONTree.number(text).int == nil) }
}
