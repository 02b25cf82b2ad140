// SPDX-License-Identifier: Apache-2.0
package import Blueprints
package import Documents

/// A blueprint, and where one is needed a profile, for somebody to read, change and apply.
package struct BlueprintProposal: Sendable {
    package let repository: RepositoryName
    /// The repository as `source` has it.
    package let place: String
    package let base: String?
    package let stack: JSON
    package let user: String

    /// - Parameters:
    ///   - stack: As ``DetectedStack/json`` has it; it may come from another process.
    ///   - user: Who is proposed as the one who submits.
    package init(repository: RepositoryName, place: String, base: String?, stack: JSON, user: String) {
        self.repository = repository
        self.place = place
        self.base = base
        self.stack = stack
        self.user = user
    }

    private var registries: [String] { (stack["registries"]?.arrayValue ?? []).compactMap(\.stringValue) }

    /// Name of the profile that the blueprint asks for: one that is shipped, or one that comes with the proposal.
    package var profileName: String { needsProfile ? Self.plain(repository.key) : "build" }
    package var needsProfile: Bool { !registries.isEmpty }

    /// The blueprint's text.
    ///
    /// - Parameter profile: In place of ``profileName``: one that was learned.
    package func blueprint(profile: String? = nil) -> String {
        var lines = [
            "# Proposed by sallyport onboard: read it, change it, then sallyport blueprint apply.", "version: 1",
            "repo: \(repository)",
            "reason: \(Self.quoted("Proposed for \(repository); say why agents may work on it."))",
        ]
        var source = ["repository: \(Self.quoted(place))"]
        if let base { source.append("base: \(Self.quoted(base))") }
        lines += [
            "source: {\(source.joined(separator: ", "))}", "submitters: [\(Self.quoted("user:\(user)"))]",
            "profile: \(profile ?? profileName)", "agent: {max_turns: 100, max_budget_usd: 5}",
            "# See sallyport agent list.", "runner: {agent: claude-code, timeout: 1h}",
        ]
        let commands = ["setup", "build", "lint", "test"].compactMap { name in
            stack[name]?.stringValue.map { "  \(name)_command: \(Self.quoted($0))" }
        }
        if !commands.isEmpty { lines += ["pipeline:"] + commands }
        lines.append("approvals: {gates: [push, pull_request]}")
        lines.append("budgets: {per_task_usd: 10, per_day_usd: 50}")
        for (title, key) in [("found", "languages"), ("rules for agents", "rules"), ("note", "notes")] {
            let texts = (stack[key]?.arrayValue ?? []).compactMap(\.stringValue)
            if key == "notes" {
                lines += texts.map { "# note: \($0.displayed)" }
            } else if !texts.isEmpty {
                lines.append("# \(title): \(texts.joined(separator: ", ").displayed)")
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// The profile that goes with it: `build`, and the registries that its commands need.
    package var profile: String {
        var lines = [
            "# Proposed by sallyport onboard: put it into /etc/sallyport/profiles as \(profileName).yaml.",
            "version: 1",
            "extends: [build]", "reason: \(Self.quoted("Building and testing \(repository)."))", "egress:", "  rules:",
        ]
        for registry in registries {
            lines.append("    - {registry: \(registry), when_absent: skip, reason: dependencies}")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Small letters, digits and hyphens, as names of profiles are.
    package static func plain(_ key: String) -> String {
        let name = key.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? String($0) : "-" }.joined()
        return String(name.drop { $0 == "-" }.prefix(64))
    }

    /// A JSON string is a YAML string.
    private static func quoted(_ text: String) -> String { JSON.string(text).compactText }
}
