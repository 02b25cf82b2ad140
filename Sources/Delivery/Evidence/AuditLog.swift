// SPDX-License-Identifier: Apache-2.0
package import Documents
package import LinuxSystem

/// Writes the audit of a task, record by record, each of them in the file before the next thing happens.
package struct AuditLog: ~Copyable {
    private let file: Descriptor
    private let subject: String
    package private(set) var chain = AuditChain()

    /// - Parameters:
    ///   - file: A new file, open for writing.
    ///   - subject: Its path, for errors.
    package init(_ file: consuming Descriptor, subject: String) {
        self.file = file
        self.subject = subject
    }

    /// Writes a record of something that this host did or saw.
    ///
    /// - Parameters:
    ///   - wallMilliseconds: Since 1970.
    ///   - monotonicMilliseconds: Of a clock that nobody sets.
    package mutating func observe(
        _ event: String, wallMilliseconds: UInt64, monotonicMilliseconds: UInt64, _ detail: [JSON.Member]
    ) throws(EvidenceError) {
        let record: JSON = [
            "version": 1, "seq": .int(chain.records), "time_ms": .number(wallMilliseconds),
            "mono_ms": .number(monotonicMilliseconds), "source": .string(FileKind.Source.observed.rawValue),
            "event": .string(event), "detail": .object(detail), "previous": .string(chain.head),
        ]
        let line = JSONWriter().write(record) + [0x0A]
        try onHost { () throws(SystemError) in try file.writeAll(line, subject: "\"\(subject)\"") }
        chain.extend(line, digest: Digest.sha256)
    }
}
