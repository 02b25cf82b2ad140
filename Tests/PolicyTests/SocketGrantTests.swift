// SPDX-License-Identifier: Apache-2.0
import Documents
import Policy
import Testing

@Suite("grants of the host's sockets")
struct SocketGrantTests {
    private static let db = "socket: /run/postgresql/.s.PGSQL.5432, name: .s.PGSQL.5432"

    private func policy(_ rules: String...) throws -> EgressPolicy { try EgressFixtures.policy(rules) }

    @Test("a rule names a socket and what it is called inside, opens the session, and reads back as JSON")
    func rule() throws {
        let policy = try policy(Self.db)
        let grant = try #require(policy.rules.first?.socket)
        #expect(grant.path.text == "/run/postgresql/.s.PGSQL.5432")
        #expect(grant.inside == "/run/sockets/.s.PGSQL.5432")
        #expect(policy.rules[0].text == "socket /run/postgresql/.s.PGSQL.5432 as .s.PGSQL.5432")
        #expect(policy.isOpen && !policy.needsAnyPort && policy.rule(for: grant) == policy.rules[0])
        let back = try EgressPolicy(json: try JSON.read(Array(policy.json.compactText.utf8), file: "memfd"))
        #expect(back == policy)
        // It has to do with no name and no address.
        #expect(policy.isResolvable(try EgressFixtures.name("postgresql")).denial?.code == .nameNotAllowed)
    }

    @Test(
        "what names no socket is a load error with its place",
        arguments: [
            ("socket: /run/a.sock", "grants a socket without a name"),
            ("socket: run/a.sock, name: a", "is \"run/a.sock\", which is not an absolute path"),
            ("socket: /run/../a.sock, name: a", "which has a \"..\" component"),
            ("socket: \"/run/*.sock\", name: a", "and there are no patterns"),
            ("socket: /, name: a", "is \"/\", which is no socket"),
            ("socket: /run/a.sock, name: ..", "is \"..\", which is no plain name of a file"),
            ("socket: /run/a.sock, name: a/b", "is \"a/b\", which is no plain name of a file"),
            ("socket: /run/a.sock, name: a b", "is \"a b\", which is no plain name of a file"),
            ("socket: /run/a.sock, name: a, ports: [443]", ".ports means nothing beside socket"),
            ("socket: /run/a.sock, name: a, host: a.example", "names more than one thing"),
            ("host: a.example, name: a", ".name means nothing without socket"),
        ])
    func flaws(_ rule: String, _ message: String) throws {
        let error = #expect(throws: PolicyError.self) { try policy(rule) }
        #expect(error?.message.contains(message) == true, "\(String(describing: error))")
        #expect(error?.line == 7)
    }

    @Test(
        "a document with half a grant is refused",
        arguments: [
            (#""socket":"/run/a.sock""#, "rule 0 has a socket and no name"),
            (#""socket":"/run//a.sock","name":"a""#, "rule 0 has a wrong \"socket\""),
            (#""socket":"/run/a.sock","name":"..""#, "rule 0 has a wrong \"name\""),
            (#""host":"a.b","name":"a""#, "rule 0 has a name and no socket"),
            (#""host":"a.b","socket":"/run/a.sock","name":"a""#, "rule 0 has not exactly one target"),
        ])
    func documents(_ members: String, _ message: String) throws {
        let text =
            #"{"version":1,"direct_ip":"explain","rules":[{"id":0,"origin":"o","reason":"r","ech":"refuse","ports":[],\#(members)}]}"#
        let error = #expect(throws: PolicyError.self) {
            try EgressPolicy(json: try JSON.read(Array(text.utf8), file: "memfd"))
        }
        #expect(error?.message == message)
    }

    @Test(
        "sockets that act for whoever talks to them are told from others by their path",
        arguments: [
            ("/run/docker.sock", .containerEngine), ("/var/run/docker.sock", .containerEngine),
            ("/home/a/.docker/run/docker.sock", .containerEngine), ("/run/docker/plugins/x", .containerEngine),
            ("/run/containerd/containerd.sock", .containerEngine),
            ("/run/k3s/containerd/containerd.sock", .containerEngine),
            ("/run/user/1000/podman/podman.sock", .containerEngine), ("/run/podman/io.podman", .containerEngine),
            ("/run/crio/crio.sock", .containerEngine), ("/tmp/Docker.sock", .containerEngine),
            ("/run/buildkit/buildkitd.sock", .containerEngine), ("/var/lib/incus/unix.socket", .containerEngine),
            ("/run/libvirt/libvirt-sock", .containerEngine),
            ("/run/systemd/private", .serviceManager), ("/run/user/0/systemd/private", .serviceManager),
            ("/var/run/systemd/notify", .serviceManager),
            ("/run/dbus/system_bus_socket", .messageBus), ("/run/user/1000/bus", .messageBus),
            ("/run/postgresql/.s.PGSQL.5432", nil), ("/srv/docker/app.sock", nil), ("/tmp/bus", nil),
            ("/run/user/1000/gnupg/S.gpg-agent", nil), ("/home/systemd/a.sock", nil), ("/run/unix.socket", nil),
        ] as [(String, SocketGrant.Forbidden?)])
    func forbidden(_ path: String, _ kind: SocketGrant.Forbidden?) throws {
        #expect(SocketGrant.forbidden(try RulePath(path)) == kind)
        guard kind != nil else {
            #expect(throws: Never.self) { try policy("socket: \(path), name: a") }
            return
        }
        let error = #expect(throws: PolicyError.self) { try policy("socket: \(path), name: a") }
        #expect(error?.message.contains(kind?.words ?? "-") == true, "\(String(describing: error))")
    }

    @Test("the same name or the same grant twice, and more sockets than a session may have, are errors")
    func repeats() throws {
        let same = #expect(throws: PolicyError.self) { try policy(Self.db, Self.db) }
        #expect(same?.message.contains("a second time") == true)
        let name = #expect(throws: PolicyError.self) {
            try policy("socket: /run/a.sock, name: a", "socket: /run/b.sock, name: a")
        }
        #expect(name?.message.contains("has the name \"a\", which ") == true)
        let many = (0..<SocketGrant.most).map { "socket: /run/\($0).sock, name: n\($0)" }
        #expect(try EgressFixtures.policy(many).socketRules.count == SocketGrant.most)
        #expect(throws: PolicyError.self) { try EgressFixtures.policy(many + [Self.db]) }
        // Two names for one socket are two grants.
        #expect(try policy("socket: /run/a.sock, name: a", "socket: /run/a.sock, name: b").socketRules.count == 2)
    }

    @Test("a policy with a socket that another lacks lets through more, whatever it is called")
    func excess() throws {
        let with = try policy("host: a.example", Self.db)
        let without = try policy("host: a.example")
        #expect(with.excess(over: with) == nil && without.excess(over: with) == nil)
        let excess = try #require(with.excess(over: without))
        #expect(excess.rule == with.rules[1] && !excess.isLooser)
        #expect(excess.what == "socket /run/postgresql/.s.PGSQL.5432 as .s.PGSQL.5432")
        let renamed = try policy("host: a.example", "socket: /run/postgresql/.s.PGSQL.5432, name: db")
        #expect(renamed.excess(over: with) != nil)
    }

    @Test("explain, tests and diff know them")
    func questions() throws {
        let profile = try EgressFixtures.profile([Self.db])
        let allowed = profile.judge(try Subject("unix:/run/postgresql/.s.PGSQL.5432"))
        #expect(allowed.isAllowed && allowed.verdict == "allowed at /run/sockets/.s.PGSQL.5432, unread")
        #expect(allowed.steps.map(\.effect) == ["decides"] && allowed.steps[0].origin.hasSuffix(":7"))
        let other = profile.judge(try Subject("unix:/run/other.sock"))
        #expect(!other.isAllowed && other.remedy?.contains("socket: /run/other.sock") == true)
        let engine = profile.judge(try Subject("unix:/run/docker.sock"))
        #expect(!engine.isAllowed && engine.remedy == "No profile can grant it.")
        #expect(throws: Subject.Flaw.self) { try Subject("unix:run/a") }
        #expect(try Assertion("allow unix:/run/postgresql/.s.PGSQL.5432").check(profile).holds)
        #expect(try Assertion("deny unix:/run/docker.sock").check(profile).holds)
        #expect(throws: Subject.Flaw.self) { try Assertion("write unix:/run/a.sock") }
        let changes = try EgressFixtures.profile([]).changes(to: profile)
        #expect(
            changes.map(\.text) == [
                "adds socket /run/postgresql/.s.PGSQL.5432 (at /run/sockets/.s.PGSQL.5432)"
            ])
    }
}
