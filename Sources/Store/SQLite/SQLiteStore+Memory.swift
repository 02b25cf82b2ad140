// SPDX-License-Identifier: Apache-2.0
internal import LinuxSystem
package import TaskModel

extension SQLiteStore: RepositoryMemory {
    package func remember(_ notes: [MemoryNote], repository: String, at milliseconds: Int, name: () -> String)
        throws(StoreError) -> [MemoryItem]
    {
        try connection.transaction { () throws(StoreError) in
            var added: [MemoryItem] = []
            for note in notes {
                guard let (text, status, remark) = note.judged() else { continue }
                let item = MemoryItem(
                    id: name(), repository: repository, kind: note.kind, text: text, trust: note.trust, status: status,
                    source: note.source, digest: Digest.sha256(Array(text.utf8)), createdMilliseconds: milliseconds,
                    expiresMilliseconds: milliseconds + Int(MemoryLimits.lifetime.components.seconds) * 1000,
                    note: remark)
                try connection.run(MemoryRows.insert, MemoryRows.values(item))
                guard connection.changes == 1 else { continue }
                try connection.run(MemoryRows.index, [.text(item.id)])
                added.append(item)
            }
            _ = try remove(MemoryRows.surplus, [.text(repository), .int(MemoryLimits.itemsPerRepository)])
            return added
        }
    }

    package func candidates(_ repository: String, for text: String, at milliseconds: Int, within limit: Duration)
        throws(StoreError) -> [MemoryRecall.Candidate]
    {
        try connection.within(limit) { () throws(StoreError) in
            try candidates(repository, for: text, at: milliseconds)
        }
    }

    private func candidates(_ repository: String, for text: String, at milliseconds: Int)
        throws(StoreError) -> [MemoryRecall.Candidate]
    {
        var found: [MemoryRecall.Candidate] = []
        let match = MemoryRows.match(text)
        if !match.isEmpty {
            for row in try connection.run(
                MemoryRows.fitting, [.text(match), .text(repository), .int(milliseconds)])
            {
                let item = try MemoryRows.read(row, connection.path)
                // bm25 is lower, below 0, the better it fits; as thousandths, since columns are read as integers.
                let fit = Double(-(row.int(MemoryRows.columns) ?? 0)) / 1000
                found.append(.init(item, fit: max(fit, 0.001)))
            }
        }
        let known = Set(found.map(\.item.id))
        for row in try connection.run(MemoryRows.rules, [.text(repository), .int(milliseconds)]) {
            let item = try MemoryRows.read(row, connection.path)
            if !known.contains(item.id) { found.append(.init(item, fit: 0)) }
        }
        return found
    }

    package func memory(_ query: MemoryQuery) throws(StoreError) -> [MemoryItem] {
        var sql = MemoryRows.select + " WHERE repository = ?"
        var values: [SQLValue] = [.text(query.repository)]
        if !query.statuses.isEmpty {
            sql += " AND status IN (\(query.statuses.map { _ in "?" }.joined(separator: ", ")))"
            values += query.statuses.map { .text($0.rawValue) }
        }
        if let source = query.source {
            sql += " AND source = ?"
            values.append(.text(source))
        }
        var items: [MemoryItem] = []
        for row in try connection.run(sql + " ORDER BY number DESC LIMIT ?", values + [.int(query.limit)]) {
            items.append(try MemoryRows.read(row, connection.path))
        }
        return items
    }

    package func memoryItem(_ id: String) throws(StoreError) -> MemoryItem? {
        guard let row = try connection.run(MemoryRows.select + " WHERE id = ?", [.text(id)]).first else { return nil }
        return try MemoryRows.read(row, connection.path)
    }

    package func setMemory(_ id: String, _ status: MemoryItem.Status, note: String) throws(StoreError) -> Bool {
        // A rule that somebody accepted has that person behind it.
        try connection.run(
            "UPDATE memory SET trust = CASE WHEN ?1 = 'active' AND status <> 'active' THEN 'operator' ELSE trust END, "
                + "status = ?1, note = ?2 WHERE id = ?3", [.text(status.rawValue), .text(note), .text(id)])
        return connection.changes == 1
    }

    package func forget(_ what: MemoryRemoval) throws(StoreError) -> Int {
        try connection.transaction { () throws(StoreError) in
            switch what {
            case .item(let id): try remove("id = ?", [.text(id)])
            case .source(let source, let repository):
                try remove("source = ? AND repository = ?", [.text(source), .text(repository)])
            }
        }
    }

    package func forgetExpired(at milliseconds: Int) throws(StoreError) -> Int {
        try connection.transaction { () throws(StoreError) in try remove("expires_ms <= ?", [.int(milliseconds)]) }
    }

    /// Removes rows together with the words that they are found by.
    private func remove(_ condition: String, _ values: [SQLValue]) throws(StoreError) -> Int {
        try connection.run(
            "DELETE FROM memory_text WHERE rowid IN (SELECT number FROM memory WHERE \(condition))", values)
        try connection.run("DELETE FROM memory WHERE \(condition)", values)
        return connection.changes
    }
}

/// Items as rows.
enum MemoryRows {
    private static let names = [
        "id", "repository", "kind", "text", "trust", "status", "source", "sha256", "created_ms", "expires_ms", "note",
    ]
    static var columns: Int { names.count }
    private static let qualified = names.map { "memory.\($0)" }.joined(separator: ", ")

    static let select = "SELECT \(qualified) FROM memory"
    static let insert =
        "INSERT INTO memory (\(names.joined(separator: ", "))) VALUES (\(names.map { _ in "?" }.joined(separator: ", "))) "
        + "ON CONFLICT DO NOTHING"
    /// Twice as many as can be told: the best by words, to be weighed by trust and age.
    static let fitting =
        "SELECT \(qualified), CAST(round(bm25(memory_text) * 1000) AS INTEGER) FROM memory_text "
        + "JOIN memory ON memory.number = memory_text.rowid WHERE memory_text MATCH ? AND memory.repository = ? "
        + "AND memory.status = 'active' AND memory.expires_ms > ? ORDER BY bm25(memory_text) LIMIT 100"
    static let rules =
        select + " WHERE repository = ? AND kind = 'review_rule' AND status = 'active' AND expires_ms > ? "
        + "ORDER BY number DESC LIMIT 100"
    static let index = "INSERT INTO memory_text (rowid, text) SELECT number, text FROM memory WHERE id = ?"
    static let surplus =
        "number IN (SELECT number FROM memory WHERE repository = ?1 "
        + "ORDER BY kind = 'episode' DESC, trust = 'operator', number LIMIT "
        + "max(0, (SELECT count(*) FROM memory WHERE repository = ?1) - ?2))"

    /// The words of a text as a question to the index: any of them, each as it stands and none as an operator of the
    /// question's language. fts5.html, "Full-text Query Syntax"
    static func match(_ text: String) -> String {
        var words: [String] = []
        var seen: Set<String> = []
        // By scalars: a letter that binds to what follows it makes one character of itself and a quotation mark.
        for part in text.lowercased().unicodeScalars.split(whereSeparator: { !isOfWord($0) }) where part.count > 2 {
            let word = String(String.UnicodeScalarView(part.prefix(40)))
            if seen.insert(word).inserted { words.append("\"\(word)\"") }
            if words.count == 64 { break }
        }
        return words.joined(separator: " OR ")
    }

    private static func isOfWord(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .nonspacingMark,
            .spacingMark, .enclosingMark, .decimalNumber, .letterNumber, .otherNumber:
            true
        default: false
        }
    }

    static func values(_ item: MemoryItem) -> [SQLValue] {
        [
            .text(item.id), .text(item.repository), .text(item.kind.rawValue), .text(item.text),
            .text(item.trust.rawValue), .text(item.status.rawValue), .text(item.source), .text(item.digest),
            .int(item.createdMilliseconds), .int(item.expiresMilliseconds), .init(item.note),
        ]
    }

    static func read(_ row: SQLRow, _ path: String) throws(StoreError) -> MemoryItem {
        guard let id = row.text(0), let repository = row.text(1),
            let kind = row.text(2).flatMap(MemoryItem.Kind.init(rawValue:)), let text = row.text(3),
            let trust = row.text(4).flatMap(MemoryItem.Trust.init(rawValue:)),
            let status = row.text(5).flatMap(MemoryItem.Status.init(rawValue:)), let source = row.text(6),
            let digest = row.text(7), let created = row.int(8), let expires = row.int(9)
        else { throw StoreError.unreadable("an item of the memory", row.text(0), path) }
        return MemoryItem(
            id: id, repository: repository, kind: kind, text: text, trust: trust, status: status, source: source,
            digest: digest, createdMilliseconds: created, expiresMilliseconds: expires, note: row.text(10))
    }
}
