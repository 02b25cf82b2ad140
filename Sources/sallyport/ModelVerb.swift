// SPDX-License-Identifier: Apache-2.0
internal import CLI
internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import Supervisor

/// `sallyport model`: what was said to models, once more.
enum ModelVerb {
    private static let help = Help(
        usage: "sallyport model replay FILE [options]",
        summary: "Answers as a session's models did, from its model-record.jsonl, and ends when all was asked.",
        options: [
            Option("listen", "ADDRESS:PORT", "where, on this machine only (default: 127.0.0.1:0, any free port)"),
            Option("help", nil, "this text"),
        ],
        notes: """
            A request is answered by the first unused exchange of the same route and body, in the pieces in which the
            answer came. With the first that none fits it says where that differs, and ends.

            exit codes: 0 everything was asked as it was recorded; 1 a request differed; 125 Sallyport failed.
            """)

    static func run(_ rest: [String]) -> Int32 {
        do {
            let arguments = try Arguments(rest, options: help.options)
            if arguments.has("help") {
                Output.out(help.text)
                return 0
            }
            guard arguments.words.count == 2, arguments.words[0] == "replay" else {
                throw UsageError("write: sallyport model replay FILE")
            }
            let program = try Programs.beside().directory + "/sallyport-broker"
            let words = [
                program, "replay", try RunVerb.absolute(arguments.words[1]),
                try arguments.value("listen") ?? "127.0.0.1:0",
            ]
            try checked("execute", "\"\(program)\"") { sp_task_become(program, words.map { strdup($0) } + [nil]) }
        } catch {
            Output.error("\(error)")
        }
        return 125
    }
}
