// SPDX-License-Identifier: Apache-2.0
internal import CLI
internal import CLinux
internal import Glibc
internal import Isolation
internal import LinuxSystem
internal import Policy
internal import Supervisor

/// `sallyport session shell`: looks around in what an ended session left, in a fresh sandbox of the same profile.
enum ShellVerb {
    private static let help = Help(
        usage: "sallyport session shell ID [options] [-- CMD [ARG...]]",
        summary: "Opens a shell, or runs CMD, in a new sandbox whose workspace is as session ID left it.",
        options: [
            Option("workspace", "DIR", "the tree below the changes, as when the session's own was moved"),
            Option("egress", nil, "let out what the session's profile lets out (default: nothing)"),
            Option("apply", nil, "afterwards write the changes, the session's and the new ones, into the workspace"),
            Option("diff", nil, "afterwards show the changes, and keep them as a new session"),
            Option("keep", nil, "afterwards keep them as a new session (default: forget what the shell did)"),
            Option("limit", "KEY=VALUE", "set one limit, lower or higher than the session's (repeatable)"),
            Option("env", "NAME=VALUE", "set a variable inside (repeatable)"),
            Option("mount", "SRC:DST", "show SRC read-only at DST, beneath /run (repeatable)"),
            Option("result-file", "FILE", "write the record there as well"),
            Option("raw-output", nil, "on a terminal, do not defuse escape sequences"),
            Option("json", nil, "print the record as one JSON line on stderr when the command has ended"),
            Option("help", nil, "this text"),
        ],
        notes: """
            The session must have ended and have kept changes; `sallyport run --keep` and `sallyport task run --keep` keep
            the workspace whatever it holds. What the session had elsewhere (/tmp, mounts, processes) is gone. Nothing joins
            a session that runs. The command's exit code, or 125 when Sallyport failed.

            examples:
              sallyport session shell s-abcdefghijkl
              sallyport session shell s-abcdefghijkl -- git log --stat
            """)

    static func run(_ line: [String]) throws -> Int32 {
        let arguments = try Arguments(line, options: help.options)
        if arguments.has("help") {
            Output.out(help.text)
            return 0
        }
        guard arguments.words.count == 1, let id = SessionID(arguments.words[0]) else {
            throw UsageError(
                "give the session to look at, one that `sallyport session list` shows; see sallyport session shell --help"
            )
        }
        try checked("close", "inherited descriptors") { sp_close_from(3) }
        try RunVerb.start(json: arguments.has("json")) { context in
            try context.paths.prepare()
            try refuseLiving(id, context)
            return try request(arguments, try KeptChanges(context.paths).record(id))
        }
    }

    /// What joins a session has to be as strong as what was started in it, and no weaker for a moment; that is not built.
    private static func refuseLiving(_ id: SessionID, _ context: Context) throws(SystemError) {
        guard try SessionList(context.paths).item(id)?.phase == .running else { return }
        throw SystemError(
            "open a shell in", "session \(id)", .busy,
            remedy:
                "It is running, and nothing joins a running session. Wait for its end or end it with `sallyport session stop "
                + "\(id)`; then the shell shows what it kept.")
    }

    private static func request(_ arguments: Arguments, _ kept: KeptChanges.Record) throws -> RunRequest {
        var profile = try Profile.load(name: kept.profile.name) { name throws(PolicyError) in
            ("the record of session \(kept.session)", kept.profile.file)
        }
        if !arguments.has("egress") {
            profile.egress.setRules([])
        }
        profile = try RunVerb.limited(profile, arguments)
        let command = arguments.command ?? ["/bin/sh"]
        guard !command.isEmpty else { throw UsageError("no command after --") }
        let argv =
            arguments.command == nil ? command.map { Array($0.utf8) } : try RunVerb.words(command.count)
        var request = RunRequest(profile: profile, argv: argv)
        request.disposition = .discard
        try RunVerb.fill(&request, arguments)
        request.shows = kept
        // Where the session began with nothing, so does this one.
        if let path = kept.workspace {
            request.workspace = try request.workspace ?? shownTree(path, of: kept)
        } else if request.workspace != nil {
            throw UsageError("session \(kept.session) had no tree that --workspace could stand for")
        }
        try RunVerb.requireChanges(request)
        return request
    }

    private static func shownTree(_ path: String, of kept: KeptChanges.Record) throws(SystemError) -> String {
        _ = try ChangesVerb.tree(of: kept, remedy: "Name the session's directory by --workspace DIR.")
        return path
    }
}
