// SPDX-License-Identifier: Apache-2.0

/// A name that a broker of the session answers, and no host of that name.
package enum VirtualHost: String, Sendable, Hashable, CaseIterable {
    /// The session's own repository.
    case repository = "git.internal"
    /// Models, reached with a key that the session never has.
    case model = "llm.internal"
    /// What the task is about at its forge, as the host saw it.
    case forge = "forge.internal"
    /// Packages, each from the index that its name belongs to.
    case packages = "packages.internal"

    /// Where its rule comes from; no file can write it, since a place in a file ends in a line number.
    package var origin: String {
        switch self {
        case .repository: "--git"
        case .model: "--model"
        case .forge: "--forge"
        case .packages: "--packages"
        }
    }

    fileprivate var what: String {
        switch self {
        case .repository: "a repository"
        case .model: "models"
        case .forge: "a forge"
        case .packages: "packages"
        }
    }

    fileprivate var target: EgressRule.Target? { HostPattern(rawValue).map { .host($0) } }
}

extension EgressRule {
    /// The broker that a connection goes to, nil where it goes to a host outside.
    package var virtualHost: VirtualHost? {
        VirtualHost.allCases.first { origin == $0.origin && target == $0.target }
    }
}

extension EgressPolicy {
    /// The same without them, for a policy that was taken from a running session and is sent back.
    package func withoutVirtualHosts() -> EgressPolicy {
        EgressPolicy(directIP: directIP, rules: rules.filter { $0.virtualHost == nil }, observes: observes)
    }

    /// The same policy with these names let through, at plain HTTP's port and with nothing looked at: whoever serves them
    /// reads every request itself.
    ///
    /// - Throws: ``PolicyError`` when a rule speaks of one of these names already.
    package func serving(_ hosts: [VirtualHost]) throws(PolicyError) -> EgressPolicy {
        var made: [EgressRule] = []
        for host in hosts {
            guard let target = host.target, case .host(let pattern) = target else { continue }
            for rule in rules {
                let isDenied = if case .deny(let denied) = rule.target { denied.matches(pattern.name) } else { false }
                guard isDenied || rule.target == target else { continue }
                throw PolicyError(
                    "\"\(rule.subject)\" (\(rule.origin)) is about the name under which \(host.what) would be served",
                    file: host.origin,
                    remedy: "Take that rule out of the profile, or start the session without \(host.origin).",
                    operation: "serve \(host.rawValue) for")
            }
            made.append(
                EgressRule(
                    origin: host.origin, reason: "The session was started with \(host.what).", target: target,
                    ports: .list([80]), tls: .raw))
        }
        return EgressPolicy(directIP: directIP, rules: rules + made, observes: observes)
    }
}
