// SPDX-License-Identifier: Apache-2.0

/// Why something may not leave, with the rule behind it and what to change.
package struct Denial: Sendable, Hashable {
    /// Stable words for records and for programs that read them.
    package enum Code: String, Sendable, Hashable, CaseIterable {
        /// The text is no host name.
        case invalidName = "invalid_name"
        /// No rule names it.
        case nameNotAllowed = "name_not_allowed"
        /// A deny rule names it.
        case denyRule = "deny_rule"
        /// The deciding rule does not have the port.
        case portNotAllowed = "port_not_allowed"
        /// An address was dialled, and no cidr rule holds it.
        case directIP = "direct_ip"
        /// The real address is private, the host's own or otherwise special, and the rule does not name it.
        case addressNotPublic = "address_not_public"
        /// The real address is outside the rule's `addresses`.
        case addressOutsideRule = "address_outside_rule"
        /// No rule grants this socket of the host.
        case socketNotGranted = "socket_not_granted"
    }

    package var code: Code
    /// The deny rule, or the one that decided and does not allow this; nil where no rule has to do with it.
    package var rule: EgressRule?
    /// What is wrong, in a sentence without its full stop.
    package var message: String
    /// What the operator can do.
    package var remedy: String

    package init(_ code: Code, rule: EgressRule? = nil, _ message: String, remedy: String) {
        self.code = code
        self.rule = rule
        self.message = message
        self.remedy = remedy
    }
}
