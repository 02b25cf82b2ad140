// SPDX-License-Identifier: Apache-2.0
internal import CLI
internal import Control
internal import Documents
internal import TaskModel

/// `sallyport pending`, `approve`, `deny`: what tasks of sallyportd wait for, and the answers.
enum ApprovalVerbs {
    static let names = ["pending", "approve", "deny"]

    static func run(_ name: String, _ line: [String]) -> Int32 {
        switch name {
        case "pending": pending(line)
        case "approve": decide(line, approve: true)
        default: decide(line, approve: false)
        }
    }

    private static func pending(_ line: [String]) -> Int32 {
        let help = Help(
            usage: "sallyport pending [--json]",
            summary: "Lists the questions that you may answer, longest open first.",
            options: [DaemonVerb.json, DaemonVerb.help],
            notes: """
                What is shown of a question is what the host saw, and nothing that an agent said. Only a plan is an agent's own, \
                since it is what you decide about: each of its lines begins with a bar.
                """)
        return DaemonVerb.run(line, help) { arguments in
            guard arguments.words.isEmpty else { throw UsageError("unknown word \"\(arguments.words[0])\"") }
            let answer = try DaemonVerb.ask(.pending)
            guard !arguments.has("json") else {
                Output.out(answer.compactText)
                return 0
            }
            for request in answer["requests"]?.arrayValue ?? [] { Output.out(lines(request).joined(separator: "\n")) }
            return 0
        }
    }

    private static func decide(_ line: [String], approve: Bool) -> Int32 {
        let verb = approve ? "approve" : "deny"
        let help = Help(
            usage: "sallyport \(verb) TASK REQUEST \(approve ? "[--reason TEXT]" : "--reason TEXT") [--json]",
            summary: approve
                ? "Lets a task do what it asked for."
                : "Keeps a task from doing what it asked for; it ends as FAILED, with your reason. A plan is made anew by it.",
            options: [
                Option("reason", "TEXT", "kept with the decision, and shown to the task's owner"), DaemonVerb.json,
                DaemonVerb.help,
            ], notes: "The first decision stands. See: sallyport pending.")
        return DaemonVerb.run(line, help) { arguments in
            guard arguments.words.count == 2 else {
                throw UsageError("name a task and one of its questions; see: sallyport pending")
            }
            let reason = try arguments.value("reason")
            guard approve || reason?.isEmpty == false else { throw UsageError("deny needs --reason TEXT") }
            let answer = try DaemonVerb.ask(
                .decide(task: arguments.words[0], request: arguments.words[1], approve: approve, reason: reason))
            let request = answer["request"] ?? .null
            Output.out(
                arguments.has("json")
                    ? answer.compactText
                    : "\(arguments.words[1])  \(request["status"]?.stringValue ?? "?")  \(title(request))")
            return 0
        }
    }

    private static func title(_ request: JSON) -> String {
        "\(request["act"]?.stringValue ?? "?") of \((request["subject"]?.stringValue ?? "?").displayed)"
    }

    /// A question on a few lines, with how to answer it.
    static func lines(_ request: JSON) -> [String] {
        let task = request["task"]?.stringValue ?? "?"
        let name = request["request"]?.stringValue ?? "?"
        var facts: [String] = []
        var claimed: [String] = []
        for fact in request["facts"]?.objectValue ?? [] where !fact.value.isNull {
            let text = fact.value.stringValue ?? fact.value.compactText
            if fact.name.hasPrefix(ApprovalRequest.claimed) {
                claimed += text.split(separator: "\n").map { "          | \(String($0).displayed)" }
            } else {
                facts.append("\(fact.name.displayed)=\(text.displayed)")
            }
        }
        return [
            "asks        \(name)  \(request["severity"]?.stringValue ?? "?")  \(title(request))",
            "            \(facts.joined(separator: "  "))",
        ] + claimed + [
            "            sallyport approve \(task) \(name)   or   sallyport deny \(task) \(name) --reason TEXT"
        ]
    }
}
