// SPDX-License-Identifier: Apache-2.0
package import Documents

/// All that a session's model broker needs to know of the host and of its session, but for the secrets.
///
/// The supervisor writes it and the broker reads it. Rule `i` of the policy is that of upstream `i`.
package struct ModelConfiguration: Sendable, Hashable {
    package var egress: EgressConfiguration
    package var service: ModelService
    /// The table of prices, as its file holds it.
    package var prices: String
    /// Where that lies, for messages.
    package var pricesFile: String

    package init(
        session: String, hosts: [EgressConfiguration.HostLine], service: ModelService, prices: String,
        pricesFile: String
    ) {
        egress = EgressConfiguration(session: session, generation: 1, hosts: hosts, policy: service.policy)
        self.service = service
        self.prices = prices
        self.pricesFile = pricesFile
    }

    package var json: JSON {
        [
            "egress": egress.json, "service": service.json, "prices": .string(prices),
            "prices_file": .string(pricesFile),
        ]
    }

    /// Reads what ``json`` wrote, and nothing else.
    package init(json: JSON) throws(PolicyError) {
        let fields = try JSONFields(
            json, "the model configuration", known: ["egress", "service", "prices", "prices_file"])
        guard let egress = fields["egress"], let service = fields["service"],
            let prices = fields["prices"]?.stringValue, let file = fields["prices_file"]?.stringValue
        else { throw fields.error("lacks a member") }
        self.prices = prices
        pricesFile = file
        self.egress = try EgressConfiguration(json: egress)
        self.service = try ModelService(JSONWriter().write(service), file: "the model configuration")
        guard self.egress.policy.rules.count == self.service.upstreams.count else {
            throw fields.error("has not one rule for each upstream")
        }
    }
}
