// SPDX-License-Identifier: Apache-2.0
import Documents
import Policy
import Testing

@Suite("egress configuration as JSON")
struct EgressConfigurationTests {
    private static let policy = #""policy":{"version":1,"direct_ip":"explain","rules":[]}"#
    private static let session = #""session":"s-abcdefghijkl""#
    private static let hosts = #""hosts":[{"name":"db.corp.test","addresses":["10.0.0.5","fd00::5"]}]"#

    private static func read(_ members: String...) throws -> EgressConfiguration {
        let text = "{" + members.joined(separator: ",") + "}"
        return try EgressConfiguration(json: try JSON.read(Array(text.utf8), file: "memfd"))
    }

    @Test("reads back exactly what it wrote")
    func roundTrip() throws {
        let configuration = try Self.read(Self.session, #""generation":7"#, Self.hosts, Self.policy)
        #expect(configuration.generation == 7)
        #expect(configuration.hosts.map(\.name.text) == ["db.corp.test"])
        #expect(configuration.hosts.first?.addresses.map(\.description) == ["10.0.0.5", "fd00::5"])
        let text = configuration.json.compactText
        #expect(configuration.correlation == nil)
        let back = try EgressConfiguration(json: try JSON.read(Array(text.utf8), file: "memfd"))
        #expect(back == configuration)
        #expect(back.json.compactText == text)
        let marked = try Self.read(
            Self.session, #""correlation_id":"ticket-1""#, #""generation":7"#, Self.hosts, Self.policy)
        #expect(marked.correlation?.description == "ticket-1")
        #expect(try EgressConfiguration(json: marked.json) == marked)
        #expect(configuration.mostBytesUp == nil)
        let bounded = try Self.read(Self.session, #""generation":7"#, Self.hosts, Self.policy, #""egress_bytes":4096"#)
        #expect(bounded.mostBytesUp == 4096)
        #expect(try EgressConfiguration(json: bounded.json) == bounded)
    }

    @Test(
        "refuses a document without one of its members, or with another",
        arguments: [
            ([], "the egress configuration has no session"),
            ([session], "the egress configuration has no generation"),
            ([session, #""generation":-1"#], "the egress configuration has no generation"),
            ([session, #""generation":1"#, policy], "the egress configuration has no hosts"),
            ([session, #""generation":1"#, hosts], "the egress configuration has no policy"),
            ([session, #""generation":1"#, hosts, #""policy":{}"#], "the egress policy has another version"),
            ([session, #""generation":1"#, #""hosts":[{}]"#, policy], "a line of hosts lacks name or addresses"),
            (
                [session, #""generation":1"#, #""hosts":[{"name":"a.b"}]"#, policy],
                "a line of hosts lacks name or addresses"
            ),
            (
                [session, #""generation":1"#, #""hosts":[{"name":"a.b","addresses":["127.1"]}]"#, policy],
                "a line of hosts has a wrong \"addresses\""
            ),
            (
                [session, #""correlation_id":"Ticket 1""#, #""generation":1"#, hosts, policy],
                "the egress configuration has a wrong \"correlation_id\""
            ),
            (
                [session, #""generation":1"#, hosts, policy, #""egress_bytes":-1"#],
                "the egress configuration has a wrong \"egress_bytes\""
            ),
            (
                [session, #""generation":1"#, hosts, policy, #""resolvers":[]"#],
                "the egress configuration has the unknown member \"resolvers\""
            ),
        ])
    func refused(members: [String], message: String) throws {
        let json = try JSON.read(Array("{\(members.joined(separator: ","))}".utf8), file: "memfd")
        let error = #expect(throws: PolicyError.self) { try EgressConfiguration(json: json) }
        #expect(error?.message == message)
    }
}
