// SPDX-License-Identifier: Apache-2.0
package import Documents
internal import Glibc
package import Isolation
package import LinuxSystem
package import Policy

/// The audit of one session, read back.
///
/// A process without privilege wrote it, which had read bytes of the sandbox; it is read as such, line by line, by the
/// strict reader, and a line that is none of ours is an error with its number.
package struct AuditTrail: Sendable {
    package let session: SessionID
    package let records: [JSON]
    private let paths: HostPaths

    private static let most = 64 << 20

    package init(_ session: SessionID, _ paths: HostPaths) throws(SystemError) {
        self.session = session
        self.paths = paths
        let directory = try Self.directory(session, paths)
        guard try directory.contains("audit.jsonl") else {
            throw SystemError(
                "read", "the audit of session \(session)", .noEntry,
                remedy: "Its profile lets nothing out, so there was nothing to decide.")
        }
        let bytes = try directory.open("audit.jsonl", O_RDONLY | O_NOFOLLOW).readAll(
            limit: Self.most, subject: "the audit of session \(session)")
        records = try Self.parse(bytes, subject: "the audit of session \(session)")
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

    private static func directory(_ session: SessionID, _ paths: HostPaths) throws(SystemError) -> Directory {
        do throws(SystemError) { return try Directory.open(paths.sessions + "/" + session.text) } catch {
            guard error.errno == .noEntry else { throw error }
            throw SystemError(
                "find", "session \(session)", .noEntry,
                remedy: "`sallyport session list` shows those that sweep has not removed.")
        }
    }

    /// The record of an event.
    package func record(_ event: String) -> JSON? { records.first { $0["id"]?.stringValue == event } }

    /// Every record that counts repeats of an event, itself included.
    package func occurrences(of event: String) -> Int {
        records.filter { $0["id"]?.stringValue == event || $0["repeats"]?.stringValue == event }
            .reduce(0) { $0 + ($1["count"]?.intValue ?? 0) }
    }

    /// The policy that was in force in a generation; nil when it is not kept.
    package func policy(generation: Int) throws(SystemError) -> EgressPolicy? {
        let directory = try Self.directory(session, paths)
        let name = Self.policyFile(generation)
        guard try directory.contains(name) else { return nil }
        let bytes = try directory.read(name, limit: 4 << 20)
        do { return try EgressConfiguration(json: try JSON.read(bytes, file: name)).policy } catch {
            throw SystemError("read", "\"\(name)\" of session \(session)", .invalid, remedy: "\(error)")
        }
    }

    static func policyFile(_ generation: Int) -> String { "egress-\(generation).json" }

    /// The session that an event's id begins with.
    package static func session(of event: String) -> SessionID? {
        guard let dash = event.lastIndex(of: "-") else { return nil }
        return SessionID(String(event[..<dash]))
    }
}
