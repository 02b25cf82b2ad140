// SPDX-License-Identifier: Apache-2.0
import Documents
import Policy
import Supervisor
import Testing

@Suite("profile proposals")
struct ProfileProposalTests {
    private static let observer = #""rule":{"origin":"profile learn --observe"}"#

    private func propose(_ lines: [String]) throws -> (text: String, profile: Profile) {
        let records = try lines.map { try JSON.read(Array($0.utf8), file: "a test") }
        let base = try profile("base", [:])
        var result = SessionResult(session: "s-aaaaaaaaaaaa")
        result.denials = [(syscall: "ptrace", count: 3), (syscall: "bpf", count: 1)]
        result.keptEntries = 0
        let run = ObservedRun(result, over: base, base: "base", command: "pip\u{1b}[2J download")
        // As it comes to the reader that writes the proposal.
        let passed = try #require(
            ObservedRun(json: try JSON.read(Array(run.json.compactText.utf8), file: "a test")))
        #expect(passed == run)
        let text = ProfileProposal(ObservedUse(records), of: passed).text
        return (text, try profile("proposal", ["proposal": text]))
    }

    private static let base = """
        version: 1
        reason: A test.
        rootfs: host
        filesystem: {writable: [/workspace], read_only: [/usr], deny: [], workspace: read-write}
        syscalls: {allow_groups: [default], deny: []}
        environment: {pass: [], set: {}}
        landlock: required
        limits:
          {enforcement: cgroup, pids: 16, memory: 1GiB, shm: 1MiB, tmp: 1MiB, workspace_bytes: 1MiB,
          workspace_inodes: 100, open_files: 64, cpu: 1.0, log_bytes: 1MiB, wall: 1m}
        egress: {direct_ip: explain, rules: []}

        """

    private func profile(_ name: String, _ texts: [String: String]) throws -> Profile {
        try Profile.load(name: name) { wanted in (wanted, Array((texts[wanted] ?? Self.base).utf8)) }
    }

    @Test("name hosts, ports and what was spoken, load, and are clean but for their reasons")
    func whole() throws {
        let process = #""process":{"claimed":{"name":"pip\u001b[2J\"x"}}"#
        let (text, profile) = try propose([
            #"{"event":"dns.allow","name":"a.example.com",\#(Self.observer)}"#,
            #"{"event":"tcp.allow","name":"a.example.com","port":443,"count":2,\#(process),\#(Self.observer)}"#,
            #"{"event":"tcp.allow","name":"a.example.com","port":443,"count":10,\#(Self.observer)}"#,
            #"{"event":"tcp.close","name":"a.example.com","port":443,"speaks":"tls","bytes_up":5,"bytes_down":70,\#(Self.observer)}"#,
            #"{"event":"tcp.allow","name":"a.example.com","port":80,"count":1,\#(Self.observer)}"#,
            #"{"event":"tcp.close","name":"a.example.com","port":80,"speaks":"http",\#(Self.observer)}"#,
            #"{"event":"tcp.allow","name":"b.example.com","port":8443,"count":1,\#(Self.observer)}"#,
            #"{"event":"tcp.close","name":"b.example.com","port":8443,"speaks":"tls",\#(Self.observer)}"#,
            #"{"event":"tcp.allow","name":"b.example.com","port":8080,"count":1,\#(Self.observer)}"#,
            #"{"event":"tcp.close","name":"b.example.com","port":8080,"speaks":"http",\#(Self.observer)}"#,
            #"{"event":"tcp.allow","name":"c.example.com","port":22,"count":1,\#(Self.observer)}"#,
            #"{"event":"tcp.allow","asked":"203.0.114.9","port":443,"count":1,\#(Self.observer)}"#,
            // What a rule of the base allows needs none of the proposal.
            #"{"event":"tcp.allow","name":"known.example.com","port":443,"count":1,"rule":{"origin":"base.yaml:3"}}"#,
            #"{"event":"dns.allow","name":"asked.example.com",\#(Self.observer)}"#,
            #"{"event":"tcp.deny","name":"db.example.com","port":5432,"reason":"address_not_public","count":4}"#,
        ])
        #expect(
            profile.egress.rules.map { $0.text } == [
                "cidr 203.0.114.9/32 ports 443", "host a.example.com ports 80,443",
                "host b.example.com ports 8443 tls sni", "host b.example.com ports 8080 tls none",
                "host c.example.com ports 22 tls raw",
            ], "\(text)")
        #expect(profile.egress.rules[1].reason == "FILL IN: 13 connections by pip2Jx")
        #expect(text.contains("# 5 bytes up, 70 bytes down"))
        #expect(text.contains("#   asked.example.com\n"))
        #expect(text.contains("#   db.example.com port 5432: address_not_public, 4x\n"))
        #expect(text.contains("#   ptrace, 3x (\"debug-own-children\" under syscalls.allow_groups has it)\n"))
        #expect(text.contains("#   bpf, 1x (no group has it)\n"))
        #expect(text.contains("workspace: read-only"))
        #expect(!text.contains("\u{1b}") && !text.contains("known.example.com"))
        let findings = profile.lint()
        #expect(
            findings.count == 6 && findings.allSatisfy { $0.message.contains("nobody has filled in") }, "\(findings)")
    }

    @Test("of a session that reached nothing have no rule, and load")
    func empty() throws {
        let (text, profile) = try propose([#"{"event":"gateway.start"}"#])
        #expect(profile.egress.rules.isEmpty && !text.contains("egress:"), "\(text)")
    }

    @Test("take nothing from a record that names no host")
    func hostile() throws {
        let (_, profile) = try propose([
            #"{"event":"tcp.allow","name":"a\n- host: evil.example.com","port":443,\#(Self.observer)}"#,
            #"{"event":"tcp.allow","asked":"1.1.1.1, 2.2.2.2","port":443,\#(Self.observer)}"#,
            #"{"event":"tcp.allow","name":"a.example.com","port":70000,\#(Self.observer)}"#,
        ])
        #expect(profile.egress.rules.isEmpty)
    }
}
