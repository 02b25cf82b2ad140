// SPDX-License-Identifier: Apache-2.0
import Blueprints
import Documents
import Foundation
import Testing

/// Rewritten by SALLYPORT_REWRITE_GOLDENS, as the golden files are.
@Suite("blueprint key reference")
struct BlueprintReferenceTests {
    private static let rewrites = ProcessInfo.processInfo.environment["SALLYPORT_REWRITE_GOLDENS"] != nil

    private func url(_ path: String) -> URL { BlueprintFixtures.repository.appendingPathComponent(path) }

    @Test("profiles/blueprint-schema.json is what the decoder makes")
    func schema() throws {
        let file = url("profiles/blueprint-schema.json")
        let expected = BlueprintReference.schema.prettyText + "\n"
        if Self.rewrites { try expected.write(to: file, atomically: true, encoding: .utf8) }
        #expect(try String(contentsOf: file, encoding: .utf8) == expected)
    }

    @Test("docs/blueprints.md holds the table that the decoder makes")
    func table() throws {
        let file = url("docs/blueprints.md")
        let page = try String(contentsOf: file, encoding: .utf8)
        let (begin, end) = ("<!-- keys: written by the tests of the decoder -->\n", "<!-- end of keys -->")
        let parts = page.components(separatedBy: begin)
        let rest = try #require(parts.last).components(separatedBy: end)
        try #require(parts.count == 2 && rest.count == 2)
        let expected = parts[0] + begin + BlueprintReference.table + end + rest[1]
        if Self.rewrites { try expected.write(to: file, atomically: true, encoding: .utf8) }
        #expect(page == expected || Self.rewrites)
        #expect(rest[0].split(separator: "\n").count > 60 || Self.rewrites)
    }

    /// A text in which one key has a value that no key takes.
    private func text(_ key: BlueprintKey, _ wrong: String) -> String {
        let value = key.section.isEmpty ? "\(key.name): \(wrong)" : "\(key.name): \(wrong)"
        switch key.section {
        case "": return value
        case "pipeline.custom_steps[]", "pipeline.step_sequence[]":
            let list = key.section.split(separator: ".")[1].dropLast(2)
            return "pipeline: {\(list): [{\(value)}]}"
        default:
            return key.section.split(separator: ".").reversed().reduce(value) { "\($1): {\($0)}" }
        }
    }

    @Test("every key of every section is decoded: a wrong value is refused by the key's own name")
    func decoded() throws {
        var seen = 0
        for key in BlueprintKey.all {
            // No key takes a mapping with a key of this name, nor a list of lists of such.
            let flaws = BlueprintFixtures.flaws(text(key, "[[{zzz: 1}]]"))
            let path = key.path.replacingOccurrences(of: "[]", with: "[0]")
            #expect(
                flaws.contains { $0.message.hasPrefix(path) && !$0.message.contains("is missing") },
                "\(path): \(flaws.map(\.message))")
            seen += 1
        }
        #expect(seen > 70)
    }

    @Test(
        "the schema knows the keys of every example, at every depth",
        arguments: ["python-service", "local-review", "own-order"])
    func examples(_ name: String) throws {
        let text = try String(contentsOf: url("profiles/blueprints/\(name).yaml"), encoding: .utf8)
        try check(try Node.read(Array(text.utf8), file: name), BlueprintReference.schema, name)
    }

    private func check(_ node: Node, _ schema: JSON, _ path: String) throws {
        switch node.value {
        case .scalar: break
        case .sequence(let items): for item in items { try check(item, schema["items"] ?? .object([]), path + "[]") }
        case .mapping(let entries):
            guard let properties = schema["properties"] else { return }
            for entry in entries {
                let inner = try #require(properties[entry.key], "\(path).\(entry.key)")
                try check(entry.value, inner, "\(path).\(entry.key)")
            }
        }
    }
}
