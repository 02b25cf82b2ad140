// SPDX-License-Identifier: Apache-2.0
internal import CLI
internal import CLinux
internal import Glibc
internal import Isolation
internal import LinuxSystem
internal import Supervisor

/// `sallyport supervise --listen`: sessions in host mode for users without root.
enum SuperviseVerb {
    private static let help = Help(
        usage: "sallyport supervise --listen [--socket PATH] [--ceiling FILE]",
        summary: "Starts sessions for users whom the operator's ceiling names, each under a supervisor of its own.",
        options: [
            Option("listen", nil, "on the socket that systemd opened, or else on --socket"),
            Option("socket", "PATH", "where to listen (default: supervise.sock in the runtime directory)"),
            Option("ceiling", "FILE", "who may ask for what (default: \(CeilingFile.standard))"),
            Option("help", nil, "this text"),
        ],
        notes: """
            A client is whoever runs sallyport with \(SupervisorClient.variable)=PATH. Sessions go on when this process ends,
            and the next one finds them. See docs/supervise.md.
            """)

    static func run(_ line: [String]) -> Int32 {
        do {
            let arguments = try Arguments(line, options: help.options)
            if arguments.has("help") || !arguments.has("listen") {
                Output.out(help.text)
                return arguments.has("help") ? 0 : 125
            }
            guard arguments.words.isEmpty, arguments.command == nil else {
                throw UsageError("unexpected words; see sallyport supervise --help")
            }
            let context = try Context.make()
            let ceiling = try arguments.value("ceiling").map { try RunVerb.absolute($0) } ?? CeilingFile.standard
            // The directory of the socket is among them.
            try context.paths.prepare()
            let path = try arguments.value("socket").map { try RunVerb.absolute($0) }
            let place = path ?? context.paths.runtime + "/supervise.sock"
            let socket = try Listener.socket(at: place, environment: environmentValue)
            raiseOpenFiles()
            let signals = Descriptor(owning: Int32(try checked("watch", "signals") { sp_block_signals_and_watch() }))
            let listener = try Listener(
                socket, paths: context.paths, ceiling: ceiling, signals: signals, log: { Output.error($0) })
            Output.out("ready \(place)")
            try listener.run()
            // An exit hangs up on whoever still waits; a close could be made to wait itself. inet_release
            withExtendedLifetime(listener) { _exit(0) }
        } catch {
            Output.error("\(error)")
            return 125
        }
    }

    /// Each session and each client takes one or two, and the usual soft limit is for programs that use select(2).
    private static func raiseOpenFiles() {
        let most = sp_rlimit_hard(SP_RLIMIT_NOFILE)
        // With fewer it serves fewer at a time; nothing else depends on it.
        _ = sp_setrlimit(SP_RLIMIT_NOFILE, min(most, 65536), most)
    }
}
