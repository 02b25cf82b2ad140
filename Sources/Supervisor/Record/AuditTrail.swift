// SPDX-License-Identifier: Apache-2.0
package import Documents
package import LinuxSystem
package import Policy

/// The records of an audit, and the policies that they were decided by.
///
/// A process without privilege wrote it, which had read bytes of the sandbox; it is read as such, line by line, by the
/// strict reader and in a ``ConfinedReader`` only, and a line that is none of ours is an error with its number.
package struct AuditTrail: Sendable {
    package let records: [JSON]
    private let policies: JSON

    /// - Parameter policies: Of ``SessionAudit``; null where there are none.
    package init(_ records: [JSON], policies: JSON) {
        self.records = records
        self.policies = policies
    }

    /// Records of an audit file's bytes. A last line without its end is one that is being written, and is left out.
    package static func parse(_ bytes: [UInt8], subject: String) throws(SystemError) -> [JSON] {
        var records: [JSON] = []
        let lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false).dropLast()
        for (number, line) in lines.enumerated() {
            do throws(JSONParser.Failure) { records.append(try JSONParser.parse(Array(line))) } catch {
                throw SystemError(
                    "read", "\(subject), line \(number + 1), byte \(error.offset)", .invalid,
                    remedy: "It has \(error.reason); the file was not written by this version's gateway.")
            }
        }
        return records
    }

    /// The record of an event.
    package func record(_ event: String) -> JSON? { records.first { $0["id"]?.stringValue == event } }

    /// Every record that counts repeats of an event, itself included.
    package func occurrences(of event: String) -> Int {
        records.filter { $0["id"]?.stringValue == event || $0["repeats"]?.stringValue == event }
            .reduce(0) { $0 + ($1["count"]?.intValue ?? 0) }
    }

    /// The generation in force when a record was written: the last one that was announced before it.
    package func generation(of record: JSON) -> Int {
        let before = records.prefix { $0["id"] != record["id"] }
        return Self.lastAnnounced(before)
    }

    /// The generation that the gateway announced last.
    package var lastGeneration: Int { Self.lastAnnounced(records[...]) }

    private static func lastAnnounced(_ records: ArraySlice<JSON>) -> Int {
        records.last { $0["event"]?.stringValue == "policy.apply" }?["generation"]?.intValue ?? 1
    }

    /// The policy that was in force in a generation; nil when it is not kept.
    package func policy(generation: Int) throws(SystemError) -> EgressPolicy? {
        guard let text = policies["\(generation)"]?.stringValue else { return nil }
        return try SessionAudit.policy(Array(text.utf8), generation: generation)
    }

    /// The session that an event's id begins with.
    package static func session(of event: String) -> SessionID? {
        guard let dash = event.lastIndex(of: "-") else { return nil }
        return SessionID(String(event[..<dash]))
    }
}
