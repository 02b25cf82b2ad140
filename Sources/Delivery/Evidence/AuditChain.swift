// SPDX-License-Identifier: Apache-2.0

/// The number of an audit's records and the digest of the last one, which stands for all of them.
///
/// Each record is a line that ends with the SHA-256 of the line before it, line end included; the first has zeros there:
///
///     {"version":1,"seq":0, ... ,"previous":"0000..."}\n
///     {"version":1,"seq":1, ... ,"previous":"<sha256 of line 0>"}\n       head = <sha256 of the last line>
///
/// Whoever knows the head can prove the last record, by it the one before, and so on back to the first one that is
/// not what it was.
package struct AuditChain: Equatable, Sendable {
    package private(set) var records: Int
    package private(set) var head: String

    static let origin = String(repeating: "0", count: 64)
    /// How every record begins.
    static let prefix = Array("{\"version\":1,\"seq\":".utf8)

    /// A chain without records.
    package init() { self.init(records: 0, head: Self.origin) }

    init(records: Int, head: String) {
        self.records = records
        self.head = head
    }

    /// Takes a line, line end included, as the next record.
    package mutating func extend(_ line: [UInt8], digest: ([UInt8]) -> String) {
        records += 1
        head = digest(line)
    }

    /// What is wrong with an audit, and where.
    package struct Fault: Equatable, Sendable {
        /// Counted from 0, as `seq` does.
        package let record: Int
        package let reason: String
    }

    /// Proves the lines of an audit from the last to the first; nil when all of them are what they were.
    ///
    /// - Parameter digest: SHA-256; another one only where speed counts and nobody attacks it.
    package func fault(in bytes: [UInt8], digest: ([UInt8]) -> String) -> Fault? {
        let lines = Self.lines(bytes)
        let digests = lines.map { digest(Array($0)) }
        var expected = head
        var place = lines.count - 1
        for record in stride(from: records - 1, through: 0, by: -1) {
            guard place >= 0 else { return Fault(record: record, reason: "is missing") }
            if digests[place] != expected {
                return Self.fault(record, expected, lines[place], earlier: digests[..<place], digest)
            }
            guard let previous = Self.previous(lines[place]) else {
                return Fault(record: record, reason: "has no digest of the record before it")
            }
            expected = previous
            place -= 1
        }
        if place >= 0 { return Fault(record: 0, reason: "has \(place + 1) lines before it that are no records") }
        return expected == Self.origin ? nil : Fault(record: 0, reason: "names a record before it")
    }

    /// How many records may have run together before nobody looks for them: a hostile line could hold any number.
    private static let mostJoined = 4

    /// Says what became of a record whose place is taken by another line.
    private static func fault(
        _ record: Int, _ expected: String, _ line: ArraySlice<UInt8>, earlier: ArraySlice<String>,
        _ digest: ([UInt8]) -> String
    ) -> Fault {
        if let found = earlier.lastIndex(of: expected) {
            return Fault(record: record, reason: "is followed by \(earlier.count - found) lines that are no records")
        }
        // The end of the line before it may be what was changed: then the record stands whole behind the other.
        let starts = line.indices.dropFirst().lazy.filter { line[$0...].starts(with: prefix) }
        for start in starts.prefix(mostJoined) {
            if digest(Array(line[start...])) == expected {
                return Fault(record: record - 1, reason: "is not what it was: its line has no end")
            }
        }
        let isNext = sequence(line).map { $0 == record - 1 } ?? false
        return Fault(record: record, reason: isNext ? "is missing" : "is not what it was")
    }

    /// The lines with their ends; the last may have none.
    private static func lines(_ bytes: [UInt8]) -> [ArraySlice<UInt8>] {
        var lines: [ArraySlice<UInt8>] = []
        var start = bytes.startIndex
        while start < bytes.endIndex {
            let end = bytes[start...].firstIndex(of: 0x0A).map { $0 + 1 } ?? bytes.endIndex
            lines.append(bytes[start..<end])
            start = end
        }
        return lines
    }

    private static let tailStart = Array(",\"previous\":\"".utf8)
    private static let tailEnd = Array("\"}\n".utf8)

    /// The digest at the end of a record.
    private static func previous(_ line: ArraySlice<UInt8>) -> String? {
        guard line.count > tailStart.count + 64 + tailEnd.count, line.suffix(tailEnd.count).elementsEqual(tailEnd)
        else { return nil }
        let tail = line.dropLast(tailEnd.count).suffix(64 + tailStart.count)
        let digest = String(decoding: tail.suffix(64), as: UTF8.self)
        return tail.starts(with: tailStart) && Manifest.isDigest(digest) ? digest : nil
    }

    private static func sequence(_ line: ArraySlice<UInt8>) -> Int? {
        guard line.starts(with: prefix) else { return nil }
        let digits = line.dropFirst(prefix.count).prefix { (0x30...0x39).contains($0) }
        return Int(String(decoding: digits, as: UTF8.self))
    }
}
