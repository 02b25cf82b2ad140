// SPDX-License-Identifier: Apache-2.0
import Glibc
import Isolation
import LinuxSystem
import TestSupport
import Testing

/// What filters and profiles are kept in from one start to the next.
@Suite("cache files")
struct CacheFileTests {
    private static let body = Array("nine bytes".utf8)

    private func directory(_ scratch: Scratch) throws -> Directory {
        let directory = try Directory.open(scratch.path)
        try directory.writeCache("entry", Self.body)
        return directory
    }

    @Test("what was kept is read back; nothing is no error")
    func kept() throws {
        let scratch = try Scratch()
        let directory = try directory(scratch)
        #expect(try directory.readCache("entry", what: "entry") == Self.body)
        #expect(try directory.readCache("other", what: "entry") == nil)
    }

    static let flaws: [(name: String, make: @Sendable (String) throws -> Void)] = [
        ("another byte", { try change($0) { $0[$0.count - 1] ^= 1 } }),
        ("a digest of nothing", { try change($0) { $0[0] ^= 1 } }),
        ("cut short", { try change($0) { $0.removeLast() } }),
        ("empty", { try change($0) { $0 = [] } }), ("writable by others", { #expect(chmod($0, 0o622) == 0) }),
        (
            "a FIFO, which nobody writes to",
            {
                #expect(unlink($0) == 0)
                #expect(mkfifo($0, 0o600) == 0)
            }
        ),
        (
            "a directory",
            {
                #expect(unlink($0) == 0)
                #expect(mkdir($0, 0o700) == 0)
            }
        ),
    ]

    private static func change(_ path: String, _ body: (inout [UInt8]) -> Void) throws {
        var bytes = try Descriptor.open(path, O_RDONLY).readAll(limit: 1 << 20, subject: path)
        body(&bytes)
        try Descriptor.create(path).writeAll(bytes, subject: path)
    }

    @Test("what this program did not write there is an error that says so", arguments: flaws.indices)
    func flaw(_ index: Int) throws {
        let (name, make) = Self.flaws[index]
        let scratch = try Scratch()
        let directory = try directory(scratch)
        try make(scratch.at("entry"))
        do throws(SystemError) {
            _ = try directory.readCache("entry", what: "compiled thing")
            Issue.record("\(name) is taken")
        } catch {
            #expect(error.description.hasPrefix("cannot trust compiled thing \"\(scratch.at("entry"))\""), "\(name)")
        }
    }

    @Test("one of another user is refused, and one that a link leads to", .requires(.root))
    func foreign() throws {
        let scratch = try Scratch()
        let directory = try directory(scratch)
        #expect(chown(scratch.at("entry"), 1, 1) == 0)
        #expect(throws: SystemError.self) { try directory.readCache("entry", what: "entry") }
        #expect(chown(scratch.at("entry"), 0, 0) == 0)
        #expect(try directory.readCache("entry", what: "entry") != nil, "control")
        #expect(symlink("entry", scratch.at("link")) == 0)
        #expect(throws: SystemError.self) { try directory.readCache("link", what: "entry") }
    }

    @Test("a content that the program never keeps is refused, whatever its digest")
    func unsound() throws {
        let scratch = try Scratch()
        let directory = try directory(scratch)
        #expect(throws: SystemError.self) { try directory.readCache("entry", what: "entry") { $0.count == 3 } }
    }

    @Test("a compiled filter comes back as it was, and a changed one is refused")
    func filter() throws {
        let scratch = try Scratch()
        let cache = FilterCache(HostPaths(runtime: scratch.path, state: scratch.at("state")))
        let first = try cache.filter(program: "test", allowed: ["read", "write"])
        let names = try Directory.open(scratch.path).names()
        #expect(names.count == 1)
        #expect(try cache.filter(program: "test", allowed: ["read", "write"]) == first)
        #expect(try Directory.open(scratch.path).names() == names)
        try Self.change(scratch.at(String(decoding: try #require(names.first), as: UTF8.self))) { $0[70] ^= 1 }
        #expect(throws: SystemError.self) { try cache.filter(program: "test", allowed: ["read", "write"]) }
        #expect(try cache.filter(program: "test", allowed: ["read"]) != first, "another one has another name")
    }
}
