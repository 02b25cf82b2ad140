// SPDX-License-Identifier: Apache-2.0
import Documents
import LinuxSystem
import Supervisor
import Testing

@Suite("a client's request")
struct RunDocumentTests {
    static var whole: RunDocument {
        var document = RunDocument(
            profileName: "strict", profile: .object([.init("version", 1)]), argv: [Array("true".utf8), [0xFF, 0xFE]],
            files: [
                .input, .output, .error, .mount(0), .export, .mirror, .quarantine, .record("plan.json"), .secret(3),
            ])
        document.variables = [Array("LANG=C".utf8)]
        document.set = [Array("A=1".utf8)]
        document.mounts = ["/run/x"]
        document.exportBytes = 7
        document.correlation = CorrelationID("ticket-1")
        document.git = ("/o/n", "refs/heads/a/*")
        document.model = (.object([]), "prices", "text")
        return document
    }

    @Test("reads back as what was written, names of other encodings included")
    func roundTrip() throws {
        let bytes = JSONWriter().write(Self.whole.json)
        #expect(JSONWriter().write(try RunDocument(bytes).json) == bytes)
        #expect(try RunDocument(bytes).argv == Self.whole.argv)
    }

    static let flaws: [(String, @Sendable (inout [JSON.Member]) -> Void, String)] = [
        ("another version", { set(&$0, "version", 2) }, "it is not of version 1"),
        ("no command", { set(&$0, "command", []) }, "its command is empty"),
        ("a NUL byte", { set(&$0, "command", ["YQBi"]) }, "has a NUL byte"),
        ("no base64", { set(&$0, "command", ["*"]) }, "\"command\" is no base64"),
        ("an unknown member", { $0.append(.init("uid", 0)) }, "the request has an unknown member \"uid\""),
        ("a member twice", { $0.append(.init("version", 1)) }, "it is no JSON"),
        ("an unknown file", { set(&$0, "files", ["stdin", "passwd"]) }, "a file for \"passwd\", which is nothing"),
        ("a file of a huge number", { set(&$0, "files", ["mount 64"]) }, "which is nothing"),
        ("a record that is none", { set(&$0, "files", ["record ../x"]) }, "which is nothing"),
        ("a mount without its file", { set(&$0, "mounts", []) }, "its mounts and their files do not go together"),
        ("an export without a cap", { $0.removeAll { $0.name == "export_bytes" } }, "do not go together"),
        (
            "a mount that ends early", { set(&$0, "mounts", ["/run/sockets\0/x"]) },
            "one of its mounts has a NUL byte in it"
        ),
        ("a variable without a name", { set(&$0, "set", ["PTE="]) }, "is no NAME=VALUE"),
        ("a profile that is a name only", { set(&$0, "profile", "strict") }, "\"profile\" is no object"),
        ("an id that is none", { set(&$0, "correlation_id", "T 1") }, "its correlation id is not 1 to 64"),
        ("a flag that is a word", { set(&$0, "read_only", "yes") }, "is neither true nor false"),
    ]

    private static func set(_ members: inout [JSON.Member], _ name: String, _ value: JSON) {
        for index in members.indices where members[index].name == name { members[index].value = value }
    }

    @Test("is refused for any flaw, by its name", arguments: flaws.indices)
    func refused(_ index: Int) throws {
        let (what, change, message) = Self.flaws[index]
        guard case .object(var members) = Self.whole.json else { return }
        change(&members)
        let error = #expect(throws: SystemError.self, "\(what)") {
            try RunDocument(JSONWriter().write(.object(members)))
        }
        #expect(error?.description.contains(message) == true, "\(what): \(error?.description ?? "")")
    }

    @Test("is refused where it is no JSON")
    func noJSON() {
        for text in ["", "{", "[]", "version: 1", "null"] {
            #expect(throws: SystemError.self) { try RunDocument(Array(text.utf8)) }
        }
    }
}
