// SPDX-License-Identifier: Apache-2.0
package import Policy

/// The hosts that package clients of this host are configured to use, for `registry:` rules.
///
/// Read from the files that a client itself reads, and only from those of the host: a project's own `.npmrc` or
/// `pip.conf` comes with the repository. No client is run, and no client's built-in host is known here: where pip or npm
/// is not configured, its own installed files say where it goes.
package struct Registries {
    /// A configuration file's text; nil when there is no such file.
    package typealias Read = (_ path: String) throws(PolicyError) -> String?
    /// The names in a directory, sorted; none when there is no such directory.
    package typealias List = (_ path: String) throws(PolicyError) -> [String]

    let read: Read
    let list: List
    let environment: (String) -> String?

    package init(read: @escaping Read, list: @escaping List, environment: @escaping (String) -> String?) {
        self.read = read
        self.list = list
        self.environment = environment
    }

    /// One place that a client fetches from, as its configuration writes it.
    struct Location: Hashable {
        var url: String
        /// `file:line`, or the variable.
        var origin: String
    }

    /// What a client's configuration says, and where it was looked for.
    struct Findings {
        var locations: [Location] = []
        var looked: [String] = []
        /// The setting that would name the main host, in the words of the client.
        var setting: String
    }

    /// The rules that a `registry:` rule stands for.
    ///
    /// - Throws: ``PolicyError`` when the client says nothing and the rule does not allow that, or when what it says
    ///   is no host.
    package func expand(_ client: RegistryClient, _ rule: EgressRule) throws(PolicyError) -> [EgressRule] {
        let found = try findings(client)
        guard !found.locations.isEmpty else {
            if rule.whenAbsent == .skip { return [] }
            throw PolicyError(
                "\"\(rule.subject)\" (\(rule.origin)) has no host: \(client.rawValue) has no \(found.setting) in "
                    + found.looked.joined(separator: ", "),
                file: rule.origin,
                remedy: "Configure it there, name the host in a rule of its own, or write \"when_absent: skip\".",
                operation: "expand")
        }
        var rules: [EgressRule] = []
        for location in found.locations {
            guard let endpoint = try RegistryURL.read(location, of: client) else { continue }
            let next = endpoint.rule(
                of: client, origin: "registry \(client.rawValue) (\(location.origin))", reason: rule.reason,
                addresses: rule.addresses)
            if !rules.contains(where: { $0.text == next.text }) { rules.append(next) }
        }
        return rules
    }

    private func findings(_ client: RegistryClient) throws(PolicyError) -> Findings {
        switch client {
        case .pip: try pip()
        case .apt: try apt()
        case .npm: try npm()
        case .cargo: try cargo()
        case .go: try go()
        }
    }

    /// The caller's configuration directory; nil without a home.
    var configuration: String? { environment("XDG_CONFIG_HOME") ?? home.map { $0 + "/.config" } }
    var home: String? { environment("HOME").flatMap { $0.hasPrefix("/") ? $0 : nil } }
}
