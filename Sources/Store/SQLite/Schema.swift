// SPDX-License-Identifier: Apache-2.0

/// The store's tables and how they came to be: numbered steps, forward only, each in one transaction with its number.
enum Schema {
    /// "SPRT": tells a store of ours from any other database. pragma.html, application_id
    static let application = 0x5350_5254

    static let migrations: [[UInt8]] = [
        PackageResources._001_tasks_sql, PackageResources._002_approvals_sql, PackageResources._003_memory_sql,
        PackageResources._004_admission_sql, PackageResources._005_alarms_sql,
    ]

    static var newest: Int { migrations.count }

    /// Brings a database to the newest schema.
    static func prepare(_ connection: Connection) throws(StoreError) {
        let application = try number(connection, "application_id")
        let version = try number(connection, "user_version")
        let isEmpty = try connection.run("SELECT count(*) FROM sqlite_schema").first?.int(0) == 0
        guard application == Self.application || isEmpty && application == 0 && version == 0 else {
            throw StoreError(
                .foreign, "use", "store \"\(connection.path)\"", "it is a database of another program",
                remedy: "Move it away, or name another state directory.")
        }
        try requireKnown(version, connection.path)
        for step in version..<newest {
            try connection.transaction { () throws(StoreError) in
                try connection.execute(String(decoding: migrations[step], as: UTF8.self))
                // These take no parameters.
                try connection.execute("PRAGMA application_id = \(Self.application); PRAGMA user_version = \(step + 1)")
            }
        }
    }

    /// Whether a file is a store that this program can read.
    static func check(_ connection: Connection) throws(StoreError) {
        guard try number(connection, "application_id") == application else {
            throw StoreError(
                .foreign, "use", "\"\(connection.path)\"", "it is no store of Sallyport",
                remedy: "Give a file that sallyportd backup wrote.")
        }
        try requireKnown(try number(connection, "user_version"), connection.path)
        try checkPages(connection)
    }

    /// Reads every page once: a damaged one is better known now than in the middle of a task.
    static func checkPages(_ connection: Connection) throws(StoreError) {
        let answer = try connection.run("PRAGMA quick_check(1)").first?.text(0) ?? "no answer"
        guard answer == "ok" else {
            throw StoreError(
                .corrupted, "use", "store \"\(connection.path)\"", answer,
                remedy: "Restore a backup: sallyportd restore FILE.")
        }
    }

    private static func requireKnown(_ version: Int, _ path: String) throws(StoreError) {
        guard version <= newest else {
            throw StoreError(
                .newerSchema, "use", "store \"\(path)\"",
                "its schema is version \(version), and this program knows \(newest)",
                remedy: "Use the version of Sallyport that wrote it, or a later one.")
        }
    }

    private static func number(_ connection: Connection, _ pragma: String) throws(StoreError) -> Int {
        try connection.run("PRAGMA \(pragma)").first?.int(0) ?? 0
    }
}
