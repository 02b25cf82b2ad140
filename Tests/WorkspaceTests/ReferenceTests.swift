// SPDX-License-Identifier: Apache-2.0
import Testing
import Workspace

@Suite("references of a left repository")
struct ReferenceTests {
    static let id = String(repeating: "a", count: 40)

    @Test(
        "a name that git would take and a person can read is fine",
        arguments: [
            "refs/heads/main", "refs/heads/sallyport/t1/fix-the-sum", "refs/heads/v1.2_x", "refs/heads/a=b,c+d@e",
        ])
    func plain(_ name: String) { #expect(ReferenceName.flaw(Array(name.utf8)) == nil) }

    @Test(
        "any other name is not",
        arguments: [
            "", "main", "refs/heads", "refs/heads/", "refs/heads/a..b", "refs/heads/.a", "refs/heads/a.",
            "refs/heads/a.lock", "refs/heads/a.lock/b", "refs/heads//a", "/refs/heads/a", "refs/heads/a b",
            "refs/heads/a~1", "refs/heads/a^", "refs/heads/a:b", "refs/heads/a?", "refs/heads/*", "refs/heads/[a",
            "refs/heads/a\\b", "refs/heads/@{x", "refs/heads/a\u{7F}", "refs/heads/\u{1B}[2J", "refs/heads/\u{E9}",
            "refs/heads/-a", "refs/heads/a/-b", "refs/heads/$(x)", "refs/heads/a;b", "refs/heads/.git/x",
            "refs/heads/GIT~1/x", "refs/../../x", "HEAD", "refs/heads/" + String(repeating: "a", count: 250),
        ])
    func odd(_ name: String) {
        #expect(ReferenceName.flaw(Array(name.utf8)) != nil)
    }

    @Test("whatever git refuses as a name is refused")
    func subset() throws {
        let scratch = try Scratch()
        try scratch.makeRepository()
        // Every byte in the middle of a name.
        for byte in UInt8(1)...255 {
            let name = Array("refs/heads/a".utf8) + [byte] + Array("b".utf8)
            guard ReferenceName.flaw(name) == nil else { continue }
            try scratch.git("source", "check-ref-format", String(decoding: name, as: UTF8.self))
        }
    }

    @Test("HEAD names a branch or a commit, and nothing else")
    func head() {
        #expect(ReferenceText.head(Array("ref: refs/heads/main\n".utf8)) == .reference(Array("refs/heads/main".utf8)))
        #expect(ReferenceText.head(Array("\(Self.id)\n".utf8)) == ObjectID(Self.id).map { .commit($0) })
        for text in ["", "\n", "ref:", "ref: \n", "main", "\(Self.id)0", "ref: a\nb\n", "\(Self.id)\n\(Self.id)\n"] {
            #expect(ReferenceText.head(Array(text.utf8)) == nil, "\(text.debugDescription)")
        }
        #expect(ReferenceText.loose(Array(String(repeating: "a", count: 64).utf8)) == nil)
    }

    @Test("packed references are read whole or not at all")
    func packed() {
        let text = "# pack-refs with: peeled\n\(Self.id) refs/heads/main\n\(Self.id) refs/tags/v1\n^\(Self.id)\n"
        let names = ReferenceText.packed(Array(text.utf8), most: 10)?.map { String(decoding: $0.name, as: UTF8.self) }
        #expect(names == ["refs/heads/main", "refs/tags/v1"])
        #expect(ReferenceText.packed(Array(text.utf8), most: 1) == nil)
        for line in [
            "x", "\(Self.id)", "\(Self.id) ", "\(Self.id)\trefs/heads/x", "zz\(Self.id.dropFirst(2)) refs/heads/x",
        ] {
            #expect(ReferenceText.packed(Array((text + line + "\n").utf8), most: 10) == nil, "\(line)")
        }
    }

    @Test("a pointer of Git LFS is known by its form")
    func pointer() {
        let digest = String(repeating: "b", count: 64)
        let text = "version https://git-lfs.github.com/spec/v1\noid sha256:\(digest)\nsize 12345\n"
        #expect(LargeFilePointer(Array(text.utf8))?.size == 12345)
        #expect(LargeFilePointer(Array(text.utf8))?.sha256 == digest)
        for broken in [
            text.replacing("size 12345", with: "size x"), text.replacing("sha256:b", with: "sha256:"), "x" + text,
        ] {
            #expect(LargeFilePointer(Array(broken.utf8)) == nil)
        }
    }
}
