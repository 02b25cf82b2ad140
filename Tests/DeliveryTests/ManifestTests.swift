// SPDX-License-Identifier: Apache-2.0
import Delivery
import Testing

@Suite("manifest")
struct ManifestTests {
    static let digest = String(repeating: "ab", count: 32)

    static func text(files: String = "", directories: String = "") -> String {
        let required = ["audit.jsonl", "evidence.json"].map {
            entry($0, kind: $0 == "audit.jsonl" ? "audit" : "evidence")
        }
        return """
            {
              "version": 1,
              "task": "t",
              "audit": {
                "file": "audit.jsonl",
                "records": 2,
                "head": "\(digest)"
              },
              "directories": [\(directories)],
              "files": {
            \((required + (files.isEmpty ? [] : [files])).joined(separator: ",\n"))
              }
            }

            """
    }

    static func entry(
        _ path: String, kind: String = "other", source: String = "observed", size: String = "3", digest: String = digest
    ) -> String {
        """
            "\(path)": {
              "kind": "\(kind)",
              "source": "\(source)",
              "size": \(size),
              "sha256": "\(digest)"
            }
        """
    }

    @Test("what is written is read back")
    func roundTrip() throws {
        let text = Self.text(files: Self.entry("z/file", size: "0"), directories: "\n    \"z\"\n  ")
        let manifest = try Manifest(Array(text.utf8))
        #expect(manifest.bytes == Array(text.utf8))
        #expect(manifest.files["z/file"] == .init(kind: .other, size: 0, digest: Self.digest))
        #expect(manifest.directories == ["z"] && manifest.audit.records == 2)
    }

    @Test(
        "a name that leads anywhere else is refused",
        arguments: [
            "/etc/passwd", "../z", "z/../../y", "z//y", "z/.", ".", "..", "z/", "", "z\\\\y", "z\\u0000", "z\\ny", "zü",
            "manifest.json", "evidence.dsse.json", String(repeating: "z/", count: 16) + "z",
            String(repeating: "z", count: 256),
        ])
    func names(_ name: String) throws {
        #expect(throws: Flaw.self) { try Manifest(Array(Self.text(files: Self.entry(name)).utf8)) }
        let directories = "\n    \"\(name)\"\n  "
        if !name.contains(".json") {
            #expect(throws: Flaw.self) { try Manifest(Array(Self.text(directories: directories).utf8)) }
        }
    }

    @Test(
        "an entry that is no plain statement is refused",
        arguments: [
            entry("z", kind: "nothing"), entry("z", source: "claimed"), entry("z", size: "-1"), entry("z", size: "3.0"),
            entry("z", size: "1e3"), entry("z", size: "03"), entry("z", size: "99999999999999999999"),
            entry("z", size: "null"), entry("z", digest: "AB"), entry("z", digest: digest.uppercased()),
            entry("z") + ",\n" + entry("z"), entry("z") + ",\n" + entry("y"),
            entry("z").replacing("size", with: "more"),
        ])
    func entries(_ entry: String) {
        #expect(throws: Flaw.self) { try Manifest(Array(Self.text(files: entry).utf8)) }
    }

    @Test("other bytes than those written are refused, and so is a manifest without evidence or audit")
    func spelling() {
        let text = Self.text()
        for other in [
            text + " ", String(text.dropLast()), text.replacing("\"records\": 2", with: "\"records\": 0"),
            text.replacing("\"version\": 1", with: "\"version\": 2"), text.replacing("  \"task\"", with: " \"task\""),
            text.replacing("evidence.json", with: "evidencd.json"), "", "[]", "{}", "{\"version\": 1}",
        ] {
            #expect(throws: Flaw.self, "\(other)") { try Manifest(Array(other.utf8)) }
        }
        #expect(throws: Flaw.self) { try Manifest(Array(String(repeating: "[", count: 100_000).utf8)) }
    }

    @Test("the kind of a file follows from its name, and says who wrote it")
    func kinds() {
        let expected: [(String, FileKind, FileKind.Source)] = [
            ("prompt.md", .prompt, .given), ("work.log", .log, .claimed), ("frames.jsonl", .frames, .claimed),
            ("work.result.json", .record, .observed), ("work.plan.json", .plan, .observed),
            ("work.audit.jsonl", .network, .observed), ("audit.jsonl", .audit, .observed),
            ("work.git.jsonl", .repository, .observed), ("uses.jsonl", .uses, .observed),
            ("work.model.jsonl", .model, .observed), ("work.model-transcript.jsonl", .transcript, .claimed),
            ("result.git/work.log", .result, .observed), ("work.bundle", .received, .claimed),
            ("declared/x.log", .declared, .claimed), ("x/work.log", .other, .observed), ("x", .other, .observed),
        ]
        for (path, kind, source) in expected {
            #expect(FileKind(path: path) == kind && kind.source == source, "\(path)")
        }
    }
}

extension String {
    fileprivate func replacing(_ other: String, with new: String) -> String {
        guard let start = indices.first(where: { self[$0...].hasPrefix(other) }) else { return self }
        return String(self[..<start]) + new + String(self[index(start, offsetBy: other.count)...])
    }
}
