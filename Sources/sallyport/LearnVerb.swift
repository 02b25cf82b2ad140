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
        RunVerb.report(result, request, json: false)
        guard let session = SessionID(result.session), result.outcome != .setupFailed else {
            return result.exitStatus()
        }
        let proposal = ProfileProposal(
            ObservedUse(try AuditTrail(session, context.paths).records), result, profile: base,
            base: try extended(arguments),
            command: (arguments.command ?? []).joined(separator: " "))
        Output.outRaw(proposal.text)
        try check(proposal.text, context)
        return result.exitStatus()
    }

    /// `extends` takes names only; a proposal over a file stands on what the file should be copied into.
    private static func extended(_ arguments: Arguments) throws -> String {
        let name = try arguments.value("profile") ?? "strict"
        guard name.contains("/") || name.hasSuffix(".yaml") else { return name }
        Output.error("a profile can extend names only: copy the rules of the proposal into \(name.displayed)")
        return "strict"
    }

    /// A proposal that would not load is our own mistake, and said as such.
    private static func check(_ text: String, _ context: Context) throws(PolicyError) {
        _ = try Profile.load(name: "proposal") { wanted throws(PolicyError) in
            if wanted == "proposal" { return ("the proposal", Array(text.utf8)) }
            return try context.profiles.source(wanted, allowPath: false)
        }
    }

    /// Runs `body` with stdout and stderr the same, so that the proposal alone is what a caller's file gets.
    private static func outputToError<Value>(_ body: () throws -> Value) throws -> Value {
        let kept = Descriptor(owning: Int32(try checked("keep", "standard output") { sp_fdup_above(1, 3) }))
        try checked("redirect", "standard output") { sp_dup2(2, 1) }
        defer { _ = dup2(kept.number, 1) }
        return try body()
    }
}
