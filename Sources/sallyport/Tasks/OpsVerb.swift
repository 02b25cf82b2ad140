// SPDX-License-Identifier: Apache-2.0
internal import CLI
internal import Control
internal import Documents

/// `sallyport ops`: what an operator should look at.
enum OpsVerb {
    private static let help = Help(
        usage: "sallyport ops (alarms [--all] | stuck) [--json]",
        summary: "Shows what sallyportd thinks an operator should look at.",
        options: [
            Option("all", nil, "alarms: also those that do not hold any more"), DaemonVerb.json, DaemonVerb.help,
        ],
        notes: """
            alarms  every one: stuck, stop_unconfirmed, backlog, failures, disk
            stuck   the tasks alone that make no progress, or whose session could not be confirmed to be gone; look at
                    them with sallyport events, end them with sallyport cancel

            Limits are under alarms: of /etc/sallyport/daemon.yaml. Exit status: 0 there is nothing, 1 there is something.
            """)

    private static let ofTasks: Set<String> = ["stuck", "stop_unconfirmed"]

    static func run(_ line: [String]) -> Int32 {
        DaemonVerb.run(line, help) { arguments in
            guard let verb = arguments.words.first, arguments.words.count == 1, ["alarms", "stuck"].contains(verb)
            else { throw UsageError("say alarms or stuck; see sallyport ops --help") }
            if verb == "stuck", arguments.has("all") { throw UsageError("--all is for alarms") }
            let answer = try DaemonVerb.ask(.alarms(all: arguments.has("all")))
            let alarms = (answer["alarms"]?.arrayValue ?? []).filter {
                verb == "alarms" || ofTasks.contains($0["alarm"]?.stringValue ?? "")
            }
            if arguments.has("json") {
                Output.out(JSON.object([.init("alarms", .array(alarms))]).compactText)
            } else {
                for alarm in alarms { Output.out(row(alarm)) }
            }
            return alarms.contains { $0["cleared_ms"]?.isNull != false } ? 1 : 0
        }
    }

    private static func row(_ alarm: JSON) -> String {
        let state = alarm["cleared_ms"]?.isNull == false ? "  (cleared)" : ""
        return Columns.padded(alarm["alarm"]?.stringValue ?? "?", 18)
            + Columns.padded(alarm["task"]?.stringValue ?? "-", 23)
            + (alarm["detail"]?.stringValue ?? "").displayed + state
    }
}
