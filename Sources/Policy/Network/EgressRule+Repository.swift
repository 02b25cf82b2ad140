// SPDX-License-Identifier: Apache-2.0

extension EgressRule {
    /// The name under which a session that was started with a repository finds it.
    package static let repositoryHost = "git.internal"

    /// Where the rule comes from; no file can write it, since a place in a file ends in a line number.
    package static let repositoryOrigin = "--git"

    /// Whether a connection goes to the session's own repository and not to a host of that name.
    package var isRepository: Bool {
        origin == Self.repositoryOrigin && target == Self.repositoryTarget
    }

    fileprivate static let repositoryTarget = HostPattern(repositoryHost).map { Target.host($0) }
}

extension EgressPolicy {
    /// The same without it, for a policy that was taken from a running session and is sent back.
    package func withoutRepository() -> EgressPolicy {
        EgressPolicy(directIP: directIP, rules: rules.filter { !$0.isRepository }, observes: observes)
    }

    /// The same policy with the session's own repository let through, at plain HTTP's port and with nothing looked at:
    /// whoever serves it reads every request itself.
    ///
    /// - Throws: ``PolicyError`` when a rule speaks of that name already.
    package func servingRepository() throws(PolicyError) -> EgressPolicy {
        guard let target = EgressRule.repositoryTarget, case .host(let pattern) = target else { return self }
        for rule in rules {
            let isDenied = if case .deny(let denied) = rule.target { denied.matches(pattern.name) } else { false }
            guard isDenied || rule.target == target else { continue }
            throw PolicyError(
                "\"\(rule.subject)\" (\(rule.origin)) is about the name under which a session's repository is served",
                file: EgressRule.repositoryOrigin,
                remedy: "Take that rule out of the profile, or start the session without a repository.",
                operation: "serve \(EgressRule.repositoryHost) for")
        }
        let rule = EgressRule(
            origin: EgressRule.repositoryOrigin, reason: "The session was started with a repository.", target: target,
            ports: .list([80]), tls: .raw)
        return EgressPolicy(directIP: directIP, rules: rules + [rule], observes: observes)
    }
}
