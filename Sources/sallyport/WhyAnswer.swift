// SPDX-License-Identifier: Apache-2.0
internal import CLI
internal import Documents
internal import Glibc
internal import LinuxSystem
internal import Policy
internal import Supervisor

/// What `sallyport why` prints, by the reader of the audit.
enum WhyAnswer {
    /// Explains one event.
    static func explain(_ trail: AuditTrail, _ document: JSON) throws(SystemError) -> Int32 {
        let event = document["event"]?.stringValue ?? ""
        guard let record = trail.record(event) else {
            throw SystemError(
                "find", "event \(event.displayed)", .noEntry,
                remedy: "\(document["subject"]?.stringValue ?? "The audit") has \(trail.records.count) records.")
        }
        let chain = try chain(record, trail)
        let occurrences = trail.occurrences(of: event)
        if document["json"] == true {
            let rules = chain.map { rule -> JSON in
                ["rule": .string(rule.text), "origin": .string(rule.origin), "reason": .string(rule.reason)]
            }
            Output.out(
                JSON.object([
                    .init("event", record), .init("occurrences", .int(occurrences)), .init("chain", .array(rules)),
                ]).compactText)
        } else {
            explain(record, occurrences, chain)
        }
        return 0
    }

    /// Lists what a session was denied.
    static func list(_ trail: AuditTrail, _ document: JSON) -> Int32 {
        let denied = trail.records.filter {
            ["denied", "refused"].contains($0["decision"]?.stringValue ?? "") && $0["repeats"] == nil
        }
        if document["json"] == true {
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

    /// Every rule that names the host of a record, in the order in which they count.
    private static func chain(_ record: JSON, _ trail: AuditTrail) throws(SystemError) -> [EgressRule] {
        guard let name = record["name"]?.stringValue.flatMap({ HostName($0) }) else { return [] }
        return try trail.policy(generation: trail.generation(of: record))?.chain(for: name) ?? []
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
        var text = record["name"]?.stringValue ?? record["asked"]?.stringValue ?? record["socket"]?.stringValue ?? ""
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
}
