// SPDX-License-Identifier: Apache-2.0
import Documents
import Policy
import Supervisor
import Testing

@Suite("audit replay")
struct AuditReplayTests {
    /// The policy of these rules, each a line of YAML without its reason.
    static func policy(_ rules: [String]) throws -> EgressPolicy {
        let list = rules.isEmpty ? " []" : rules.map { "\n    - {\($0), reason: A test.}" }.joined()
        let egress = "egress:\n  direct_ip: explain\n  rules:\(list)\n"
        let base = """
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

            """
        return try Profile.resolve(name: "test") { name in (name + ".yaml", Array((base + egress).utf8)) }.egress
    }

    private static func record(_ text: String) throws -> JSON { try JSON.read(Array(text.utf8), file: "a test") }

    /// A record, the rules that it is decided by again, and the verdicts of then and now.
    static let cases: [(record: String, rules: [String], then: AuditReplay.Verdict, now: AuditReplay.Verdict)] = [
        (#"{"event":"dns.allow","name":"a.example.com"}"#, ["host: a.example.com"], .allowed, .allowed),
        (#"{"event":"dns.allow","name":"a.example.com"}"#, ["host: b.example.com"], .allowed, .denied),
        (#"{"event":"dns.deny","name":"a.example.com","reason":"name_not_allowed"}"#, [], .denied, .denied),
        (
            #"{"event":"dns.deny","name":"a.example.com","reason":"name_not_allowed"}"#, ["host: \"*.example.com\""],
            .denied, .allowed
        ),
        (
            #"{"event":"tcp.allow","name":"a.example.com","port":443,"address":"23.50.60.70"}"#,
            ["host: a.example.com"],
            .allowed, .allowed
        ),
        (
            #"{"event":"tcp.allow","name":"a.example.com","port":80,"address":"23.50.60.70"}"#, ["host: a.example.com"],
            .allowed, .denied
        ),
        // The real address counts, and special ones must be named.
        (
            #"{"event":"tcp.allow","name":"a.example.com","port":443,"address":"10.0.0.1"}"#, ["host: a.example.com"],
            .allowed, .denied
        ),
        (
            #"{"event":"tcp.deny","name":"a.example.com","port":443,"address":"10.0.0.1","reason":"address_not_public"}"#,
            ["host: a.example.com, addresses: [10.0.0.0/24]"], .denied, .allowed
        ),
        // Refused by the host's own routes, which a rule without addresses does not change.
        (
            #"{"event":"tcp.deny","name":"a.example.com","port":443,"address":"45.33.1.1","reason":"address_not_public"}"#,
            ["host: a.example.com"], .denied, .denied
        ),
        (
            #"{"event":"tcp.deny","asked":"1.1.1.1","port":443,"reason":"direct_ip"}"#, ["cidr: 1.1.1.0/24"],
            .denied, .allowed
        ),
        (#"{"event":"packet.refused","transport":"tcp","asked":"1.1.1.1","port":22}"#, [], .denied, .denied),
        // What the client said: refused by the same look at it, and unseen by a rule that does not look.
        (
            #"{"event":"tcp.deny","name":"a.example.com","port":443,"reason":"tls_other_server_name"}"#,
            ["host: a.example.com"], .denied, .denied
        ),
        (
            #"{"event":"tcp.deny","name":"a.example.com","port":443,"reason":"tls_other_server_name"}"#,
            ["host: a.example.com, tls: raw"], .denied, .allowed
        ),
        (
            #"{"event":"tcp.deny","name":"a.example.com","port":80,"reason":"http_method_not_allowed"}"#,
            ["host: a.example.com, ports: [80], http: {methods: [PUT]}"], .denied, .unclear
        ),
        (
            #"{"event":"tcp.deny","name":"a.example.com","port":80,"reason":"http_method_not_allowed"}"#,
            ["host: a.example.com, ports: [80]"], .denied, .allowed
        ),
        (
            #"{"event":"tcp.allow","name":"a.example.com","port":80,"address":"23.50.60.70"}"#,
            ["host: a.example.com, ports: [80], http: {methods: [GET]}"], .allowed, .unclear
        ),
        (
            #"{"event":"tcp.allow","name":"a.example.com","port":443,"rule":{"rule":"host a.example.com ports 443 tls raw"}}"#,
            ["host: a.example.com"], .allowed, .unclear
        ),
    ]

    @Test("decides each recorded attempt again", arguments: cases.indices)
    func verdicts(_ index: Int) throws {
        let (text, rules, then, now) = Self.cases[index]
        let replay = AuditReplay([try Self.record(text)], policy: try Self.policy(rules))
        #expect(replay.rows.count == 1)
        #expect(replay.rows.first?.then == then && replay.rows.first?.now == now, "\(text) \(replay.rows)")
        #expect(replay.rows.first?.why.isEmpty == false)
    }

    @Test("adds up what happened again, and leaves out what no policy decides")
    func sums() throws {
        let records = try [
            #"{"id":"s-1","event":"gateway.start"}"#,
            #"{"id":"s-2","event":"dns.deny","name":"a.example.com","count":1}"#,
            #"{"id":"s-3","event":"dns.deny","name":"a.example.com","count":6,"repeats":"s-2"}"#,
            #"{"id":"s-4","event":"tcp.close","name":"a.example.com","port":443}"#,
            #"{"id":"s-5","event":"limit.deny","name":"a.example.com"}"#,
            #"{"id":"s-6","event":"packet.refused","transport":"udp","asked":"1.1.1.1","port":53}"#,
            #"{"id":"s-7","event":"dns.deny","reason":"malformed_question"}"#,
        ].map { try Self.record($0) }
        let replay = AuditReplay(records, policy: try Self.policy(["host: a.example.com"]))
        #expect(replay.rows.count == 1)
        #expect(replay.rows.first?.count == 7 && replay.rows.first?.event == "s-2")
        #expect(replay.rows.first?.hasChanged == true)
    }
}
