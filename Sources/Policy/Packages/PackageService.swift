// SPDX-License-Identifier: Apache-2.0
package import Documents

/// Which index a package comes from, by its name: the file that `sallyport run --packages` takes.
///
///     version: 1
///     indexes:
///       acme: {upstream: https://packages.acme.example/simple, packages: [acme-*], credential: env:ACME_INDEX}
///       rest: {upstream: https://index.example/simple, downloads: [https://files.example], packages: ["*"], min_age_days: 7}
///
/// A name belongs to one index: the one whose pattern says most about it. No other is ever asked for it, whatever that one
/// answers. It names credentials and never holds them.
package struct PackageService: Sendable, Hashable {
    /// How a credential is sent.
    package enum Scheme: String, Sendable, Hashable, CaseIterable {
        /// The secret is `user:password`.
        case basic
        case bearer
    }

    package struct Index: Sendable, Hashable {
        package var name: String
        /// Of the simple API: the URL before a project's name.
        package var upstream: ModelOrigin
        /// Where its files may lie besides.
        package var downloads: [ModelOrigin] = []
        package var packages: [PackagePattern]
        /// `file:/path`, `env:NAME` or `credential:NAME`; sent to ``upstream``'s own host and to no other.
        package var credential: String?
        package var scheme = Scheme.basic
        /// The real addresses that its hosts may have; nil for public ones.
        package var addresses: [AddressBlock]?
        /// A file of certificates that stands in for the host's own.
        package var authorities: String?
        /// Files that were uploaded less than so many days ago are not shown, nor those of which the index does not say.
        package var minimumAgeDays: UInt64 = 0
        /// Files whose installation runs code of theirs are not shown.
        package var wheelsOnly = false

        package init(name: String, upstream: ModelOrigin, packages: [PackagePattern]) {
            self.name = name
            self.upstream = upstream
            self.packages = packages
        }

        /// All hosts that are asked for it: its own first.
        package var origins: [ModelOrigin] { [upstream] + downloads }
    }

    /// In the order of their names.
    package var indexes: [Index]

    package static let mostIndexes = 16
    package static let mostPatterns = 512
    package static let mostDownloads = 8
    package static let ages: ClosedRange<UInt64> = 1...3650

    package init(indexes: [Index]) { self.indexes = indexes }

    /// The index that a name belongs to; nil when it is nobody's.
    package func owner(of name: PackageName) -> Int? {
        var best: (index: Int, weight: Int)?
        for (number, index) in indexes.enumerated() {
            for pattern in index.packages where pattern.matches(name) && pattern.weight > best?.weight ?? -1 {
                best = (number, pattern.weight)
            }
        }
        return best?.index
    }

    /// The rules by which the hosts' addresses are judged: those of the first index, then those of the next.
    package var policy: EgressPolicy {
        EgressPolicy(
            directIP: .explain,
            rules: indexes.flatMap { index in
                index.origins.map {
                    $0.rule(
                        addresses: index.addresses, origin: VirtualHost.packages.origin,
                        reason: "Packages come from there.")
                }
            })
    }

    /// The document of this value, which ``init(_:file:)`` reads.
    package var json: JSON {
        ["version": 1, "indexes": .object(indexes.map { .init($0.name, $0.json) })]
    }
}

extension PackageService.Index {
    fileprivate var json: JSON {
        var members: [JSON.Member] = [
            .init("upstream", .string(upstream.description)),
            .init("packages", .array(packages.map { .string($0.description) })),
            .init("wheels_only", .bool(wheelsOnly)),
        ]
        if !downloads.isEmpty { members.append(.init("downloads", .array(downloads.map { .string($0.description) }))) }
        if let credential {
            members += [.init("credential", .string(credential)), .init("send", .string(scheme.rawValue))]
        }
        if minimumAgeDays > 0 { members.append(.init("min_age_days", .number(minimumAgeDays))) }
        if let addresses { members.append(.init("addresses", .array(addresses.map { .string($0.description) }))) }
        if let authorities { members.append(.init("ca_file", .string(authorities))) }
        return .object(members)
    }
}

extension EgressPolicy {
    /// Why this policy would make nothing of which index a package comes from: a rule that lets the session itself reach an
    /// index, or what pip is configured for on the host.
    package func wayAround(_ service: PackageService) -> PolicyError? {
        func refusal(_ rule: EgressRule, _ what: String) -> PolicyError {
            PolicyError(
                "\"\(rule.subject)\" (\(rule.origin)) leads to \(what) past packages.internal", file: rule.origin,
                remedy: "Take that rule out of the profile, or start the session without --packages.",
                operation: "serve packages for")
        }
        for rule in rules where !rule.isDeny {
            if rule.madeFrom == .pip || rule.target == .registry(.pip) { return refusal(rule, "pip's indexes") }
        }
        for index in service.indexes {
            for origin in index.origins {
                let decision =
                    switch origin.host {
                    case .name(let name): decide(name: name, port: origin.port)
                    case .address(let address): decide(address: address, port: origin.port)
                    }
                if case .allowed(let rule) = decision { return refusal(rule, "index \"\(index.name)\"") }
            }
        }
        return nil
    }
}
