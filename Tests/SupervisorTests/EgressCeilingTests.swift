// SPDX-License-Identifier: Apache-2.0
import Policy
import Supervisor
import Testing

@Suite("egress ceiling")
struct EgressCeilingTests {
    private func check(_ rules: [String], started: [String], ceiling: [String]) throws {
        try EgressCeiling.check(
            try AuditReplayTests.policy(rules), started: try AuditReplayTests.policy(started),
            ceiling: try AuditReplayTests.policy(ceiling))
    }

    @Test("takes what the session started with, and what the ceiling allows")
    func within() throws {
        try check(["host: a.example.com"], started: ["host: a.example.com"], ceiling: [])
        try check([], started: ["host: a.example.com"], ceiling: [])
        try check(["host: b.example.com"], started: [], ceiling: ["host: \"*.example.com\", ports: [80, 443]"])
    }

    @Test("refuses what neither allows, with the place of the rule")
    func beyond() throws {
        let cases: [(rules: [String], words: String)] = [
            (["host: c.example.org"], "opens port 443 of c.example.org, which the ceiling does not"),
            (["host: b.example.com, ports: [80]"], "opens port 80 of b.example.com"),
            (["host: b.example.com, tls: raw"], "with fewer conditions than the ceiling"),
        ]
        for (rules, words) in cases {
            let error = #expect(throws: PolicyError.self) {
                try check(rules, started: ["host: a.example.com"], ceiling: ["host: b.example.com"])
            }
            #expect(error?.description.contains(words) == true, "\(String(describing: error))")
            #expect(error?.description.contains("test.yaml:") == true)
        }
    }

    @Test("an observing policy is beyond every other")
    func observing() throws {
        let policy = try AuditReplayTests.policy(["host: a.example.com"])
        #expect(policy.observing.excess(over: policy)?.what == "every port of every public host")
    }
}
