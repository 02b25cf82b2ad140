// SPDX-License-Identifier: Apache-2.0
internal import CLI
internal import Control
internal import Documents

/// `sallyport trace`: the spans of a task.
enum TraceVerb {
    private static let help = Help(
        usage: "sallyport trace TASK [--json]",
        summary: "Shows how long each part of a task took, and what it was a part of.",
        options: [DaemonVerb.json, DaemonVerb.help],
        notes: """
            With --json as OpenTelemetry has traces in JSON (resourceSpans), for any collector that takes OTLP:
              sallyport trace TASK --json | curl -H 'content-type: application/json' -d @- COLLECTOR/v1/traces
            The trace's id is the task's correlation id where that is 32 hexadecimal digits, and else the beginning of its
            SHA-256. It is made of the task's events, so it is the same whenever it is asked for.
            """)

    static func run(_ line: [String]) -> Int32 {
        DaemonVerb.run(line, help) { arguments in
            let trace = try DaemonVerb.ask(.trace(task: try DaemonVerb.task(arguments)))["trace"] ?? .null
            Output.out(arguments.has("json") ? trace.compactText : tree(trace))
            return 0
        }
    }

    private struct Span {
        let id: String
        let parent: String?
        let name: String
        let started: Int
        let ended: Int
        let status: JSON
        let attributes: [JSON]

        init?(_ json: JSON) {
            guard let id = json["spanId"]?.stringValue, let name = json["name"]?.stringValue,
                let started = json["startTimeUnixNano"]?.stringValue.flatMap({ Int($0) }),
                let ended = json["endTimeUnixNano"]?.stringValue.flatMap({ Int($0) })
            else { return nil }
            self.id = id
            parent = json["parentSpanId"]?.stringValue
            self.name = name
            self.started = started / 1_000_000
            self.ended = ended / 1_000_000
            status = json["status"] ?? .null
            attributes = json["attributes"]?.arrayValue ?? []
        }

        func number(_ name: String) -> Int? {
            attributes.first { $0["key"]?.stringValue == name }?["value"]?["intValue"]?.stringValue.flatMap { Int($0) }
        }
    }

    private static func tree(_ trace: JSON) -> String {
        let scope = trace["resourceSpans"]?.arrayValue?.first?["scopeSpans"]?.arrayValue?.first
        let spans = (scope?["spans"]?.arrayValue ?? []).compactMap(Span.init)
        guard let first = spans.first else { return "no spans" }
        let id = scope?["spans"]?.arrayValue?.first?["traceId"]?.stringValue ?? "?"
        var rows = ["trace \(id)"]
        func add(_ span: Span, _ depth: Int) {
            rows.append(row(span, depth, since: first.started))
            for part in spans where part.parent == span.id { add(part, depth + 1) }
        }
        add(first, 0)
        return rows.joined(separator: "\n")
    }

    private static func row(_ span: Span, _ depth: Int, since: Int) -> String {
        let name = String(repeating: "  ", count: depth) + span.name.displayed
        var row =
            Columns.padded("+\(seconds(span.started - since))", 12)
            + Columns.padded(seconds(span.ended - span.started), 12) + name
        switch span.status["code"]?.intValue {
        case 0: row += "  (not over)"
        case 2: row += "  failed: \((span.status["message"]?.stringValue ?? "").displayed)"
        default: break
        }
        if let calls = span.number("sallyport.model.calls") {
            row += "  \(calls) calls, \(seconds(span.number("sallyport.model.duration_ms") ?? 0)) together"
        }
        return row
    }

    private static func seconds(_ milliseconds: Int) -> String {
        let rest = String(milliseconds % 1000)
        return "\(milliseconds / 1000).\(String(repeating: "0", count: 3 - rest.count))\(rest) s"
    }
}
