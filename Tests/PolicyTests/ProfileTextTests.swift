// SPDX-License-Identifier: Apache-2.0
import Documents
import Policy
import Testing

@Suite("profile text")
struct ProfileTextTests {
    @Test("shows each key with value and origin")
    func show() throws {
        let build = try Profile.load(name: "build", source: ProfileFixtures.source())
        let lines = build.show().map { $0.description }
        #expect(lines.contains("limits.pids: 1024  # profiles/build.yaml:13"), "\(lines)")
        #expect(lines.contains("limits.workspace: metered  # profiles/strict.yaml:38"))
        #expect(lines.contains("syscalls.allow_groups[1]: debug-own-children  # profiles/build.yaml:10"))
        // Everything is written down but the absence of rules, which no file can state for those that extend it.
        #expect(lines.filter { $0.hasSuffix("# not written") } == ["egress.rules: []  # not written"])
    }

    @Test("the text for digests leaves out what decides nothing, and only that")
    func canonical() throws {
        func text(_ lines: String) throws -> String {
            try ProfileFixtures.load(ProfileFixtures.overStrict(lines)).canonicalText
        }
        let base = try text("")
        #expect(try ProfileFixtures.strict().canonicalText == base)
        #expect(try text("environment: {pass: [TZ, NO_COLOR, COLORTERM, TERM, LC_ALL, LANG]}") == base)
        #expect(try text("limits: {memory: 2048MiB}") == base)
        let changes = [
            "limits: {memory: 1GiB}", "filesystem: {deny: [/workspace/x]}", "syscalls: {deny: [sync]}",
            "environment: {pass: []}", "environment: {set: {CI: \"\"}}", "environment: {set: {CI: \"1\"}}",
            "landlock: waived\nlandlock_reason: x", "limits: {workspace: unmetered}", "egress: {direct_ip: prohibit}",
            "egress: {rules: [{host: a.example, reason: x}]}",
            "egress: {rules: [{host: a.example, ech: allow, reason: x}]}",
            "egress: {rules: [{host: a.example, addresses: [8.0.0.0/8], reason: x}]}",
            "egress: {rules: [{deny: a.example, reason: x}]}", "egress: {rules: [{registry: pip, reason: x}]}",
        ]
        let texts = try changes.map { try text($0) }
        #expect(Set(texts + [base]).count == changes.count + 1)
    }

    @Test("a value cannot imitate another line")
    func injection() throws {
        let profile = try ProfileFixtures.load(
            ProfileFixtures.overStrict("environment: {set: {A: \"1\\nlandlock = required\"}}"))
        #expect(profile.canonicalText.split(separator: "\n").filter { $0.hasPrefix("landlock") }.count == 1)
        #expect(profile.canonicalText.contains(#"environment.set.A = "1\nlandlock = required""#))
    }

    @Test("is readable as JSON, findings included")
    func json() throws {
        let profile = try Profile.load(name: "strict-rlimit", source: ProfileFixtures.source())
        let back = try JSON.read(Array(profile.json.compactText.utf8), file: "p.json")
        #expect(back == profile.json)
        #expect(back["findings"]?.arrayValue?.first?["severity"] == "warning")
        #expect(back["keys"]?.arrayValue?.count == profile.show().count)
    }
}
