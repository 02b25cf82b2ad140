// SPDX-License-Identifier: Apache-2.0
import Policy
import Testing

/// Policies of tests, written as a profile's rules.
enum EgressFixtures {
    /// The policy of some rules, each `{...}` without its reason.
    static func policy(_ rules: [String], directIP: String = "explain") throws(PolicyError) -> EgressPolicy {
        try profile(rules, directIP: directIP).egress
    }

    static func profile(_ rules: [String], directIP: String = "explain") throws(PolicyError) -> Profile {
        try ProfileFixtures.load(text(rules, directIP: directIP))
    }

    /// The rules begin at line 7, one a line.
    static func text(_ rules: [String], directIP: String = "explain") -> String {
        let lines = rules.map { "    - {\($0), reason: test}\n" }.joined()
        return ProfileFixtures.overStrict(
            "egress:\n  direct_ip: \(directIP)" + (rules.isEmpty ? "" : "\n  rules:\n" + lines))
    }

    static func name(_ text: String) throws -> HostName { try #require(HostName(text)) }
    static func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text: text)) }
}
