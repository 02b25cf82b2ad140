// SPDX-License-Identifier: Apache-2.0
import Documents
import TestSupport
import Testing

/// The profile verbs that answer questions, as a caller types them. None of them starts a sandbox.
@Suite("profile questions", .timeLimit(.minutes(25)))
struct ProfileQuestionTests {
    let operators: Sallyport
    let file: String

    init() throws {
        operators = try Sallyport()
        file = try operators.home.file(
            "p.yaml",
            """
            version: 1
            extends: [strict]
            reason: test
            egress:
              rules:
                - {host: api.example.com, reason: needed}
                - {registry: cargo, when_absent: skip, reason: packages}
            tests: ["allow api.example.com:443", "deny 169.254.169.254", "write /workspace"]

            """, mode: 0o644)
    }

    private func profile(_ arguments: String...) throws -> Finished {
        var command = operators.command(["profile"] + arguments)
        command.environment["HOME"] = operators.home.path
        command.environment["CARGO_HOME"] = operators.home.path
        return try command.run()
    }

    @Test("explain exits with 0 for allowed, 1 for denied and 125 for no question")
    func explain() throws {
        let allowed = try profile("explain", file, "api.example.com:443")
        #expect(allowed.code == 0, "\(allowed.errorText)")
        #expect(allowed.lines.first == "api.example.com:443: allowed as TLS to that server name")
        #expect(allowed.lines.contains { $0.hasPrefix("  decides  host api.example.com ports 443  # \(file):6") })
        let denied = try profile("explain", file, "api.example.com:22", "--json")
        #expect(denied.code == 1)
        let json = try JSON.read(denied.output, file: "explain")
        #expect(json["allowed"] == false)
        #expect(json["verdict"]?.stringValue?.hasSuffix("(port_not_allowed)") == true)
        #expect(try profile("explain", "strict", "mount").code == 1)
        #expect(try profile("explain", "strict", "/workspace/x").text.hasPrefix("/workspace/x: writable"))
        let wrong = try profile("explain", file, "1.2.3")
        #expect(wrong.code == 125)
        #expect(wrong.errorText.contains("is neither a path, nor a host or address, nor a socket, nor a system call"))
    }

    @Test("diff tells two profiles apart in grants")
    func diff() throws {
        let differ = try profile("diff", "strict", file)
        #expect(differ.code == 1)
        #expect(differ.lines == ["adds connect api.example.com:443 (tls)", "adds registry cargo"])
        #expect(try profile("diff", file, file).code == 0)
        #expect(try profile("diff", file, "absent").code == 125)
    }

    @Test("test holds a profile against its own assertions, of which there must be some")
    func test() throws {
        let holds = try profile("test", file)
        #expect(holds.code == 0, "\(holds.text)\(holds.errorText)")
        #expect(holds.lines.last == "3 assertions, 0 failed")
        let other = try operators.home.file(
            "q.yaml", "version: 1\nextends: [strict]\nreason: test\ntests: [deny /workspace, deny mount]\n", mode: 0o644
        )
        let fails = try profile("test", other)
        #expect(fails.code == 1)
        #expect(fails.lines.first == "FAILS  deny /workspace  # \(other):4")
        #expect(fails.lines.last == "2 assertions, 1 failed")
        #expect(try profile("test", "strict").code == 125)
    }

    @Test("lint shows what a project's own file narrows, and refuses what it would widen")
    func project() throws {
        let narrow = try operators.home.file(
            "narrow.yaml", "version: 1\nreason: less\nlimits: {pids: 9}\negress: {rules: []}\n", mode: 0o644)
        let shown = try profile("lint", file, "--project", narrow)
        #expect(shown.code == 0, "\(shown.errorText)")
        #expect(shown.lines == ["removes connect api.example.com:443 (tls)", "lowers limits.pids from 256 to 9"])
        let wide = try operators.home.file(
            "wide.yaml", "version: 1\nreason: more\negress: {rules: [{host: b.example, reason: x}]}\n", mode: 0o644)
        let refused = try profile("lint", file, "--project", wide)
        #expect(refused.code == 125)
        #expect(
            refused.errorText.contains(
                "egress.rules opens port 443 of b.example, and a project's own file may only narrow"))
    }

    @Test("the schema is the shipped one, and list tells a part from a profile")
    func schema() throws {
        #expect(try JSON.read(profile("schema").output, file: "schema")["title"] == "Sallyport profile")
        let rows = try #require(try JSON.read(profile("list", "--json").output, file: "list").arrayValue)
        #expect(rows.first { $0["name"] == "offline" }?["part"] == true)
        #expect(rows.first { $0["name"] == "registries" }?["part"] == false)
        #expect(rows.allSatisfy { $0["error"] == nil })
    }
}
