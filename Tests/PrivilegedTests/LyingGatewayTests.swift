// SPDX-License-Identifier: Apache-2.0
import Documents
import TestSupport
import Testing

/// An egress gateway that was taken over by what it reads: its supervisor believes no report that is out of order.
@Suite("lying gateway", .requires(.root))
struct LyingGatewayTests {
    /// An installation whose gateway is the one that lies, and a session of it that waits for a word.
    private struct Scene {
        let sallyport: Sallyport
        let program: String
        let lie: String
        let record: String
        let run: Running

        init(_ lie: String) throws {
            sallyport = try Sallyport()
            self.lie = lie
            let programs = try sallyport.home.directory("bin")
            program = "\(programs)/sallyport"
            try sallyport.home.directory("share")
            try sallyport.home.directory("share/sallyport")
            for (from, to) in [
                (Executables.sallyport, program), (Executables.path("sp-init"), "\(programs)/sp-init"),
                (Executables.path("lying-gateway"), "\(programs)/sallyport-gateway"),
                ("\(Executables.sources)/profiles", sallyport.home.at("share/sallyport/profiles")),
            ] {
                let copy = try Command("/bin/cp", ["-R", from, to]).run()
                try #require(copy.code == 0, "\(copy.errorText)")
            }
            record = sallyport.home.at("record.json")
            let profile = try Self.profile(sallyport, "\(lie).lie.test")
            run = try Self.command(
                program,
                sallyport.runCommand(
                    profile: profile, record: record, ["sh", "-c", "echo begun; read line; exit 7"])
            ).start()
            let first = try run.line()
            if first != "begun" { throw HarnessError("no session: \(try run.finish().errorText)") }
        }

        private static func command(_ program: String, _ command: Command) -> Command {
            var other = Command(program, command.arguments)
            other.environment = command.environment
            return other
        }

        private static func profile(_ sallyport: Sallyport, _ name: String) throws -> String {
            try sallyport.home.file(
                "\(name).yaml",
                "version: 1\nextends: [strict]\nreason: a test of the gateway\n"
                    + "egress: {rules: [{host: \(name), reason: a name}]}\n")
        }

        var session: String { get throws { try #require(names(sallyport.runtime + "/sessions").first) } }

        /// Asks for another policy, which is when the gateway lies.
        func change() throws -> Finished {
            let file = try Self.profile(sallyport, "other.test")
            let arguments = ["session", "policy", try session, "--file", file]
            return try Self.command(program, sallyport.command(arguments)).run()
        }

        func gateway() throws -> ProcessEnd {
            let found = descendants(of: run.pid).map(\.pid).filter {
                text("/proc/\($0)/cmdline")?.hasPrefix("sallyport-gateway") == true
            }
            return try ProcessEnd(of: try #require(found.count == 1 ? found[0] : nil, "\(found)"))
        }

        func finish() throws -> Outcome {
            run.closeInput()
            return try sallyport.outcome(of: try run.finish(), record: record)
        }
    }

    static let lies = [
        ("latest", "answered for generation 4294967295 of the policy and was asked for 2"),
        ("earlier", "answered for generation 1 of the policy and was asked for 2"),
        ("again", "reported \"ready\" while it was serving"),
        ("summary", "reported \"denial\" while it was serving"),
        ("failed", "reported \"failure\" while it was serving"),
        ("over", "reported \"ended\" while it was serving"),
        ("garbage", "cannot read the egress gateway's report"),
    ]

    @Test(
        "a report out of order ends the gateway, and the session goes on without a way out and says why",
        .timeLimit(.minutes(25)), arguments: lies)
    func caught(_ lie: String, _ words: String) throws {
        let scene = try Scene(lie)
        let gateway = try scene.gateway()
        let change = try scene.change()
        #expect(change.code == 1 && change.errorText.contains("the session's gateway has ended"), "\(change.errorText)")
        try gateway.wait()
        // The supervisor lives and answers.
        let again = try scene.change()
        #expect(again.code == 1 && again.errorText.contains("the session's gateway has ended"), "\(again.errorText)")
        let first = "\(scene.sallyport.runtime)/sessions/\(try scene.session)/egress-1.json"
        #expect(text(first)?.contains("\(lie).lie.test") == true)
        let outcome = try scene.finish()
        #expect(outcome.code == 7, "\(outcome.errorText)")
        #expect(outcome.result?["egress"]?["generation"]?.intValue == 1)
        #expect(outcome.result?["egress"]?["lost"]?.stringValue?.contains(words) == true, "\(outcome.errorText)")
        #expect(outcome.errorText.contains(words), "\(outcome.errorText)")
    }

    @Test("the answer to a change counts once, and a second one nobody asked for ends it", .timeLimit(.minutes(25)))
    func unasked() throws {
        let scene = try Scene("unasked")
        let gateway = try scene.gateway()
        #expect(try scene.change().code == 0)
        try gateway.wait()
        let outcome = try scene.finish()
        #expect(outcome.code == 7, "\(outcome.errorText)")
        #expect(outcome.result?["egress"]?["generation"]?.intValue == 2)
        let lost = outcome.result?["egress"]?["lost"]?.stringValue ?? ""
        #expect(lost.contains("answered for generation 3 of the policy and was asked for none"), "\(lost)")
    }

    @Test("one that lies at the end is not waited for", .timeLimit(.minutes(25)))
    func atEnd() throws {
        let scene = try Scene("at-end")
        let gateway = try scene.gateway()
        let outcome = try scene.finish()
        try gateway.wait()
        #expect(outcome.code == 7, "\(outcome.errorText)")
        let lost = outcome.result?["egress"]?["lost"]?.stringValue ?? ""
        #expect(lost.contains("reported \"ready\" while it was closing"), "\(lost)")
    }

    @Test("one that says nothing at the end is killed, and its account is missed", .timeLimit(.minutes(25)))
    func mute() throws {
        let scene = try Scene("mute")
        let gateway = try scene.gateway()
        let outcome = try scene.finish()
        try gateway.wait()
        #expect(outcome.code == 7, "\(outcome.errorText)")
        let lost = outcome.result?["egress"]?["lost"]?.stringValue ?? ""
        #expect(lost.contains("It gave no account of itself"), "\(lost)")
    }

    @Test("one that says that it ended, and does not, is gone before its ids are free", .timeLimit(.minutes(25)))
    func stays() throws {
        let scene = try Scene("stays")
        let gateway = try scene.gateway()
        #expect(statusField(gateway.pid, "VmSize") != nil)
        let outcome = try scene.finish()
        // Whatever is left of it has no memory to act from.
        #expect(statusField(gateway.pid, "VmSize") == nil)
        try gateway.wait()
        #expect(outcome.code == 7, "\(outcome.errorText)")
        #expect(outcome.result?["egress"]?["lost"] == .null)
    }
}
