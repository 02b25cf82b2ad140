// SPDX-License-Identifier: Apache-2.0
internal import CLI
internal import Documents
internal import Glibc
internal import Isolation
internal import LinuxSystem
internal import Policy
internal import Supervisor

/// `sallyport why`: what one recorded event was, which rules had to do with it, and what to do about it.
enum WhyVerb {
    private static let json = Option("json", nil, "machine-readable output")
    private static let help = Help(
        usage: "sallyport why EVENT | SESSION  [--json]",
        summary: "Explains a recorded decision about the network, or lists what a session was denied.",
        options: [json, Option("help", nil, "this text")],
        notes: """
            An event's id stands in the audit of its session, in the answer that the task got, and in the summary at the end
            of a run: s-abcdefghijkl-12. With a session's id alone, its denials are listed.
            """)

    static func run(_ line: [String]) -> Int32 {
        do {
            let arguments = try Arguments(line, options: help.options)
            if arguments.has("help") || arguments.words.count != 1 {
                Output.out(help.text)
                return arguments.has("help") ? 0 : 125
            }
            let context = try Context.make()
            let word = arguments.words[0]
            if let session = SessionID(word) {
                return list(try AuditTrail(session, context.paths), arguments.has("json"))
            }
            guard let session = AuditTrail.session(of: word) else {
                throw UsageError("\"\(word.displayed)\" is no event; one looks like s-abcdefghijkl-12")
            }
            let trail = try AuditTrail(session, context.paths)
            guard let record = trail.record(word) else {
                throw SystemError(
                    "find", "event \(word)", .noEntry,
                    remedy: "The audit of session \(session) has \(trail.records.count) records.")
            }
            let chain = try chain(record, trail)
            if arguments.has("json") {
                Output.out(
                    JSON.object([
                        .init("event", record), .init("occurrences", .int(trail.occurrences(of: word))),
                        .init(
                            "chain",
                            .array(
                                chain.map {
                                    [
                                        "rule": .string($0.text), "origin": .string($0.origin),
                                        "reason": .string($0.reason),
                                    ]
                                })),
                    ]).compactText)
            } else {
                explain(record, trail.occurrences(of: word), chain)
            }
            return 0
        } catch {
            Output.error("\(error)")
            return 125
        }
    }

    /// Every rule that names the host of a record, in the order in which they count.
    private static func chain(_ record: JSON, _ trail: AuditTrail) throws(SystemError) -> [EgressRule] {
        guard let name = record["name"]?.stringValue.flatMap({ HostName($0) }) else { return [] }
        // The generation in force when the line was written: the last one that was announced before it.
        var generation = 1
        for earlier in trail.records {
            if earlier["event"]?.stringValue == "policy.apply" {
                generation = earlier["generation"]?.intValue ?? generation
            }
            if earlier["id"] == record["id"] { break }
        }
        return try trail.policy(generation: generation)?.chain(for: name) ?? []
    }

    // MARK: Text

    private static func explain(_ record: JSON, _ occurrences: Int, _ chain: [EgressRule]) {
        func row(_ head: String, _ text: String?) {
            guard let text, !text.isEmpty else { return }
            for (number, line) in Columns.wrapped(text.displayed, width: 96).enumerated() {
                Output.out(Columns.padded(number == 0 ? head : "", 11) + line)
            }
        }
        let times = occurrences == 1 ? "" : ", \(occurrences) times"
        row(
            "event",
            "\(record["id"]?.stringValue ?? "") \(record["event"]?.stringValue ?? "") at \(time(record))\(times)")
        row("asked", subject(record))
        row(
            "decision",
            [record["decision"]?.stringValue, record["reason"]?.stringValue].compactMap { $0 }.joined(separator: ": "))
        row("because", record["detail"]?.stringValue)
        if let rule = record["rule"] {
            row(
                "rule",
                "\(rule["rule"]?.stringValue ?? "") (\(rule["origin"]?.stringValue ?? "")): \(rule["reason"]?.stringValue ?? "")"
            )
        }
        for (number, rule) in chain.enumerated() {
            row(number == 0 ? "rules" : "", "\(number + 1). \(rule.text) (\(rule.origin)): \(rule.reason)")
        }
        if chain.isEmpty && record["name"] != nil { row("rules", "none names it") }
        if let process = record["process"] {
            let file = process["executable"]
            row(
                "process",
                "pid \(process["pid"]?.intValue ?? 0), executable by device and inode "
                    + "\(file?["device"]?.intValue ?? 0):\(file?["inode"]?.intValue ?? 0)")
            row(
                "claims",
                "\(process["claimed"]?["name"]?.stringValue ?? ""): \(process["claimed"]?["command"]?.stringValue ?? "")"
            )
        }
        row("remedy", record["remedy"]?.stringValue)
    }

    private static func subject(_ record: JSON) -> String {
        var text = record["name"]?.stringValue ?? record["asked"]?.stringValue ?? ""
        if let port = record["port"]?.intValue { text += " port \(port)" }
        if let type = record["type"]?.stringValue { text += " (\(type) record)" }
        if let address = record["address"]?.stringValue { text += ", outside \(address)" }
        return text
    }

    private static func time(_ record: JSON) -> String {
        let milliseconds = record["time_ms"]?.intValue ?? 0
        var seconds = time_t(milliseconds / 1000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        var buffer = [CChar](repeating: 0, count: 32)
        let length = strftime(&buffer, buffer.count, "%Y-%m-%dT%H:%M:%SZ", &parts)
        return String(decoding: buffer.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static func list(_ trail: AuditTrail, _ asJSON: Bool) -> Int32 {
        let denied = trail.records.filter {
            ["denied", "refused"].contains($0["decision"]?.stringValue ?? "") && $0["repeats"] == nil
        }
        if asJSON {
            Output.out(JSON.array(denied).compactText)
            return 0
        }
        if denied.isEmpty { Output.out("nothing was denied") }
        for record in denied {
            let id = record["id"]?.stringValue ?? ""
            Output.out(
                "\(id.displayed)  \(trail.occurrences(of: id))x  \(subject(record).displayed)  "
                    + "\((record["reason"]?.stringValue ?? "").displayed)")
        }
        return 0
    }
}
