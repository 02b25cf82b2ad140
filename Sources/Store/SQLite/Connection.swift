// SPDX-License-Identifier: Apache-2.0
internal import CSQLite

/// A value of a column.
enum SQLValue: Sendable, Hashable {
    case null
    case int(Int)
    case text(String)

    init(_ text: String?) { self = text.map { .text($0) } ?? .null }
    init(_ number: Int?) { self = number.map { .int($0) } ?? .null }
}

/// A row of an answer, read by position.
struct SQLRow {
    let values: [SQLValue]

    func int(_ index: Int) -> Int? { if case .int(let value) = values[index] { value } else { nil } }
    func text(_ index: Int) -> String? { if case .text(let value) = values[index] { value } else { nil } }
}

/// One open database, for one thread; its prepared statements are kept.
final class Connection {
    private let database: OpaquePointer
    private var statements: [String: OpaquePointer] = [:]
    let path: String

    /// - Parameters:
    ///   - mayWrite: Without it the file must be there and is only read.
    ///   - waits: Longest wait for a lock that another process holds, in milliseconds.
    init(_ path: String, mayWrite: Bool = true, waits: Int32 = 2000) throws(StoreError) {
        self.path = path
        var opened: OpaquePointer?
        // One thread at a time by construction, so no mutex of its own. sqlite3_open_v2, SQLITE_OPEN_NOMUTEX
        let access = mayWrite ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY
        let result = sqlite3_open_v2(path, &opened, access | SQLITE_OPEN_NOMUTEX, nil)
        guard result == SQLITE_OK, let opened else {
            let reason = opened.map { String(cString: sqlite3_errmsg($0)) } ?? "no memory"
            let code = opened.map { sqlite3_extended_errcode($0) } ?? result
            sqlite3_close_v2(opened)
            throw StoreError(sqlite: code, "open", path, reason)
        }
        database = opened
        sqlite3_extended_result_codes(opened, 1)
        sqlite3_busy_timeout(opened, waits)
        let defended = sp_sqlite_defend(opened)
        guard defended == SQLITE_OK else { throw StoreError(sqlite: defended, "protect", path, "not supported") }
    }

    deinit {
        for statement in statements.values { sqlite3_finalize(statement) }
        sqlite3_close_v2(database)
    }

    /// Runs one statement, kept for the next time, and gives back its rows.
    @discardableResult
    func run(_ sql: String, _ values: [SQLValue] = []) throws(StoreError) -> [SQLRow] {
        let statement = try prepared(sql)
        defer {
            sqlite3_reset(statement)
            sqlite3_clear_bindings(statement)
        }
        for (index, value) in values.enumerated() {
            let place = Int32(index + 1)
            let result =
                switch value {
                case .null: sqlite3_bind_null(statement, place)
                case .int(let number): sqlite3_bind_int64(statement, place, Int64(number))
                case .text(let text): Self.bind(statement, place, text)
                }
            if result != SQLITE_OK { throw failure("use", result) }
        }
        var rows: [SQLRow] = []
        while true {
            let result = sqlite3_step(statement)
            if result == SQLITE_DONE { return rows }
            guard result == SQLITE_ROW else { throw failure("use", result) }
            rows.append(Self.row(statement))
        }
    }

    /// Runs a script of several statements.
    func execute(_ script: String) throws(StoreError) {
        let result = sqlite3_exec(database, script, nil, nil, nil)
        if result != SQLITE_OK { throw failure("use", result) }
    }

    var changes: Int { Int(sqlite3_changes64(database)) }

    /// One transaction; undone when the body throws. Takes the write lock at once, so that no later statement can find it
    /// taken.
    func transaction<Result>(_ body: () throws(StoreError) -> Result) throws(StoreError) -> Result {
        try run("BEGIN IMMEDIATE")
        do throws(StoreError) {
            let result = try body()
            try run("COMMIT")
            return result
        } catch {
            // A full disk may have undone it already; then there is nothing to roll back. lang_transaction.html
            if sqlite3_get_autocommit(database) == 0 { try run("ROLLBACK") }
            throw error
        }
    }

    /// Copies the whole database, page by page, into another file's.
    func copy(to target: Connection) throws(StoreError) {
        guard let backup = sqlite3_backup_init(target.database, "main", database, "main") else {
            throw target.failure("copy to", sqlite3_extended_errcode(target.database))
        }
        let result = sqlite3_backup_step(backup, -1)
        let finished = sqlite3_backup_finish(backup)
        if result != SQLITE_DONE { throw target.failure("copy to", finished == SQLITE_OK ? result : finished) }
    }

    /// Ends what the body asks, wherever it is, when so much time is over.
    func within<Result>(_ limit: Duration, _ body: () throws(StoreError) -> Result) throws(StoreError) -> Result {
        let deadline = Deadline(limit)
        // Asked after so many instructions of its machine, some tens of microseconds. c3ref/progress_handler.html
        sqlite3_progress_handler(
            database, 1000,
            { pointer in
                guard let pointer else { return 1 }
                return Unmanaged<Deadline>.fromOpaque(pointer).takeUnretainedValue().isOver ? 1 : 0
            }, Unmanaged.passUnretained(deadline).toOpaque())
        defer { sqlite3_progress_handler(database, 0, nil, nil) }
        return try withExtendedLifetime(deadline, body)
    }

    private final class Deadline {
        private let end: ContinuousClock.Instant

        init(_ limit: Duration) { end = .now + limit }

        var isOver: Bool { ContinuousClock.now >= end }
    }

    func failure(_ operation: String, _ result: Int32) -> StoreError {
        StoreError(sqlite: result, operation, path, String(cString: sqlite3_errmsg(database)))
    }

    private func prepared(_ sql: String) throws(StoreError) -> OpaquePointer {
        if let statement = statements[sql] { return statement }
        var statement: OpaquePointer?
        let result = sqlite3_prepare_v3(database, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil)
        guard result == SQLITE_OK, let statement else { throw failure("use", result) }
        statements[sql] = statement
        return statement
    }

    private static func bind(_ statement: OpaquePointer, _ place: Int32, _ text: String) -> Int32 {
        var text = text
        return text.withUTF8 { bytes in
            // An empty string has no address of its own, and a null one would be NULL.
            guard let start = bytes.baseAddress else { return sp_sqlite_bind_text(statement, place, "", 0) }
            return start.withMemoryRebound(to: CChar.self, capacity: bytes.count) {
                sp_sqlite_bind_text(statement, place, $0, Int32(bytes.count))
            }
        }
    }

    private static func row(_ statement: OpaquePointer) -> SQLRow {
        SQLRow(
            values: (0..<sqlite3_column_count(statement)).map { index in
                switch sqlite3_column_type(statement, index) {
                case SQLITE_INTEGER: return .int(Int(sqlite3_column_int64(statement, index)))
                case SQLITE_NULL: return .null
                default:
                    guard let text = sqlite3_column_text(statement, index) else { return .null }
                    let bytes = UnsafeBufferPointer(start: text, count: Int(sqlite3_column_bytes(statement, index)))
                    return .text(String(decoding: bytes, as: UTF8.self))
                }
            })
    }
}

extension StoreError {
    /// - Parameter sqlite: A primary or extended result code. rescode.html
    init(sqlite: Int32, _ operation: String, _ path: String, _ reason: String) {
        let (code, remedy): (Code, String) =
            switch sqlite & 0xff {
            case SQLITE_BUSY, SQLITE_LOCKED: (.locked, "End the other program that has it open.")
            case SQLITE_FULL: (.full, "Free space where it lies; nothing that was stored is lost.")
            case SQLITE_READONLY, SQLITE_PERM, SQLITE_AUTH:
                (.readOnly, "Give the daemon's user the right to write the file and its directory.")
            case SQLITE_CORRUPT, SQLITE_NOTADB: (.corrupted, "Restore a backup: sallyportd restore FILE.")
            case SQLITE_INTERRUPT: (.late, "Ask for less, or see what else keeps the disk busy.")
            case SQLITE_CONSTRAINT: (.refused, "This is an error in sallyport; please report it.")
            case SQLITE_CANTOPEN: (.io, "See that its directory is there and belongs to the daemon's user.")
            default: (.io, "See the kernel log for errors of the disk.")
            }
        self.init(code, operation, "store \"\(path)\"", reason, remedy: remedy)
    }
}
