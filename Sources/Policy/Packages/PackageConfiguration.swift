// SPDX-License-Identifier: Apache-2.0
package import Documents

/// All that a session's package broker needs to know of the host and of its session, but for the secrets.
package struct PackageConfiguration: Sendable, Hashable {
    /// Lines of the host's own hosts file for the indexes' hosts, and the rules for their addresses.
    package var egress: EgressConfiguration
    package var service: PackageService

    package init(
        session: String, correlation: CorrelationID? = nil, hosts: [EgressConfiguration.HostLine],
        service: PackageService
    ) {
        egress = EgressConfiguration(
            session: session, correlation: correlation, generation: 1, hosts: hosts, policy: service.policy)
        self.service = service
    }

    package var json: JSON { ["egress": egress.json, "service": service.json] }

    /// Reads what ``json`` wrote, and nothing else.
    package init(json: JSON) throws(PolicyError) {
        let fields = try JSONFields(json, "the package configuration", known: ["egress", "service"])
        guard let egress = fields["egress"], let service = fields["service"] else {
            throw fields.error("lacks a member")
        }
        self.egress = try EgressConfiguration(json: egress)
        self.service = try PackageService(JSONWriter().write(service), file: "the package configuration")
        guard self.egress.policy.rules.count == self.service.policy.rules.count else {
            throw fields.error("has not one rule for each host")
        }
    }
}
