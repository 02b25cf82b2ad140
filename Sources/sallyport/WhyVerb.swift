// SPDX-License-Identifier: Apache-2.0
internal import CLI
internal import Documents
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
            let json = JSON.Member("json", .bool(arguments.has("json")))
            if let session = SessionID(word) { return try AuditReader.answer(.list, of: session, context, [json]) }
            guard let session = AuditTrail.session(of: word) else {
                throw UsageError("\"\(word.displayed)\" is no event; one looks like s-abcdefghijkl-12")
            }
            return try AuditReader.answer(
                .explain, of: session, context, [json, .init("event", .string(word))])
        } catch {
            Output.error("\(error)")
            return 125
        }
    }
}
