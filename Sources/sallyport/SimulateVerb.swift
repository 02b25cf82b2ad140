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
        let members = [
            JSON.Member("policy", policy.json), JSON.Member("json", .bool(arguments.has("json"))),
        ]
        if let session = SessionID(audit) {
            return try AuditReader.answer(
                .simulate, from: SessionAudit.open(session, context.paths).file, AuditReader.subject(session), members)
        }
        return try AuditReader.answer(
            .simulate, from: try Descriptor.open(audit, O_RDONLY), "\"\(audit.displayed)\"", members)
    }
}

/// What `sallyport profile simulate` prints, by the reader of the audit.
enum SimulateAnswer {
    static func show(_ trail: AuditTrail, _ document: JSON) throws(PolicyError) -> Int32 {
        let replay = AuditReplay(trail.records, policy: try EgressPolicy(json: document["policy"] ?? .null))
        let changed = replay.rows.filter { $0.hasChanged }
        if document["json"] == true {
            Output.out(replay.json.compactText)
        } else {
            show(changed, all: replay.rows)
        }
        return changed.isEmpty ? 0 : 1
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
