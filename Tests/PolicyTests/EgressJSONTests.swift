// SPDX-License-Identifier: Apache-2.0
import Documents
import Policy
import Testing

@Suite("egress policy as JSON")
struct EgressJSONTests {
    @Test("reads back exactly what it wrote")
    func roundTrip() throws {
        let policy = try EgressFixtures.policy(
            EgressDecisionTests.rules + [
                "registry: npm, addresses: [10.0.0.0/8]",
                "host: \"*.wide.example.com\", max_names: 7, ech: allow, addresses: [10.1.0.0/16, 2a00::/16]",
            ], directIP: "prohibit")
        let text = policy.json.compactText
        let back = try EgressPolicy(json: try JSON.read(Array(text.utf8), file: "memfd"))
        #expect(back == policy)
        #expect(back.json.compactText == text)
        #expect(policy.rules.count == EgressDecisionTests.rules.count + 2)
    }

    @Test(
        "refuses what it would not write",
        arguments: [
            ("{}", "the egress policy has another version"),
            ("[]", "the egress policy is no object"),
            (#"{"version":2,"direct_ip":"explain","rules":[]}"#, "the egress policy has another version"),
            (#"{"version":1,"direct_ip":"maybe","rules":[]}"#, "the egress policy has no direct_ip"),
            (#"{"version":1,"direct_ip":"explain"}"#, "the egress policy has no rules"),
            (
                #"{"version":1,"direct_ip":"explain","rules":[],"x":1}"#,
                "the egress policy has the unknown member \"x\""
            ),
            (rule(#""ports":[443]"#), "rule 0 has not exactly one target"),
            (rule(#""host":"a.b","deny":"a.b","ports":[443]"#), "rule 0 has not exactly one target"),
            (rule(#""host":"A.b","ports":[443]"#), "rule 0 has a wrong \"host\""),
            (rule(#""host":"a.b","ports":[0]"#), "rule 0 has a port that is none"),
            (rule(#""host":"a.b","ports":[70000]"#), "rule 0 has a port that is none"),
            (rule(#""host":"a.b","ports":[443,80]"#), "rule 0 has ports out of order"),
            (rule(#""host":"a.b","ports":"all""#), "rule 0 has no ports"),
            (rule(#""host":"a.b","ports":[443],"tls":"off""#), "rule 0 has a wrong \"tls\""),
            (rule(#""host":"a.b","ports":[443],"addresses":["10.0.0.1/8"]"#), "rule 0 has a wrong \"addresses\""),
            (rule(#""host":"a.b","ports":[443],"max_names":-1"#), "rule 0 has a wrong \"max_names\""),
            (rule(#""host":"a.b","ports":[443],"http":{"verbs":[]}"#), "rule 0 http has the unknown member \"verbs\""),
            (rule(#""cidr":"1.2.3.4","ports":[443]"#), "rule 0 has a wrong \"cidr\""),
            (rule(#""host":"a.b","ports":[443]"#, id: 1), "the egress policy numbers rule 0 as 1"),
        ])
    func refused(text: String, message: String) throws {
        let json = try JSON.read(Array(text.utf8), file: "memfd")
        let error = #expect(throws: PolicyError.self) { try EgressPolicy(json: json) }
        #expect(error?.message == message)
    }

    private static func rule(_ members: String, id: Int = 0) -> String {
        #"{"version":1,"direct_ip":"explain","rules":[{"id":\#(id),"origin":"o","reason":"r","ech":"refuse",\#(members)}]}"#
    }
}
