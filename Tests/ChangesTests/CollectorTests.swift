// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import LinuxSystem
import Testing

@testable import Changes

@Suite("collecting changes")
struct CollectorTests {
    @Test("finds what was added, modified, removed and re-moded, and nothing else")
    func kinds() throws {
        let s = try Scratch()
        try s.file("\(s.lower)/same", "same")
        try s.file("\(s.lower)/edited", "before")
        try s.file("\(s.lower)/script", "run")
        try s.file("\(s.lower)/gone", "x")
        try s.file("\(s.lower)/dir/kept", "x")
        try s.file("\(s.upper)/same", "same")
        try s.file("\(s.upper)/edited", "after!")
        try s.file("\(s.upper)/script", "run", mode: 0o755)
        try s.whiteout("\(s.upper)/gone")
        try s.file("\(s.upper)/dir/new", "fresh")
        try s.link("\(s.upper)/dir/link", "new")
        try s.directory("\(s.upper)/made/inner")
        let set = try s.collect()
        #expect(
            try letters(set) == [
                "A dir/link", "A dir/new", "M edited", "D gone", "A made", "A made/inner", "m script",
            ])
        let edited = try #require(try set.entries().first { $0.shownPath == "edited" })
        #expect(try set.content(of: edited, limit: 100) == Array("after!".utf8))
        #expect(edited.base.size == 6)
    }

    @Test("lists everything beneath a removed directory")
    func removedDirectory() throws {
        let s = try Scratch()
        try s.file("\(s.lower)/d/a/b", "1")
        try s.file("\(s.lower)/d/c", "2")
        try s.whiteout("\(s.upper)/d")
        #expect(try letters(s.collect()) == ["D d", "D d/a", "D d/a/b", "D d/c"])
    }

    @Test("an opaque directory removes what it hides, and a copy of what was there is no change")
    func opaque() throws {
        let s = try Scratch()
        try s.file("\(s.lower)/d/same", "1")
        try s.file("\(s.lower)/d/hidden/x", "2")
        try s.file("\(s.upper)/d/same", "1")
        try s.file("\(s.upper)/d/new", "3")
        #expect(try letters(s.collect()) == ["A d/new"])
        try s.attribute("\(s.upper)/d", "user.overlay.opaque", "y")
        #expect(try letters(s.collect()) == ["D d/hidden", "D d/hidden/x", "A d/new"])
    }

    @Test("a directory that became a file removes what lay in it")
    func typeChange() throws {
        let s = try Scratch()
        try s.file("\(s.lower)/d/x", "1")
        try s.file("\(s.lower)/f", "1")
        try s.file("\(s.upper)/d", "file now")
        try s.file("\(s.upper)/f/y", "directory now")
        #expect(try letters(s.collect()) == ["T d", "D d/x", "T f", "A f/y"])
    }

    @Test(
        "stops at an attribute that the overlay never writes",
        arguments: [
            ("user.overlay.redirect", "/etc"), ("user.overlay.metacopy", ""), ("user.overlay.whiteout", "y"),
            ("user.overlay.opaque", "x"), ("user.overlay.opaque", "yes"), ("user.overlay.future", "1"),
        ])
    func forgedAttributes(_ name: String, _ value: String) throws {
        let s = try Scratch()
        try s.directory("\(s.upper)/d")
        #expect(try letters(s.collect()) == ["A d"])
        try s.attribute("\(s.upper)/d", name, value)
        let error = #expect(throws: ChangeError.self) { try s.collect() }
        #expect(error?.code == .unexpectedAttribute)
        #expect(error?.description.contains(name) == true)
    }

    @Test("more attributes than the kernel lists hide nothing", .enabled(if: Scratch.tmpfsHoldsAttributes))
    func manyAttributes() throws {
        let s = try Scratch(in: "/dev/shm")
        try s.file("\(s.lower)/d/hidden", "1")
        try s.file("\(s.upper)/d/f", "1")
        for path in ["d", "d/f"] {
            for i in 0..<300 {
                try s.attribute("\(s.upper)/\(path)", "user." + String(repeating: "x", count: 240) + "\(i)", "")
            }
            #expect(listingError("\(s.upper)/\(path)") == E2BIG)
        }
        #expect(try letters(s.collect()) == ["A d/f"])
        try s.attribute("\(s.upper)/d", "user.overlay.opaque", "y")
        #expect(try letters(s.collect()) == ["A d/f", "D d/hidden"])
        try s.attribute("\(s.upper)/d/f", "user.overlay.metacopy", "")
        let error = #expect(throws: ChangeError.self) { try s.collect() }
        #expect(error?.code == .unexpectedAttribute)
    }

    /// The error of listing, 0 for none.
    private func listingError(_ path: String) -> Int32 {
        let fd = open(path, O_RDONLY)
        defer { close(fd) }
        var list = [UInt8](repeating: 0, count: 65536)
        let result = sp_flistxattr(fd, &list, list.count)
        return result < 0 ? Int32(-result) : 0
    }

    @Test("attributes of the task's own, escaped ones included, are dropped and noted")
    func ownAttributes() throws {
        let s = try Scratch()
        try s.file("\(s.lower)/d/old", "1")
        try s.file("\(s.upper)/d/f", "1")
        try s.attribute("\(s.upper)/d", "user.overlay.overlay.opaque", "y")
        try s.attribute("\(s.upper)/d", "user.overlay.origin", "zz")
        try s.attribute("\(s.upper)/d/f", "user.mine", "1")
        let entries = try s.collect().entries()
        #expect(entries.map(\.shownPath) == ["d/f"])
        #expect(entries[0].notes == .attributes)
    }

    @Test("setuid, setgid and sticky bits do not enter the set")
    func specialBits() throws {
        let s = try Scratch()
        try s.file("\(s.upper)/su", "x", mode: 0o4755)
        try s.file("\(s.upper)/sg", "x", mode: 0o2711)
        let entries = try s.collect().entries()
        #expect(entries.map(\.permissions) == [0o711, 0o755])
        #expect(entries.allSatisfy { $0.notes.contains(.specialBits) })
    }

    @Test("sockets, fifos and devices become refusals, with nothing beneath them")
    func specialFiles() throws {
        let s = try Scratch()
        try s.file("\(s.lower)/pipe/x", "1")
        try s.check(mkfifo("\(s.upper)/pipe", 0o644))
        try s.check(mknod("\(s.upper)/sock", S_IFSOCK | 0o644, 0))
        let entries = try s.collect().entries()
        #expect(entries.map(\.shownPath) == ["pipe", "sock"])
        #expect(entries.map(\.refusal) == [.fifo, .socket])
    }

    @Test("what does not fit is left out by name, and what fits is kept")
    func budgets() throws {
        let s = try Scratch()
        try s.file("\(s.upper)/a", "x")
        try s.check(truncate("\(s.upper)/a", 1 << 40))
        try s.file("\(s.upper)/b", "fits")
        try s.file("\(s.upper)/c", String(repeating: "x", count: 4096))
        try s.file("\(s.lower)/d/below", "1")
        try s.file("\(s.upper)/d", String(repeating: "y", count: 4096))
        try s.link("\(s.upper)/e", "fits")
        let set = try s.collect(budget: ChangeBudget(bytes: 4096))
        let entries = try set.entries()
        #expect(entries.map(\.shownPath) == ["a", "b", "c", "d", "e"])
        #expect(entries.map(\.kind) == [.refused, .file, .refused, .refused, .symlink])
        #expect(entries.map(\.refusal) == [.tooLarge, .none, .overBudget, .overBudget, .none])
        #expect(set.summary.bytes == 8)
        #expect(
            try s.collect(budget: ChangeBudget(bytes: 8192 + 8)).entries().map(\.refusal).prefix(4).last
                == ChangeEntry.Refusal.none)
    }

    @Test("a set that is full says where it ended")
    func fullSet() throws {
        let s = try Scratch()
        for name in ["a", "c"] { try s.file("\(s.upper)/\(name)", "x") }
        for name in ["x", "y"] { try s.file("\(s.lower)/b/\(name)", "x") }
        try s.file("\(s.upper)/b", "x")
        for (limit, last) in [(1, "b"), (2, "b/x"), (3, "b/y"), (4, "c")] {
            let entries = try s.collect(budget: ChangeBudget(bytes: 1 << 20, entries: limit)).entries()
            #expect(entries.count == limit + 1)
            #expect(entries.last?.shownPath == last)
            #expect(entries.map(\.refusal).last == .tooMany)
            #expect(entries.dropLast().allSatisfy { $0.refusal == .none })
        }
        #expect(
            try s.collect(budget: ChangeBudget(bytes: 1 << 20, entries: 5)).entries().map(\.refusal).last
                == ChangeEntry.Refusal.none)
    }

    @Test("names are counted by their bytes, and a directory of more than a set may hold is not read to its end")
    func crowd() throws {
        let s = try Scratch()
        let directory = "\(s.upper)/" + String(repeating: "d", count: 200)
        for number in 1...4000 { try s.file("\(directory)/\(number)", "") }
        // The directory itself and four paths in it.
        let entries = try s.collect(budget: ChangeBudget(bytes: 1, pathBytes: 200 + 4 * 204)).entries()
        #expect(entries.count == 6)
        #expect(entries.map(\.refusal) == [.none, .none, .none, .none, .none, .tooMany])
        let few = try s.collect(budget: ChangeBudget(bytes: 1, entries: 100, pathBytes: 1000)).entries()
        #expect(few.map(\.refusal) == [.none, .tooMany])
        #expect(few[1].isLeftOut)
        #expect(try s.collect().entries().count == 4001)
        // At the top there is nothing that could be named but one of them.
        for number in 1...4000 { try s.file("\(s.upper)/\(number)", "") }
        let top = try s.collect(budget: ChangeBudget(bytes: 1, entries: 100, pathBytes: 1000)).entries()
        #expect(top.map(\.refusal) == [.tooMany])
    }

    @Test("each name of a hard link counts, and is noted")
    func hardLinks() throws {
        let s = try Scratch()
        try s.file("\(s.upper)/a", "12345678")
        try s.check(Glibc.link("\(s.upper)/a", "\(s.upper)/b"))
        let entries = try s.collect().entries()
        #expect(entries.allSatisfy { $0.notes == .hardlinked })
        #expect(entries.count == 2)
        let short = try s.collect(budget: ChangeBudget(bytes: 12)).entries()
        #expect(short.map(\.refusal) == [.none, .overBudget])
    }

    @Test("a tree deeper than the limit and than PATH_MAX is cut with a refusal")
    func depth() throws {
        let s = try Scratch()
        // 300 levels of 20 bytes: 6,300 bytes of path, which only descriptor by descriptor can be made.
        let name = String(repeating: "d", count: 20)
        var fd = open(s.upper, O_RDONLY | O_DIRECTORY)
        for _ in 0..<300 {
            try s.check(mkdirat(fd, name, 0o755))
            let next = openat(fd, name, O_RDONLY | O_DIRECTORY)
            close(fd)
            fd = next
        }
        close(fd)
        let byPath = try s.collect(budget: ChangeBudget(bytes: 1, depth: 400)).entries()
        #expect(byPath.last?.refusal == .pathTooLong)
        // n names and n - 1 slashes fit while 21 n - 1 <= 4095; one more is the refusal.
        #expect(byPath.count == 4096 / 21 + 1)
        let byDepth = try s.collect(budget: ChangeBudget(bytes: 1, depth: 50)).entries()
        #expect(byDepth.count == 50)
        #expect(byDepth.last?.refusal == .tooDeep)
    }

    @Test("any name that the kernel takes survives byte for byte")
    func names() throws {
        let s = try Scratch()
        let names: [[UInt8]] = [
            [0xFF, 0xFE], Array("a\nb".utf8), Array("\u{1b}[31mred".utf8), Array("-rf".utf8), Array(" ".utf8),
            Array("e\u{301}".utf8), Array("\u{e9}".utf8), Array("\\".utf8), [1], Array(repeating: 0x61, count: 255),
        ]
        let directory = open(s.upper, O_RDONLY | O_DIRECTORY)
        defer { close(directory) }
        for name in names {
            let fd = openat(directory, name.map { CChar(bitPattern: $0) } + [0], O_WRONLY | O_CREAT | O_EXCL, 0o644)
            try s.check(fd)
            close(fd)
        }
        let found = try s.collect().entries().map(\.path)
        #expect(Swift.Set(found) == Swift.Set(names))
        #expect(found.count == names.count)
    }

    @Test("without a lower tree everything is an addition")
    func withoutLower() throws {
        let s = try Scratch()
        try s.file("\(s.lower)/f", "1")
        try s.file("\(s.upper)/f", "2")
        try s.whiteout("\(s.upper)/ghost")
        #expect(try letters(s.collect(withLower: false)) == ["A f"])
    }

    @Test("an upper layer that is a symlink is not entered")
    func upperIsSymlink() throws {
        let s = try Scratch()
        try s.check(rename(s.upper, "\(s.path)/t/real"))
        try s.link(s.upper, "real")
        let error = #expect(throws: ChangeError.self) { try s.collect() }
        #expect(error?.code == .refused(.notDirectory))
    }
}
