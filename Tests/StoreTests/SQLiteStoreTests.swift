// SPDX-License-Identifier: Apache-2.0
import Glibc
import OrchestratorTesting
import Store
import TaskModel
import TestSupport
import Testing

/// The store in a file: the conformance suite, and what becomes of it when the file is not what it should be.
@Suite("SQLite store")
struct SQLiteStoreTests {
    private static func at(_ milliseconds: Int) -> Moment {
        Moment(wallMilliseconds: milliseconds, monotonicMilliseconds: milliseconds)
    }

    @discardableResult
    private static func add(_ store: SQLiteStore, _ number: Int) throws -> Creation {
        try store.create(try StoreConformance.task(number), [NewEvent(.taskCreated)], timers: [:], at: at(number))
    }

    private func expect(_ code: StoreError.Code, _ body: () throws -> Void) throws {
        let error = #expect(throws: StoreError.self) { try body() }
        #expect(error?.code == code, "\(error.map(\.description) ?? "nothing")")
    }

    /// Runs SQL by another program than ours.
    private func script(_ path: String, _ script: String) throws -> Finished {
        let program = """
            import sqlite3, sys
            c = sqlite3.connect(sys.argv[1])
            c.executescript(sys.stdin.read())
            c.commit()
            """
        var command = Command("/usr/bin/python3", ["-c", program, path])
        command.input = Array(script.utf8)
        return try command.run()
    }

    private func sqlite(_ path: String, _ text: String) throws {
        let done = try script(path, text)
        try #require(done.code == 0, "\(done.errorText)")
    }

    @Test("a row that nobody can read is left out of lists, is told of once, and is an error where it is asked for")
    func damagedRow() throws {
        let scratch = try Scratch()
        let path = scratch.at("store")
        do {
            let store = try SQLiteStore(path)
            for number in 1...5 { try Self.add(store, number) }
        }
        let ids = try (1...5).map { try StoreConformance.task($0).id }
        try sqlite(path, "UPDATE tasks SET request = '{' WHERE id IN ('\(ids[1])', '\(ids[4])');")
        let store = try SQLiteStore(path)
        var told: [StoreError] = []
        store.leavesOut = { told.append($0) }
        #expect(try store.unfinished().map(\.id) == [ids[0], ids[2], ids[3]])
        // A page is as long as it was asked for, as long as there is more.
        #expect(try store.tasks(TaskQuery(limit: 2)).map(\.id) == [ids[3], ids[2]])
        #expect(try store.tasks(TaskQuery(before: ids[3], limit: 2)).map(\.id) == [ids[2], ids[0]])
        #expect(told.map(\.code) == [.corrupted, .corrupted])
        #expect(told[0].description.contains(ids[1]) && told[1].description.contains(ids[4]))
        try expect(.corrupted) { _ = try store.task(ids[1]) }
    }

    @Test("the store from before a restore is kept each time, and one whose restore was cut short is not opened")
    func restoring() throws {
        let scratch = try Scratch()
        let (path, copy) = (scratch.at("store"), scratch.at("copy"))
        func counts(_ names: [String]) throws -> [Int] {
            try names.map { try SQLiteStore(scratch.at($0)).tasks(TaskQuery(limit: 100)).count }
        }
        for number in 1...2 {
            let store = try SQLiteStore(path)
            try Self.add(store, number)
            if number == 1 { try store.backUp(to: copy) }
        }
        #expect(try SQLiteStore.restore(copy, to: path) == path + ".before-restore")
        try Self.add(try SQLiteStore(path), 3)
        try Self.add(try SQLiteStore(path), 4)
        #expect(try SQLiteStore.restore(copy, to: path) == path + ".before-restore-2")
        #expect(try counts(["store", "store.before-restore", "store.before-restore-2"]) == [1, 2, 3])
        // Killed before the new one had its place, and after: neither is lost, and none is made in its stead.
        for isThere in [false, true] {
            try #require(rename(path, path + ".restored") == 0)
            if isThere { try scratch.file("store", bytes: try #require(contents(copy))) }
            try expect(.foreign) { _ = try SQLiteStore(path) }
            #expect((contents(path) != nil) == isThere)
            _ = try SQLiteStore.restore(copy, to: path)
            #expect(try counts(["store"]) == [1])
        }
        #expect(names(scratch.path).count { $0.hasPrefix("store.before-restore") && !$0.contains("-wal") } == 5)
        #expect(!names(scratch.path).contains("store.restored"))
    }

    @Test("figures are asked for the more seldom the longer they take")
    func pace() {
        #expect([0, 20, 100, 1_000_000].map(StoreFigures.pause(after:)) == [5_000, 5_000, 20_000, 600_000])
    }

    @Test("does all that a store has to do")
    func conformance() throws {
        let scratch = try Scratch()
        var count = 0
        try StoreConformance {
            count += 1
            return try SQLiteStore(scratch.at("store-\(count)"))
        }.all()
        #expect(count >= 10)
        try MemoryConformance {
            count += 1
            return try SQLiteStore(scratch.at("store-\(count)"))
        }.all()
        #expect(count >= 17)
    }

    @Test(
        "what was stored is there for the next process, and events cannot be changed by SQL either", .requires(.python))
    func durable() throws {
        let scratch = try Scratch()
        let path = scratch.at("store")
        do { try Self.add(try SQLiteStore(path), 1) }
        do {
            let store = try SQLiteStore(path)
            #expect(try store.tasks(TaskQuery()).count == 1)
            try Self.add(store, 2)
        }
        for text in [
            "UPDATE events SET payload = '{}'",
            "INSERT INTO events SELECT task, 5, 1, 1, type, source, payload, previous, digest FROM events LIMIT 1",
            "UPDATE tasks SET holds_slot = 1, status = 'COMPLETED'", "UPDATE tasks SET status = 'DONE'",
        ] {
            let done = try script(path, text)
            #expect(done.code == 1 && done.errorText.contains("sqlite3.IntegrityError"), "\(text): \(done.errorText)")
        }
        #expect(try SQLiteStore(path).unfinished().count == 2)
    }

    @Test("a store that may not grow is full, keeps what it has, and takes more when it may")
    func full() throws {
        let scratch = try Scratch()
        let path = scratch.at("store")
        var stored = 0
        do {
            let store = try SQLiteStore(path, mostPages: 40)
            try expect(.full) {
                while true {
                    try Self.add(store, stored + 1)
                    stored += 1
                }
            }
            // The refused one left nothing, and reading goes on.
            #expect(stored > 0)
            #expect(try store.tasks(TaskQuery(limit: 10_000)).count == stored)
        }
        let store = try SQLiteStore(path)
        try Self.add(store, stored + 1)
        #expect(try store.tasks(TaskQuery(limit: 10_000)).count == stored + 1)
    }

    @Test("a disk without room is full", .requires(.root))
    func disk() throws {
        let scratch = try Scratch()
        let mount = try HostMount(at: try scratch.directory("disk"))
        let store = try SQLiteStore(mount.path + "/store")
        var stored = 0
        try expect(.full) {
            while true {
                try Self.add(store, stored + 1)
                stored += 1
            }
        }
        #expect(stored > 0)
        #expect(try store.tasks(TaskQuery(limit: 10_000)).count == stored)
    }

    @Test("a store that another program holds is locked, and says so in time", .requires(.python))
    func locked() throws {
        let scratch = try Scratch()
        let path = scratch.at("store")
        let store = try SQLiteStore(path, waits: 50)
        var command = Command(
            "/usr/bin/python3",
            [
                "-c",
                "import sqlite3,sys\nc=sqlite3.connect(sys.argv[1])\nc.execute('BEGIN IMMEDIATE')\nprint('held',flush=True)\nsys.stdin.read()",
                path,
            ])
        command.deadline = .seconds(30)
        let holder = try command.start()
        #expect(try holder.line() == "held")
        try expect(.locked) { try Self.add(store, 1) }
        holder.closeInput()
        _ = try holder.finish()
        try Self.add(store, 1)
    }

    @Test("a file that cannot be written refuses what is new, and is read all the same", .requires(.root))
    func readOnly() throws {
        let scratch = try Scratch()
        let path = scratch.at("store")
        do { try Self.add(try SQLiteStore(path), 1) }
        // Root may write whatever the mode says.
        try #require(Command("/usr/bin/chattr", ["+i", path]).run().code == 0)
        defer { do { _ = try Command("/usr/bin/chattr", ["-i", path]).run() } catch { Issue.record(error) } }
        let store = try SQLiteStore(path)
        try expect(.readOnly) { try Self.add(store, 2) }
        #expect(try store.tasks(TaskQuery()).count == 1)
    }

    @Test("a damaged page, a file that is no database, and another program's are told apart", .requires(.python))
    func damaged() throws {
        let scratch = try Scratch()
        let path = scratch.at("store")
        do {
            let store = try SQLiteStore(path)
            for number in 1...200 { try Self.add(store, number) }
        }
        let bytes = try #require(contents(path))
        try #require(bytes.count > 12 * 4096)
        var torn = bytes
        for page in stride(from: 4096 * 3, to: bytes.count - 4096, by: 4096) {
            for at in page..<(page + 64) { torn[at] = 0xA5 }
        }
        try scratch.file("torn", bytes: torn)
        try expect(.corrupted) { _ = try SQLiteStore(scratch.at("torn")) }
        try scratch.file("text", String(repeating: "no database at all\n", count: 500))
        try expect(.corrupted) { _ = try SQLiteStore(scratch.at("text")) }
        try sqlite(scratch.at("other"), "CREATE TABLE theirs (x)")
        try expect(.foreign) { _ = try SQLiteStore(scratch.at("other")) }
        try expect(.io) { _ = try SQLiteStore(scratch.at("absent/store")) }
    }

    @Test("a later schema is left alone, and a value that is not known names its task", .requires(.python))
    func versions() throws {
        let scratch = try Scratch()
        let path = scratch.at("store")
        do { try Self.add(try SQLiteStore(path), 1) }
        try sqlite(path, "UPDATE tasks SET compute = 'cloud'")
        do {
            let store = try SQLiteStore(path)
            let id = try StoreConformance.task(1).id
            let error = #expect(throws: StoreError.self) { try store.task(id) }
            #expect(error?.code == .corrupted && error?.description.contains(id) == true)
        }
        try sqlite(path, "PRAGMA user_version = 99")
        let before = contents(path)
        try expect(.newerSchema) { _ = try SQLiteStore(path) }
        #expect(contents(path) == before)
    }

    @Test("a backup of a store in use is whole, and takes its place; what is none does not")
    func backup() throws {
        let scratch = try Scratch()
        let path = scratch.at("store")
        let copy = scratch.at("copy")
        do {
            let store = try SQLiteStore(path)
            for number in 1...50 { try Self.add(store, number) }
            try store.backUp(to: copy)
            for number in 51...60 { try Self.add(store, number) }
            #expect(status(copy)?.mode == 0o100600)
            try expect(.io) { try store.backUp(to: scratch.at("absent/copy")) }
        }
        let aside = try SQLiteStore.restore(copy, to: path)
        #expect(try SQLiteStore(path).tasks(TaskQuery(limit: 100)).count == 50)
        #expect(try SQLiteStore(try #require(aside)).tasks(TaskQuery(limit: 100)).count == 60)
        try scratch.file("junk", "junk")
        let before = contents(path)
        #expect(throws: StoreError.self) { try SQLiteStore.restore(scratch.at("junk"), to: path) }
        #expect(throws: StoreError.self) { try SQLiteStore.restore(scratch.at("none"), to: path) }
        #expect(contents(path) == before)
        // Into an empty place, too.
        #expect(try SQLiteStore.restore(copy, to: scratch.at("fresh")) == nil)
        #expect(try SQLiteStore(scratch.at("fresh")).tasks(TaskQuery(limit: 100)).count == 50)
    }
}
