// SPDX-License-Identifier: Apache-2.0
internal import CLI
internal import Control
internal import Documents
internal import TaskModel

/// `sallyport memory`: what is remembered of a repository, and who decides about it.
enum MemoryVerb {
    private static let help = Help(
        usage: """
            sallyport memory list OWNER/NAME [--status STATUS]... [--source SOURCE]
                   sallyport memory show ITEM
                   sallyport memory add OWNER/NAME --kind KIND --text TEXT
                   sallyport memory accept ITEM
                   sallyport memory quarantine ITEM [--reason TEXT]
                   sallyport memory remove ITEM
                   sallyport memory forget OWNER/NAME --source SOURCE
            """,
        summary: "Shows and decides what the tasks of a repository are told of earlier ones.",
        options: [
            Option("status", "STATUS", "active, proposed or quarantined; may be given again"),
            Option("source", "SOURCE", "where items are from, such as task:t01... or pull:12"),
            Option("kind", "KIND", "fact, episode, procedure or review_rule"),
            Option("text", "TEXT", "one statement, at most \(MemoryLimits.textBytes) bytes"),
            Option("reason", "TEXT", "kept with the item"),
            Option("limit", "N", "at most so many (default: 100)"), DaemonVerb.json, DaemonVerb.help,
        ],
        notes: """
            Finished tasks leave items behind: what the host saw, and what their agents noted, without what looks like a
            secret. An item that reads as an order is quarantined, a rule from a review waits until somebody accepts it; neither is
            told to a task. Items expire after a year, and outlive the blueprint. docs/memory.md
            """)

    static func run(_ line: [String]) -> Int32 {
        DaemonVerb.run(line, help) { arguments in
            let answer = try DaemonVerb.ask(.memory(try request(arguments)))
            if arguments.has("json") {
                Output.out(answer.compactText)
            } else if let removed = answer["removed"]?.intValue {
                Output.out("\(removed) removed")
            } else {
                let items = answer["items"]?.arrayValue ?? answer["item"].map { [$0] } ?? []
                for item in items { Output.out(Self.line(item)) }
                if items.isEmpty { Output.error("nothing is remembered") }
            }
            return 0
        }
    }

    private static func request(_ arguments: Arguments) throws -> MemoryRequest {
        guard arguments.words.count == 2 else { throw UsageError("name an act and what it is about; see --help") }
        let subject = arguments.words[1]
        switch arguments.words[0] {
        case "list":
            let statuses = try arguments.all("status").map { word throws(UsageError) in
                guard let status = MemoryItem.Status(rawValue: word) else {
                    throw UsageError("--status \"\(word.displayed)\" is none of active, proposed, quarantined")
                }
                return status
            }
            return .list(
                repository: subject, statuses: statuses, source: try arguments.value("source"),
                limit: try DaemonVerb.number(arguments, "limit") ?? 100)
        case "show": return .show(item: subject)
        case "add":
            guard let word = try arguments.value("kind"), let kind = MemoryItem.Kind(rawValue: word) else {
                throw UsageError("--kind must be one of fact, episode, procedure, review_rule")
            }
            guard let text = try arguments.value("text") else { throw UsageError("--text is missing") }
            return .add(repository: subject, kind: kind, text: text)
        case "accept": return .accept(item: subject)
        case "quarantine": return .quarantine(item: subject, reason: try arguments.value("reason") ?? "")
        case "remove": return .remove(item: subject)
        case "forget":
            guard let source = try arguments.value("source") else { throw UsageError("--source is missing") }
            return .forget(repository: subject, source: source)
        case let act: throw UsageError("a memory cannot \"\(act.displayed)\"; see sallyport memory --help")
        }
    }

    private static func line(_ item: JSON) -> String {
        func text(_ name: String) -> String { (item[name]?.stringValue ?? "-").displayed }
        return "\(text("id"))  \(text("status"))  \(text("kind"))  \(text("trust"))  \(text("source"))\n    \(text("text"))"
            + (item["note"]?.stringValue.map { "\n    (\($0.displayed))" } ?? "")
    }
}
