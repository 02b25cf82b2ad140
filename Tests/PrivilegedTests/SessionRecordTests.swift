// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

/// What a session is given, and what its files tell of it.
@Suite("session record", .requires(.root), .timeLimit(.minutes(25)))
struct SessionRecordTests {
    private func running(_ sallyport: Sallyport, _ record: String) throws -> Running {
        let running = try sallyport.runCommand(
            profile: "strict", record: sallyport.home.at(record), ["sh", "-c", "echo started; sleep 600"]
        ).start()
        #expect(try running.line() == "started")
        return running
    }

    private func end(_ running: Running) throws {
        try running.signal(SIGTERM)
        _ = try running.finish()
    }

    @Test("a value that is not UTF-8 passes byte for byte")
    func environmentBytes() throws {
        let sallyport = try Sallyport()
        let profile = try sallyport.home.file(
            "pass.yaml", "version: 1\nextends: [strict]\nreason: a test\nenvironment: {pass: [SALLYPORT_TEST_NAME]}\n")
        // ISO 8859-1, a lone continuation byte, an overlong slash, a surrogate, and text after them.
        let value: [UInt8] = [0x63, 0x61, 0x66, 0xe9, 0x80, 0xc0, 0xaf, 0xed, 0xa0, 0x80, 0xff, 0x21]
        let octal = value.map { "\\" + String($0, radix: 8) }.joined()
        var command = Command(
            "/bin/sh",
            [
                "-c", "SALLYPORT_TEST_NAME=$(printf '\(octal)'); export SALLYPORT_TEST_NAME; exec \"$@\"", "sh",
                Executables.sallyport, "run", "--profile", profile, "--", "printenv", "SALLYPORT_TEST_NAME",
            ])
        command.environment = sallyport.environment
        var control = command
        control.arguments = Array(command.arguments.prefix(3)) + ["printenv", "SALLYPORT_TEST_NAME"]
        #expect(try control.run().output == value + [10])
        let run = try command.run()
        #expect(run.code == 0, "\(run.errorText)")
        #expect(run.output == value + [10], "\(run.text)")
    }

    @Test("an audit that cannot be kept is known before anything runs")
    func audit() throws {
        let sallyport = try Sallyport()
        let profile = try sallyport.home.file(
            "web.yaml",
            "version: 1\nextends: [strict]\nreason: a test\negress: {rules: [{host: a.test, reason: a name}]}\n")
        let options = ["--record-files", sallyport.home.at("kept")]
        let kept = try sallyport.run(profile: profile, options: options, ["echo", "it ran"])
        #expect(kept.lines == ["it ran"] && kept.code == 0, "\(kept.errorText)")
        #expect(text(sallyport.home.at("kept.audit.jsonl"))?.isEmpty == false)
        try #require(unlink(sallyport.home.at("kept.audit.jsonl")) == 0)
        try sallyport.home.directory("kept.audit.jsonl")
        let lost = try sallyport.run(profile: profile, options: options, ["echo", "it ran"])
        #expect(lost.lines == [] && lost.code == 125, "\(lost.text)")
        #expect(lost.errorText.contains("kept.audit.jsonl"), "\(lost.errorText)")
        // A session without a gateway has no audit to keep.
        let none = try sallyport.run(profile: "strict", options: options, ["echo", "it ran"])
        #expect(none.lines == ["it ran"] && none.code == 0, "\(none.errorText)")
    }

    @Test("a copy of the audit that fails loses no record")
    func auditLost() throws {
        let sallyport = try Sallyport()
        let profile = try sallyport.home.file(
            "web.yaml",
            "version: 1\nextends: [strict]\nreason: a test\negress: {rules: [{host: a.test, reason: a name}]}\n")
        let record = sallyport.home.at("result.json")
        let run = try sallyport.runCommand(
            profile: profile, options: ["--record-files", sallyport.home.at("kept")], record: record,
            ["sh", "-c", "echo ready; read line"]
        ).start()
        #expect(try run.line() == "ready")
        let session = try #require(names("\(sallyport.runtime)/sessions").first { $0.hasPrefix("s-") })
        // Longer than any copy may be; sparse, so that it takes no room.
        let place = "\(sallyport.runtime)/sessions/\(session)"
        try #require(truncate("\(place)/audit.jsonl", 65 << 20) == 0)
        run.closeInput()
        let outcome = try sallyport.outcome(of: try run.finish(), record: record)
        #expect(outcome.outcome == "exited", "\(outcome.errorText)")
        #expect(outcome.result?["error"]?.stringValue?.contains("audit.jsonl") == true)
        #expect(text("\(place)/result.json")?.contains("audit.jsonl") == true)
    }

    @Test("state.json names the block of ids and the template from before the command starts")
    func state() throws {
        let sallyport = try Sallyport()
        let running = try running(sallyport, "result.json")
        let id = try #require(names("\(sallyport.runtime)/sessions").first)
        let file = "\(sallyport.runtime)/sessions/\(id)/state.json"
        let state = try JSON.read(try #require(contents(file)), file: file)
        let base = try #require(HostIds.base(of: id))
        #expect(state["id_block"]?["first"] == .int(Int(base)), "\(state.prettyText)")
        #expect(state["id_block"]?["index"]?.intValue != nil)
        let template = try #require(state["template"]?.stringValue)
        #expect(names(sallyport.runtime).contains(template))
        try end(running)
    }

    @Test("the list goes by the time of the start, whatever the random names are")
    func order() throws {
        let sallyport = try Sallyport()
        var started: [String] = []
        for number in 0..<5 {
            let run = try sallyport.run(profile: "strict", ["true"])
            started.append(try #require(run.session, "run \(number): \(run.errorText)"))
        }
        // One in 120 orders is sorted by chance; the names are then told apart by a sixth and seventh.
        while started == started.sorted() {
            started.append(try #require(try sallyport.run(profile: "strict", ["true"]).session))
        }
        let listed = try sallyport.command(["session", "list"]).run()
        #expect(listed.lines.map { String($0.prefix(14)) } == started, "\(listed.text)")
        let json = try JSON.read(try sallyport.command(["session", "list", "--json"]).run().output, file: "list")
        #expect(json.arrayValue?.compactMap { $0["session"]?.stringValue } == started)
    }

    @Test("a runtime directory through which sessions cannot pass is refused by name", arguments: ["runtime", "above"])
    func closed(which: String) throws {
        let sallyport = try Sallyport()
        let above = try sallyport.home.directory("above")
        let runtime = try sallyport.home.directory("above/runtime", mode: 0o711)
        let place = which == "above" ? above : runtime
        var command = sallyport.command(["run", "--", "true"])
        command.environment["SALLYPORT_RUNTIME_DIR"] = runtime
        #expect(try command.run().code == 0, "control")
        chmod(place, 0o700)
        let run = try command.run()
        #expect(run.code == 125 && run.text.isEmpty)
        #expect(
            run.errorText
                == "sallyport: cannot use runtime directory \"\(runtime)\": Permission denied (EACCES). Sessions run with "
                + "ids of their own and have to pass through \"\(place)\", whose mode is 700. Run chmod o+x on it, or "
                + "set SALLYPORT_RUNTIME_DIR to another place.\n")
    }
}
