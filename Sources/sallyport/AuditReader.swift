// SPDX-License-Identifier: Apache-2.0
internal import CLI
internal import Documents
internal import LinuxSystem
internal import Policy
internal import Supervisor

/// Reads an audit, for the verbs that explain one.
///
///     why, simulate, learn, session policy          read-audit QUESTION (no privilege)
///        │  0: the audit, opened and unread  ─────────▶  confines itself, then parses
///        │  3: a document with all else that it takes ─▶  prints the answer to 1, errors to 2
///        │  ◀──────────────────────────────────────────  its exit status
///
/// The audit holds text that a sandbox chose, and the caller may be root: not one byte of it comes back.
enum AuditReader {
    static let verb = "read-audit"

    enum Question: String {
        /// One event, or all denials.
        case explain, list
        /// The policy that is in force.
        case policy
        case simulate, propose
    }

    private static let mostAudit = 64 << 20
    private static let mostDocument = 256 << 20

    /// Has an audit read by a process without privilege.
    ///
    /// - Parameters:
    ///   - subject: What the audit is called in an error.
    ///   - members: What the question takes beside the audit.
    /// - Returns: The exit status of the verb.
    static func answer(
        _ question: Question, from audit: borrowing Descriptor, _ subject: String, _ members: [JSON.Member]
    ) throws(SystemError) -> Int32 {
        let document = try SealedDocument.make(
            .object([.init("subject", .string(subject))] + members), name: "question about an audit")
        let status = try ConfinedReader.run([verb, question.rawValue], input: audit, document: document)
        guard status <= 1 || status == 125 else {
            throw SystemError(
                "read", subject, .io,
                remedy: "Its reader, which has no privilege, ended with status \(status). Nothing is said of it.")
        }
        return status
    }

    /// The same for one session's audit.
    static func answer(
        _ question: Question, of session: SessionID, _ context: Context, _ members: [JSON.Member]
    ) throws(SystemError) -> Int32 {
        let audit = try SessionAudit.open(session, context.paths)
        return try answer(
            question, from: audit.file, subject(session), [.init("policies", audit.policies)] + members)
    }

    static func subject(_ session: SessionID) -> String { "the audit of session \(session)" }

    /// The reader itself.
    static func run(_ line: [String]) -> Int32 {
        do {
            try ReaderConfinement.enter()
            guard line.count == 1, let question = Question(rawValue: line[0]) else {
                throw SystemError("read", "an audit", .invalid, remedy: "There is no such question.")
            }
            let text = try Descriptor(owning: 3).readAll(limit: mostDocument, subject: "the question about an audit")
            let document: JSON
            do throws(JSONParser.Failure) { document = try JSONParser.parse(text) } catch {
                throw SystemError("read", "the question about an audit", .invalid, remedy: "It has \(error.reason).")
            }
            let subject = document["subject"]?.stringValue ?? "an audit"
            let bytes = try Descriptor(owning: 0).readAll(limit: mostAudit, subject: subject)
            let trail = AuditTrail(
                try AuditTrail.parse(bytes, subject: subject), policies: document["policies"] ?? .null)
            switch question {
            case .explain: return try WhyAnswer.explain(trail, document)
            case .list: return WhyAnswer.list(trail, document)
            case .policy: return try PolicyAnswer.show(trail, document)
            case .simulate: return try SimulateAnswer.show(trail, document)
            case .propose: return try LearnAnswer.propose(trail, document)
            }
        } catch {
            Output.error("\(error)")
            return 125
        }
    }
}
