// SPDX-License-Identifier: Apache-2.0
internal import CLI
internal import CLinux
internal import Documents
internal import Glibc
internal import Isolation
internal import LinuxSystem
internal import Policy
internal import Supervisor

/// `sallyport profile learn`: runs a command with the network open, and proposes the profile that it would have needed.
enum LearnVerb {
    private static let help = Help(
        usage: "sallyport profile learn --observe [--profile NAME|FILE] [options] -- CMD [ARG...]",
        summary: "Runs a command that may reach every public host, and proposes the smallest profile on stdout.",
        options: [
            Option("observe", nil, "required: yes, this command may reach every public host this once"),
            Option("profile", "NAME|FILE", "what else the sandbox allows (default: strict)"),
            Option("workspace", "DIR", "show DIR at /workspace; it is never written, changes are kept aside"),
            Option("read-only", nil, "the workspace cannot be written inside either"),
            Option("discard", nil, "afterwards forget the changes"),
            Option("limit", "KEY=VALUE", "set one limit (repeatable)"),
            Option("env", "NAME=VALUE", "set a variable inside (repeatable)"),
            Option("mount", "SRC:DST", "show SRC read-only at DST, beneath /run (repeatable)"),
            Option("result-file", "FILE", "write the record there as well"), Option("help", nil, "this text"),
        ],
        notes: """
            Every name is answered and every public address may be dialled on any port; private, loopback, link-local and
            metadata addresses stay refused, and so does what the profile denies by name. Only run what you would run
            without a sandbox's network policy at all. The session's record says that it was observed, in the name of its
            profile too. The command's own output goes to stderr.
            exit codes: as for `sallyport run`.
            """)

    static func run(_ line: [String]) throws -> Int32 {
        let arguments = try Arguments(line, options: help.options)
        if arguments.has("help") {
            Output.out(help.text)
            return 0
        }
        guard arguments.has("observe") else {
            throw UsageError(
                "learning lets the command reach every public host; say --observe if that is what you want this once")
        }
        try checked("close", "inherited descriptors") { sp_close_from(3) }
        let head = try HeadStart.begin()
        let context = try Context.make()
        var request = try RunVerb.request(arguments, context)
        let base = request.profile
        request.profile.egress = base.egress.observing
        // What weakens a protection says so by its name.
        request.profile.name = base.name + "-observed"
        let session = SessionRun(
            request, head, paths: context.paths, programs: context.programs,
            fault: FaultPoint(environmentValue("SALLYPORT_FAULT_POINT")), environment: callerEnvironment)
        let result = try outputToError { try session.run() }
        Output.errorRaw(RunReport(result, request, json: false).lines)
        guard let session = SessionID(result.session), result.outcome != .setupFailed else {
            return result.exitStatus()
        }
        let extended = try extended(arguments)
        let observed = ObservedRun(
            result, over: base, base: extended, command: (arguments.command ?? []).joined(separator: " "))
        let answer = try AuditReader.answer(
            .propose, of: session, context,
            [.init("run", observed.json), .init("sources", try sources(extended, context))])
        return answer == 0 ? result.exitStatus() : answer
    }

    /// `extends` takes names only; a proposal over a file stands on what the file should be copied into.
    private static func extended(_ arguments: Arguments) throws -> String {
        let name = try arguments.value("profile") ?? "strict"
        guard name.contains("/") || name.hasSuffix(".yaml") else { return name }
        Output.error("a profile can extend names only: copy the rules of the proposal into \(name.displayed)")
        return "strict"
    }

    /// The text of a profile and of all that it extends, for the reader that has no file.
    private static func sources(_ name: String, _ context: Context) throws(PolicyError) -> JSON {
        var texts: [JSON.Member] = []
        _ = try Profile.resolve(name: name) { wanted throws(PolicyError) in
            let (file, bytes) = try context.profiles.source(wanted, allowPath: false)
            texts.append(.init(wanted, ["file": .string(file), "text": .text(bytes)]))
            return (file, bytes)
        }
        return .object(texts)
    }

    /// Runs `body` with stdout and stderr the same, so that the proposal alone is what a caller's file gets.
    private static func outputToError<Value>(_ body: () throws -> Value) throws -> Value {
        let kept = Descriptor(owning: Int32(try checked("keep", "standard output") { sp_fdup_above(1, 3) }))
        try checked("redirect", "standard output") { sp_dup2(2, 1) }
        defer { _ = dup2(kept.number, 1) }
        return try body()
    }
}

/// What `sallyport profile learn` prints, by the reader of the audit.
enum LearnAnswer {
    /// Proposes a profile, and loads it: one that would not load is our own mistake, and said as such.
    static func propose(_ trail: AuditTrail, _ document: JSON) throws -> Int32 {
        guard let run = document["run"].flatMap({ ObservedRun(json: $0) }) else {
            throw SystemError("read", "what is known of the run", .invalid)
        }
        let proposal = ProfileProposal(ObservedUse(trail.records), of: run)
        Output.outRaw(proposal.text)
        _ = try Profile.load(name: "proposal") { wanted throws(PolicyError) in
            if wanted == "proposal" { return ("the proposal", Array(proposal.text.utf8)) }
            guard let source = document["sources"]?[wanted], let file = source["file"]?.stringValue,
                let text = source["text"]?.stringValue
            else {
                throw PolicyError(
                    "extends \"\(wanted)\", which is not known", file: "the proposal", remedy: "Report this as a bug.")
            }
            return (file, Array(text.utf8))
        }
        return 0
    }
}
