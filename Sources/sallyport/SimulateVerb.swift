// SPDX-License-Identifier: Apache-2.0
internal import CLI
internal import Documents
internal import Glibc
internal import LinuxSystem
internal import Policy
internal import Supervisor

/// `sallyport profile simulate`: what a recorded session would have been allowed under another profile.
enum SimulateVerb {
    private static let help = Help(
        usage: "sallyport profile simulate NAME|FILE --audit FILE|SESSION [--json]",
        summary: "Decides the attempts of a recorded session again, under this profile, and shows what would change.",
        options: [
            Option("audit", "FILE|SESSION", "an audit.jsonl, or the session whose audit is meant"),
            Option("json", nil, "every attempt with both verdicts"), Option("help", nil, "this text"),
        ],
        notes: """
            Names, ports and addresses are decided again; what a client said inside a connection is not recorded, and where
            it would count the verdict is "unclear". Nothing is looked up and nothing is run.
            exit codes: 0 nothing would change; 1 something would, or is unclear; 125 it cannot be read.
            """)

    private static let mostAudit = 64 << 20

    static func run(_ line: [String]) throws -> Int32 {
        let arguments = try Arguments(line, options: help.options)
        if arguments.has("help") {
            Output.out(help.text)
            return 0
        }
        guard arguments.words.count == 1, arguments.command == nil, let audit = try arguments.value("audit") else {
            throw UsageError("usage: \(help.usage)")
        }
        let context = try Context.make()
        let policy = try context.profiles.egress(arguments.words[0], context.registries)
        let replay = AuditReplay(try records(audit, context), policy: policy)
        let changed = replay.rows.filter { $0.hasChanged }
        if arguments.has("json") {
            Output.out(replay.json.compactText)
        } else {
            show(changed, all: replay.rows)
        }
        return changed.isEmpty ? 0 : 1
    }

    private static func records(_ audit: String, _ context: Context) throws -> [JSON] {
        if let session = SessionID(audit) { return try AuditTrail(session, context.paths).records }
        let subject = "\"\(audit)\""
        let bytes = try Descriptor.open(audit, O_RDONLY).readAll(limit: mostAudit, subject: subject)
        return try AuditTrail.parse(bytes, subject: subject)
    }

    private static func show(_ changed: [AuditReplay.Row], all: [AuditReplay.Row]) {
        for row in changed {
            Output.out(
                "\(row.then.rawValue) -> \(row.now.rawValue)  \(row.count)x  \(row.subject.displayed)  \(row.event)")
            for part in Columns.wrapped(row.why.displayed, width: 96) { Output.out("    " + part) }
        }
        func sum(_ rows: [AuditReplay.Row]) -> Int { rows.reduce(0) { $0 + $1.count } }
        Output.out("\(sum(changed)) of \(sum(all)) decisions would change")
    }
}
