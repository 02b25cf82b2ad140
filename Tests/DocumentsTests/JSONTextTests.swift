// SPDX-License-Identifier: Apache-2.0
import Documents
import Testing

@Suite("JSON that is looked at where it lies")
struct JSONTextTests {
    private func read(_ text: String, depth: Int = 8, values: Int = 1000) throws(JSONText.Flaw) -> JSONText {
        try JSONText(Array(text.utf8), limits: .init(depth: depth, values: values))
    }

    @Test("finds values by name and place, and says where they stand")
    func values() throws {
        let text = try read(#" {"a":[1,{"b":"x\ny"},[]],"\u0063":null, "d":{"a":true},"e":-1.5e3} "#)
        let root = text.root
        #expect(root.kind == .object && root.members.map(\.name) == ["a", "c", "d", "e"])
        let list = try #require(root["a"])
        #expect(list.elements.map(\.kind) == [.number, .object, .array])
        #expect(Array(list.elements)[0].int == 1 && Array(list.elements)[1]["b"]?.string == "x\ny")
        #expect(root["c"]?.isNull == true && root["d"]?["a"]?.bool == true && root["b"] == nil)
        #expect(root["e"]?.int == nil && root["e"]?.kind == .number)
        #expect(String(decoding: text.bytes[list.range], as: UTF8.self) == #"[1,{"b":"x\ny"},[]]"#)
        #expect(root.string == nil && list["a"] == nil && Array(root.elements).isEmpty && list.members.isEmpty)
    }

    @Test("refuses a name twice in one object, however it is spelled")
    func duplicates() throws {
        _ = try read(#"{"a":{"a":1},"b":1}"#)
        for text in [
            #"{"a":1,"a":1}"#, #"{"a":1,"\u0061":1}"#, #"{"\u0061":1,"a":1}"#, #"{"/":1,"\/":1}"#,
            #"{"é":1,"\u00e9":1}"#,
        ] {
            #expect(throws: JSONText.Flaw.self) { try read(text) }
        }
        let many = (0..<100).map { "\"n\($0)\":1" }.joined(separator: ",")
        _ = try read("{\(many)}")
        for name in ["n0", "n50", "n99"] { #expect(throws: JSONText.Flaw.self) { try read("{\(many),\"\(name)\":1}") } }
    }

    @Test("holds to its limits of depth and of values")
    func limits() throws {
        _ = try read("[[1]]", depth: 2)
        #expect(throws: JSONText.Flaw.self) { try read("[[[1]]]", depth: 2) }
        _ = try read("[1,{\"a\":2}]", values: 5)
        #expect(throws: JSONText.Flaw.self) { try read("[1,{\"a\":2}]", values: 4) }
    }

    @Test("says where a text stops being JSON")
    func places() {
        for (text, offset) in [("[1,]", 3), ("{\"a\" 1}", 5), ("[1] x", 4), ("\"\\u12x4\"", 5), ("nul", 3)] {
            do throws(JSONText.Flaw) {
                _ = try read(text)
                Issue.record("\(text) was read")
            } catch { #expect(error.offset == offset, "\(text): \(error)") }
        }
    }
}
