// SPDX-License-Identifier: Apache-2.0
import Documents
import Testing

@Suite("strict documents")
struct DocumentReaderTests {
    private func read(_ text: String) throws(DocumentError) -> Node { try Node.read(Array(text.utf8), file: "f.yaml") }

    @Test("knows the place of each key and value")
    func places() throws {
        let root = try read("a: 1\nlist:\n  - x\n  - \"y\"\n")
        guard case .mapping(let entries) = root.value, entries.count == 2 else {
            Issue.record("the document is no mapping of two keys")
            return
        }
        #expect(entries[0].key == "a")
        #expect(entries[0].keyPlace == Place(file: "f.yaml", line: 1, column: 1))
        #expect(entries[0].value == Node(.scalar("1", .plain), place: Place(file: "f.yaml", line: 1, column: 4)))
        guard case .sequence(let items) = entries[1].value.value else {
            Issue.record("list is no sequence")
            return
        }
        #expect(items.map { $0.value } == [.scalar("x", .plain), .scalar("y", .quoted)])
        #expect(items.map { $0.place.line } == [3, 4])
        #expect(items[1].place.description == "f.yaml:4")
    }

    struct Refusal: Sendable, CustomTestStringConvertible {
        var name: String
        var text: String
        var code: DocumentError.Code
        var line: Int
        var reason: String
        var testDescription: String { name }
    }

    static let refusals: [Refusal] = [
        .init(name: "nothing", text: "", code: .empty, line: 1, reason: "the document is empty"),
        .init(name: "only a comment", text: "# x\n", code: .empty, line: 2, reason: "the document is empty"),
        .init(
            name: "duplicate key", text: "a: 1\nb: 2\na: 3\n", code: .duplicateKey, line: 3,
            reason: "key \"a\" stands here a second time, first at f.yaml:1"),
        .init(
            name: "duplicate key in flow", text: "x: {a: 1,\n  \"a\": 2}\n", code: .duplicateKey, line: 2,
            reason: "key \"a\" stands here a second time, first at f.yaml:1"),
        .init(
            name: "anchor", text: "a: 1\nb: &x 2\n", code: .unsupported, line: 2,
            reason: "an anchor (&name) is not accepted here"),
        .init(
            name: "anchor on a list", text: "b: &x [1]\n", code: .unsupported, line: 1,
            reason: "an anchor (&name) is not accepted here"),
        .init(
            name: "alias", text: "a: 1\nb: *x\n", code: .unsupported, line: 2,
            reason: "an alias (*name) is not accepted here"),
        .init(
            name: "tag", text: "a: !!str 1\n", code: .unsupported, line: 1,
            reason: "a tag (!name) is not accepted here"),
        .init(
            name: "non-specific tag", text: "a: ! 1\n", code: .unsupported, line: 1,
            reason: "a tag (!name) is not accepted here"),
        .init(
            name: "tag on a mapping", text: "a: !x {b: 1}\n", code: .unsupported, line: 1,
            reason: "a tag (!name) is not accepted here"),
        .init(
            name: "merge key", text: "a:\n  <<: {b: 1}\n", code: .unsupported, line: 2,
            reason: "a merge key (<<) is not accepted here"),
        .init(
            name: "list as a key", text: "? [a]\n: 1\n", code: .unsupported, line: 1,
            reason: "a list as a key is not accepted here"),
        .init(
            name: "two documents", text: "a: 1\n---\nb: 2\n", code: .unsupported, line: 2,
            reason: "a second document is not accepted here"),
        .init(
            name: "directive", text: "%YAML 1.1\n---\na: 1\n", code: .unsupported, line: 1,
            reason: "a % directive is not accepted here"),
        .init(
            name: "escaped NUL", text: "a: 1\nb: \"x\\0y\"\n", code: .encoding, line: 2,
            reason: "the value holds an escaped NUL"),
        .init(name: "raw NUL", text: "a: 1\nb: \0\n", code: .encoding, line: 2, reason: "there is a NUL byte"),
        .init(
            name: "tab indent", text: "a:\n\tb: 1\n", code: .syntax, line: 2,
            reason: "found character that cannot start any token (while scanning for the next token)"),
        .init(
            name: "terminal escape", text: "a: 1\nb: 2\nc: \u{1B}[31m\n", code: .syntax, line: 3,
            reason: "control characters are not allowed"),
        .init(
            name: "unclosed list", text: "a: [1, 2\nb: 3\n", code: .syntax, line: 2,
            reason: "did not find expected ',' or ']' (while parsing a flow sequence)"),
        .init(
            name: "surrogate pair", text: #"a: "\ud83d\ude00""#, code: .syntax, line: 1,
            reason: "found invalid Unicode character escape code (while parsing a quoted scalar)"),
    ]

    @Test("refuses what a policy file must not hold, with its line", arguments: refusals)
    func refusal(_ c: Refusal) {
        let error = #expect(throws: DocumentError.self) { try read(c.text) }
        #expect(error?.code == c.code)
        #expect(error?.place.line == c.line)
        #expect(error?.reason == c.reason)
    }

    @Test("refuses invalid UTF-8 at its line and column")
    func encoding() {
        let bytes = Array("a: 1\nbc: x".utf8) + [0xC3, 0x28]
        let error = #expect(throws: DocumentError.self) { try Node.read(bytes, file: "f.yaml") }
        #expect(error?.code == .encoding)
        #expect(error?.place == Place(file: "f.yaml", line: 2, column: 6))
        #expect(
            error?.description
                == "cannot read f.yaml:2: the text is not valid UTF-8. Save the file as plain UTF-8 text.")
    }

    @Test("reads nesting of 32 and refuses 33")
    func depth() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        _ = try read(nested(32))
        let error = #expect(throws: DocumentError.self) { try read(nested(33)) }
        #expect(error?.code == .tooDeep)
        #expect(throws: DocumentError.self) { try read(nested(100_000)) }
    }

    @Test("reads 256 KiB and refuses one byte more")
    func size() throws {
        let text = "a: 1\n#" + String(repeating: "x", count: 256 * 1024 - 6)
        _ = try read(text)
        let error = #expect(throws: DocumentError.self) { try read(text + "x") }
        #expect(error?.code == .tooLarge)
    }

    @Test("keeps spellings apart that only Unicode calls equal")
    func normalisation() throws {
        guard case .mapping(let entries) = try read("\u{E9}: 1\ne\u{301}: 2\n").value else {
            Issue.record("no mapping")
            return
        }
        #expect(entries.count == 2)
    }
}
