// SPDX-License-Identifier: Apache-2.0
import Delivery
import Documents
import Testing

/// What a forge said, stored for a session that asks it no more.
@Suite("hydrated work")
struct HydratedWorkTests {
    private static let pull: JSON = [
        "version": 1, "number": 5, "title": "Half", "body": "b", "state": "open", "author": "ann", "base": "main",
        "head": "x", "head_repository": .null,
        "threads": [
            [
                "number": 1, "key": "k", "file": "a.c", "line": 3, "severity": "major", "resolved": false,
                "comments": [["author": "ann", "body": "why?", "created": 7]],
            ]
        ],
        "reviews": [], "comments": [["author": "bob", "body": "ü", "created": 8]],
    ]

    private static func bytes(_ changes: JSON.Member...) -> [UInt8] {
        var members: [JSON.Member] = [
            .init("version", 1), .init("issue", .null), .init("pull", pull),
            .init(
                "files",
                [["filename": "a.c", "status": "modified", "additions": 1, "deletions": 0, "patch": "@@"]]),
        ]
        for change in changes {
            members.removeAll { $0.name == change.name }
            members.append(change)
        }
        return JSONWriter().write(.object(members))
    }

    @Test("what was gathered reads back as it was written")
    func roundTrip() throws {
        let work = try HydratedWork(Self.bytes(), subject: "it")
        #expect(work.pull?.number == 5 && work.pull?.openThreads.first?.comments.first?.body == "why?")
        #expect(work.files?.map(\.path) == ["a.c"] && work.issue == nil)
        let again = try HydratedWork(JSONWriter().write(work.json), subject: "it")
        #expect(again.pull == work.pull && again.files == work.files)
        #expect(try HydratedWork(Self.bytes(.init("files", .null)), subject: "it").files == nil)
    }

    @Test("what is not as it was written is none")
    func flawed() {
        for flaw in [
            Self.bytes(.init("version", 2)), Self.bytes(.init("pull", "5")), Self.bytes(.init("files", 3)),
            Self.bytes(.init("issue", ["number": 1])), Array("[".utf8),
        ] {
            #expect(throws: ForgeError.self) { try HydratedWork(flaw, subject: "it") }
        }
    }
}
