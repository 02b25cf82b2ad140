// SPDX-License-Identifier: Apache-2.0
internal import CLI
internal import Documents
internal import Isolation
internal import Supervisor

/// `sallyport sweep`: what killed sessions left behind goes.
enum SweepVerb {
    private static let help = Help(
        usage: "sallyport sweep [--json]",
        summary: "Removes what sessions without a living supervisor left: groups, ids, directories, partial files.",
        options: [Option("json", nil, "machine-readable output"), Option("help", nil, "this text")],
        notes: "Records of ended sessions go too; kept changes stay until they are applied or discarded.")

    static func run(_ line: [String]) -> Int32 {
        do {
            let arguments = try Arguments(line, options: help.options)
            if arguments.has("help") {
                Output.out(help.text)
                return 0
            }
            // Elsewhere first: what this user's sessions left there is out of its own reach.
            if let socket = environmentValue(SupervisorClient.variable), !socket.isEmpty {
                try SupervisorClient(socket).settle()
            }
            let context = try Context.make()
            try context.paths.prepare()
            var sweep = Sweep(context.paths, mode: .current)
            let report = try sweep.run()
            if arguments.has("json") {
                Output.out(report.json.compactText)
            } else {
                Output.out(
                    "\(report.sessions.count) sessions, \(report.groups.count) groups, \(report.blocks.count) id blocks, \(report.files.count) files removed"
                )
                for failure in report.failures { Output.error(failure) }
            }
            return report.failures.isEmpty ? 0 : 1
        } catch {
            Output.error("\(error)")
            return 125
        }
    }
}
