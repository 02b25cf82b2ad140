// SPDX-License-Identifier: Apache-2.0
import Documents
import Foundation
import Policy
import Testing

/// Rewritten by SALLYPORT_REWRITE_GOLDENS, as the golden files are.
@Suite("key reference")
struct KeyReferenceTests {
    private static let rewrites = ProcessInfo.processInfo.environment["SALLYPORT_REWRITE_GOLDENS"] != nil

    private func url(_ path: String) -> URL { ProfileFixtures.repository.appendingPathComponent(path) }

    @Test("profiles/schema.json is what the decoder makes")
    func schema() throws {
        let file = url("profiles/schema.json")
        let expected = KeyReference.schema.prettyText + "\n"
        if Self.rewrites { try expected.write(to: file, atomically: true, encoding: .utf8) }
        #expect(try String(contentsOf: file, encoding: .utf8) == expected)
    }

    @Test("docs/profiles.md holds the table that the decoder makes")
    func table() throws {
        let file = url("docs/profiles.md")
        let page = try String(contentsOf: file, encoding: .utf8)
        let (begin, end) = ("<!-- keys: written by the tests of the decoder -->\n", "<!-- end of keys -->")
        let parts = page.components(separatedBy: begin)
        let rest = try #require(parts.last).components(separatedBy: end)
        try #require(parts.count == 2 && rest.count == 2)
        let expected = parts[0] + begin + KeyReference.table + end + rest[1]
        if Self.rewrites { try expected.write(to: file, atomically: true, encoding: .utf8) }
        #expect(page == expected || Self.rewrites)
        #expect(rest[0].split(separator: "\n").count > 40 || Self.rewrites)
    }

    @Test("every known key of every section is decoded: a wrong value is refused by the key's own name")
    func decoded() throws {
        var seen = 0
        for key in ProfileKey.all {
            // No key takes a mapping with a key of this name, nor a list of such.
            let wrong = "[{zzz: 1}]"
            let text: String
            switch key.section {
            case "":
                text = key.name == "version" ? "version: \(wrong)\n" : "version: 1\nreason: x\n\(key.name): \(wrong)\n"
            case "egress.rules[]":
                let target =
                    ["host", "registry", "cidr", "socket", "deny"].contains(key.name)
                    ? ""
                    : key.name == "when_absent"
                        ? "registry: pip, "
                        : key.name == "max_names"
                            ? "host: \"*.a.example\", "
                            : key.name == "name" ? "socket: /run/a.sock, " : "host: a.example, "
                text =
                    "version: 1\nreason: x\negress: {rules: [{\(target)\(key.name == "reason" ? "" : "reason: x, ")\(key.name): \(wrong)}]}\n"
            case "egress.rules[].http":
                text =
                    "version: 1\nreason: x\negress: {rules: [{host: a.example, ports: [80], reason: x, http: {\(key.name): \(wrong)}}]}\n"
            default: text = "version: 1\nreason: x\n\(key.section): {\(key.name): \(wrong)}\n"
            }
            let error = #expect(throws: PolicyError.self, "\(key.path)") {
                try ProfileDocument.decode(Array(text.replacing("reason: x\nreason", with: "reason").utf8), file: "p")
            }
            #expect(error?.message.contains(key.name) == true, "\(key.path): \(error?.message ?? "")")
            seen += 1
        }
        #expect(seen > 40)
    }

    @Test("the schema closes every mapping, as the decoder does")
    func closed() throws {
        var open: [String] = []
        func walk(_ json: JSON, _ path: String) {
            if json["properties"] != nil, json["additionalProperties"] != false { open.append(path) }
            for member in json.objectValue ?? [] { walk(member.value, path + "/" + member.name) }
            for item in json.arrayValue ?? [] { walk(item, path) }
        }
        walk(KeyReference.schema, "")
        #expect(open.isEmpty)
        #expect(
            KeyReference.schema["properties"]?["egress"]?["properties"]?["rules"]?["items"]?["properties"]?["host"]
                != nil)
    }
}
