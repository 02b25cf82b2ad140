// SPDX-License-Identifier: Apache-2.0

/// What a task hears when it dials an address instead of a name.
package enum DirectAddress: String, Sendable, Hashable, CaseIterable {
    case prohibit
    /// The connection is accepted outside, told why it goes nowhere, and closed.
    case explain
}

/// One rule about what may leave, checked for shape only: this version lets nothing leave.
package struct EgressRule: Sendable, Hashable {
    package enum Target: Sendable, Hashable {
        case host(String)
        case registry(String)
        case cidr(String)
        case deny(String)
    }

    package enum TLS: String, Sendable, Hashable, CaseIterable { case sni, intercept, raw }

    package var target: Target
    package var ports: [Int]
    package var tls: TLS?
    package var reason: String
}

package struct EgressPolicy: Sendable, Hashable {
    package var directIP: DirectAddress
    package var rules: [EgressRule]

    package init(directIP: DirectAddress, rules: [EgressRule]) {
        self.directIP = directIP
        self.rules = rules
    }
}

extension EgressRule {
    /// The rule as one line of canonical text, without its reason.
    package var text: String {
        let subject =
            switch target {
            case .host(let name): "host \(name)"
            case .registry(let client): "registry \(client)"
            case .cidr(let block): "cidr \(block)"
            case .deny(let name): "deny \(name)"
            }
        let shownPorts = ports.isEmpty ? "" : " ports " + ports.map { String($0) }.joined(separator: ",")
        return subject + shownPorts + (tls.map { " tls \($0.rawValue)" } ?? "")
    }
}
