// SPDX-License-Identifier: Apache-2.0
import Documents
import Isolation
import LinuxSystem
import Policy
import Testing

@testable import Supervisor

@Suite("network of a session")
struct EgressPlanTests {
    /// The plan on a kernel that answers so, and how often it was asked.
    private func plan(
        _ rules: [String], _ support: TransparentProxy.Support = .available, ipv6: IPv6Availability = .on
    ) throws -> (plan: EgressPlan?, asked: Int) {
        var asked = 0
        let policy = try AuditReplayTests.policy(rules)
        let plan = try EgressPlan(policy, ipv6: ipv6) { wanted in
            #expect(wanted == (ipv6 == .on))
            asked += 1
            return support
        }
        return (plan, asked)
    }

    @Test("a policy that lets nothing out has none")
    func closed() throws {
        let (plan, asked) = try plan([])
        #expect(plan == nil && asked == 0)
    }

    @Test("ports below 1024 get a listener each, and nobody asks the kernel for more")
    func ports() throws {
        let (plan, asked) = try plan(["host: a.example.com, ports: [22, 443], tls: raw"], .absent(.noEntry))
        let made = try #require(plan)
        #expect(made.network.ports == [22, 80, 443] && !made.network.transparent && made.notes == [] && asked == 0)
    }

    @Test("a port of 1024 or above gets the listener for all of them")
    func transparent() throws {
        let (plan, asked) = try plan(["host: a.example.com, ports: [5432], tls: raw"])
        let made = try #require(plan)
        #expect(made.network.ports == [] && made.network.transparent && made.notes == [] && asked == 1)
    }

    @Test("a kernel without a listener for all ports gives single ones, and the record says so")
    func fallback() throws {
        let (plan, asked) = try plan(["host: a.example.com, ports: [5432], tls: raw"], .absent(.noEntry))
        let made = try #require(plan)
        #expect(made.network.ports == [80, 443, 5432] && !made.network.transparent && asked == 1)
        let record = SessionResult.Egress(made, EgressPolicy(directIP: .explain, rules: [])).json
        #expect(record["interception"]?.stringValue == "ports")
        let note =
            "no transparent proxy (ENOENT): a listener each on ports 80, 443, 5432, which the task's own servers cannot use"
        #expect(record["notes"]?.arrayValue == [.string(note)])
    }

    @Test("a kernel without it cannot hold a rule for any port, and the rule is named")
    func anyPort() throws {
        let error = try #require(throws: SystemError.self) {
            try plan(["host: a.example.com, ports: any, tls: raw"], .absent(.notSupported))
        }
        #expect(error.description.hasPrefix("cannot open any port for \"host a.example.com\" (test.yaml:"), "\(error)")
        #expect(error.errno == .notSupported)
    }

    @Test("a host without IPv6 is said in the record")
    func ipv4() throws {
        let (plan, _) = try plan(["host: a.example.com"], ipv6: .off("the kernel has none"))
        #expect(plan?.network.ipv6 == false && plan?.notes == ["no IPv6: the kernel has none"])
    }
}
