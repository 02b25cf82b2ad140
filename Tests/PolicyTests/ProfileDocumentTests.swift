// SPDX-License-Identifier: Apache-2.0
import Documents
import Policy
import Testing

@Suite("profile as a document")
struct ProfileDocumentTests {
    /// Writes a profile out and loads what was written, which extends nothing.
    private func again(_ profile: Profile) throws -> Profile {
        let bytes = JSONWriter(pretty: true).write(profile.document)
        return try Profile.load(name: profile.name) { name throws(PolicyError) in
            guard name == profile.name else { throw PolicyError("asked for \(name)", file: name, remedy: "") }
            return ("\(name).yaml", bytes)
        }
    }

    @Test("a shipped profile comes back as it was", arguments: ProfileFixtures.shipped + ProfileFixtures.shippedEgress)
    func shipped(_ name: String) throws {
        let profile = try Profile.load(name: name, source: ProfileFixtures.source())
        let read = try again(profile)
        #expect(read.canonicalText == profile.canonicalText)
        #expect(read.reason == profile.reason && read.egress.rules.map(\.reason) == profile.egress.rules.map(\.reason))
    }

    @Test(
        "every key of the format comes back as it was",
        arguments: [
            "filesystem: {deny: [/workspace/secret, \"/workspace/a b\"]}",
            "filesystem: {writable: [/tmp], workspace: read-only}",
            "syscalls: {deny: [sync, ptrace], allow_groups: [default, debug-own-children]}",
            "environment: {pass: [LANG], set: {CI: \"1\", EMPTY: \"\", ODD: \"a: \\\"b\\\"\\n{c}\"}}",
            "environment: {pass: []}", "landlock: waived\nlandlock_reason: \"none: here\"",
            "limits: {enforcement: rlimit, pids: 7, memory: 123456789, shm: 1KiB}",
            "limits: {cpu: 0.125, wall: 90s, workspace: unmetered}",
            "egress: {direct_ip: prohibit}",
            """
            egress:
              direct_ip: explain
              rules:
                - {host: a.example, reason: "one: two"}
                - {host: "**.b.example", ports: [80, 443], ech: allow, max_names: 3, reason: x}
                - {host: "*.c.example", ports: any, tls: raw, addresses: [10.0.0.0/8, "fd00::/8"], reason: x}
                - {host: d.example, ports: [8080], tls: none, http: {methods: [GET, HEAD], paths: [/a/, /b]}, reason: x}
                - {host: e.example, ports: [80], http: {paths: [/]}, reason: x}
                - {host: f.example, ports: [8443], tls: sni, reason: x}
                - {cidr: 192.168.0.0/24, ports: [22], addresses: [192.168.0.0/24], reason: x}
                - {cidr: 8.8.8.0/24, ports: any, reason: x}
                - {deny: "*.g.example", reason: x}
                - {registry: pip, reason: x, when_absent: skip}
                - {registry: apt, reason: x, addresses: [10.0.0.0/8]}
            """,
        ])
    func keys(_ lines: String) throws {
        let profile = try ProfileFixtures.load(ProfileFixtures.overStrict(lines))
        // Without it the line would test nothing.
        #expect(try profile.canonicalText != ProfileFixtures.strict().canonicalText)
        #expect(try again(profile).canonicalText == profile.canonicalText)
    }
}
