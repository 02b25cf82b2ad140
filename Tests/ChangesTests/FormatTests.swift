// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxSystem
import Testing

@testable import Changes

@Suite("change set format")
struct FormatTests {
    /// The bytes of a set with entries given raw, correctly sealed: what a hostile writer could hand over.
    static func sealed(_ entries: [[UInt8]], count: UInt64? = nil, bytes: UInt64 = 0, version: UInt16 = 1) -> [UInt8] {
        var set = Layout.magic
        set.put(version)
        set.put(UInt16(2))
        set.put(UInt64(5))
        set += Array("s1".utf8)
        for entry in entries { set += entry }
        set.append(Layout.trailerMark)
        set.put(count ?? UInt64(entries.count))
        set.put(bytes)
        return resealed(set + [UInt8](repeating: 0, count: 32))
    }

    static func resealed(_ set: [UInt8]) -> [UInt8] {
        var running = RunningDigest()
        running.update(Array(set.dropLast(32)))
        return Array(set.dropLast(32)) + running.finish()
    }

    static func raw(
        _ path: [UInt8], kind: UInt8 = 1, notes: UInt8 = 0, refusal: UInt8 = 0, permissions: UInt32 = 0o755,
        base: UInt8 = 0, size: UInt64 = 0, content: [UInt8]? = nil
    ) -> [UInt8] {
        var e: [UInt8] = [Layout.entryMark, kind, notes, refusal]
        e.put(permissions)
        e.put(Int64(0))
        e.put(content.map { UInt64($0.count) } ?? size)
        e.append(base)
        e.put(UInt32(0))
        e.put(UInt64(0))
        e.put(Int64(0))
        e.put(UInt16(path.count))
        e += path
        if let content {
            var running = RunningDigest()
            running.update(content)
            e += content + running.finish()
        }
        return e
    }

    static func raw(_ path: String, kind: UInt8 = 1, base: UInt8 = 0, content: String? = nil) -> [UInt8] {
        raw(Array(path.utf8), kind: kind, base: base, content: content.map { Array($0.utf8) })
    }

    static func parse(_ bytes: [UInt8]) throws -> [ChangeEntry] {
        let file = memory()
        try file.writeAll(bytes, subject: "memory")
        let set = try ChangeSet(owning: file, subject: "test")
        let entries = try set.entries()
        for entry in entries where entry.hasContent { try set.content(of: entry) { _ in } }
        return entries
    }

    static func memory() -> Descriptor { Descriptor(owning: memfd_create("set", UInt32(MFD_CLOEXEC))) }

    static let good = sealed(
        [
            raw("a", kind: 1), raw("a/f", kind: 2, content: "hello"), raw("a/l", kind: 3, content: "f"),
            raw("d", kind: 4, base: 2), raw("d/x", kind: 4, base: 1), raw("m", kind: 5, base: 1),
            raw(Array("p".utf8), kind: 6, refusal: 2),
        ], bytes: 6)

    @Test("a set of every kind is read back as it was written")
    func roundTrip() throws {
        let entries = try Self.parse(Self.good)
        #expect(entries.map(\.kind) == [.directory, .file, .symlink, .deleted, .deleted, .mode, .refused])
        #expect(entries.map(\.shownPath) == ["a", "a/f", "a/l", "d", "d/x", "m", "p"])
    }

    @Test("every flipped bit is noticed")
    func flips() throws {
        for at in Self.good.indices {
            for bit in 0..<8 {
                var bytes = Self.good
                bytes[at] ^= 1 << UInt8(bit)
                let error = #expect(throws: ChangeError.self) { try Self.parse(bytes) }
                #expect(error?.code == .malformed)
            }
        }
    }

    @Test("every cut is noticed")
    func cuts() throws {
        for length in Self.good.indices {
            let error = #expect(throws: ChangeError.self) { try Self.parse(Array(Self.good.prefix(length))) }
            #expect(error?.code == .malformed)
        }
    }

    static let forged: [(String, [[UInt8]])] = [
        ("an absolute path", [raw("/etc/x", kind: 2, content: "x")]),
        ("a path with ..", [raw("a/../../x", kind: 2, content: "x")]),
        ("a path that is ..", [raw("..", kind: 1)]),
        ("a path with .", [raw("a/./b", kind: 1)]),
        ("an empty part", [raw("a//b", kind: 1)]),
        ("a trailing slash", [raw("a/", kind: 1)]),
        ("an empty path", [raw("", kind: 1)]),
        ("a NUL", [raw([97, 0, 98], kind: 1)]),
        ("a name over 255 bytes", [raw([UInt8](repeating: 97, count: 256), kind: 1)]),
        ("a path over 4095 bytes", [raw((0..<2100).flatMap { _ in [UInt8(97), 47] } + [97], kind: 1)]),
        ("the same path twice", [raw("a", kind: 1), raw("a", kind: 1)]),
        ("paths out of order", [raw("b", kind: 1), raw("a", kind: 1)]),
        ("a file within a file", [raw("a", kind: 2, content: "x"), raw("a/b", kind: 2, content: "x")]),
        ("a file within a symlink", [raw("a", kind: 3, content: "/etc"), raw("a/b", kind: 2, content: "x")]),
        (
            "a file within a symlink that was a directory",
            [raw("a", kind: 3, base: 2, content: "/"), raw("a/b", kind: 2, content: "x")]
        ),
        ("a file within a removed directory", [raw("a", kind: 4, base: 2), raw("a/b", kind: 2, content: "x")]),
        ("a removal within a new directory", [raw("a", kind: 1), raw("a/b", kind: 4, base: 1)]),
        ("something within a refused item", [raw(Array("a".utf8), kind: 6, refusal: 1), raw("a/b", kind: 1)]),
        ("a setuid bit", [raw(Array("a".utf8), kind: 2, permissions: 0o4755, content: [])]),
        ("an unknown kind", [raw("a", kind: 7)]),
        ("an unknown note", [raw(Array("a".utf8), notes: 8)]),
        ("an unknown refusal", [raw(Array("a".utf8), kind: 6, refusal: 99)]),
        ("a refusal of a file", [raw(Array("a".utf8), kind: 2, refusal: 1, content: [])]),
        ("an unknown base", [raw("a", kind: 4, base: 9)]),
        ("a removal of nothing", [raw("a", kind: 4)]),
        ("a directory over a directory", [raw("a", kind: 1, base: 2)]),
        ("a size without content", [raw(Array("a".utf8), kind: 1, size: 4)]),
        ("content past the end", [raw(Array("a".utf8), kind: 2, size: 1 << 62)]),
        ("content of the largest size", [raw(Array("a".utf8), kind: 2, size: .max)]),
        ("an empty link target", [raw("a", kind: 3, content: "")]),
        ("bytes between entries", [raw("a", kind: 1), [0]]),
    ]

    @Test("a well-sealed set that no collector writes is refused", arguments: forged.map(\.0))
    func forgeries(_ name: String) throws {
        let entries = try #require(Self.forged.first { $0.0 == name }?.1)
        let contents = entries.count
        for bytes: UInt64 in [0, 1, 2, 4] {
            let error = #expect(throws: ChangeError.self) {
                try Self.parse(Self.sealed(entries, count: UInt64(contents), bytes: bytes))
            }
            #expect(error?.code == .malformed)
        }
    }

    @Test("wrong totals, another version and a wrong content digest are refused")
    func totals() throws {
        #expect(try Self.parse(Self.sealed([Self.raw("a")])).count == 1)
        #expect(throws: ChangeError.self) { try Self.parse(Self.sealed([Self.raw("a")], count: 2)) }
        #expect(throws: ChangeError.self) { try Self.parse(Self.sealed([Self.raw("a")], bytes: 1)) }
        #expect(throws: ChangeError.self) { try Self.parse(Self.sealed([Self.raw("a")], version: 2)) }
        var entry = Self.raw("a", kind: 2, content: "hello")
        entry[entry.count - 1] ^= 1
        #expect(throws: ChangeError.self) { try Self.parse(Self.sealed([entry], bytes: 5)) }
    }

    @Test("mutated and sealed again, a set is refused or holds the rules, and never more", .timeLimit(.minutes(30)))
    func mutations() throws {
        let seconds = getenv("SALLYPORT_FUZZ_SECONDS").flatMap { Int(String(cString: $0)) } ?? 0
        var random = Seeded(state: 42)
        let end = time(nil) + seconds
        var tried = 0
        var accepted = 0
        while tried < 3000 || time(nil) < end {
            var bytes = Self.good
            for _ in 0...Int.random(in: 0..<4, using: &random) {
                let at = Int.random(in: 0..<(bytes.count - 32), using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                case 2: bytes.insert(UInt8.random(in: 0...255, using: &random), at: at)
                default: bytes.remove(at: at)
                }
                if bytes.count < 40 { break }
            }
            tried += 1
            do {
                let entries = try Self.parse(Self.resealed(bytes))
                accepted += 1
                var order = EntryOrder()
                for entry in entries { #expect(entry.flaw == nil && order.flaw(adding: entry) == nil) }
            } catch let error as ChangeError {
                #expect(error.code == .malformed)
            }
        }
        // Some mutations only change a time or a mode; if none were accepted, the sealing here would be wrong.
        #expect(accepted > 0 && accepted < tried)
    }

    @Test("a file that is no regular file, or another format, is refused")
    func others() throws {
        let s = try Scratch()
        try s.file("\(s.path)/sets/text", String(repeating: "not a change set ", count: 20))
        try s.link("\(s.path)/sets/link", "text")
        let sets = try Directory.open("\(s.path)/sets")
        #expect(throws: ChangeError.self) { try ChangeSet.open(sets, "text") }
        let error = #expect(throws: ChangeError.self) { try ChangeSet.open(sets, "link") }
        #expect(error?.code == .refused(.symlinkLoop))
        let directory = #expect(throws: ChangeError.self) { try ChangeSet.open(sets, ".") }
        #expect(directory?.code == .malformed)
    }
}
