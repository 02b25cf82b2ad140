// SPDX-License-Identifier: Apache-2.0
package import Documents

/// What one look at this host found, about one layer of a sandbox.
package struct HostCheck: Sendable, Equatable {
    package enum Status: Sendable, Equatable {
        case ok
        /// Only a weaker form can be had, and only by writing this key into a profile.
        case degraded(key: String)
        case missing
    }

    /// Short name, the same in every report.
    package var layer: String
    package var status: Status
    /// What was seen, in one sentence.
    package var found: String
    /// What to do, when the status is not ok; commands stand on lines of their own.
    package var remedy: String?
    /// Whether the chosen profile cannot be held without it.
    package var isRequired: Bool

    package init(
        _ layer: String, _ status: Status, _ found: String, remedy: String? = nil, isRequired: Bool = true
    ) {
        self.layer = layer
        self.status = status
        self.found = found.displayed
        self.remedy = remedy
        self.isRequired = isRequired
    }

    /// Whether this alone keeps the chosen profile from being held.
    package var prevents: Bool { isRequired && status != .ok }

    package var word: String {
        switch status {
        case .ok: "ok"
        case .degraded: "degraded"
        case .missing: "missing"
        }
    }

    package var json: JSON {
        var key: String?
        if case .degraded(let name) = status { key = name }
        return .object([
            .init("layer", .string(layer)), .init("status", .string(word)), .init("required", .bool(isRequired)),
            .init("found", .string(found)), .init("key", .optional(key)), .init("remedy", .optional(remedy)),
        ])
    }
}

/// Everything that was looked at, for one profile.
package struct HostReport: Sendable {
    package let mode: String
    package let profile: String
    package let checks: [HostCheck]
    /// What a session of this mode does not have, in sentences.
    package let differences: [String]

    package init(mode: String, profile: String, checks: [HostCheck], differences: [String]) {
        self.mode = mode
        self.profile = profile
        self.checks = checks
        self.differences = differences
    }

    package var isHeld: Bool { !checks.contains { $0.prevents } }

    package var json: JSON {
        .object([
            .init("version", 1), .init("mode", .string(mode)), .init("profile", .string(profile)),
            .init("held", .bool(isHeld)),
            .init("checks", .array(checks.map { $0.json })),
            .init("differences", .array(differences.map { .string($0) })),
        ])
    }
}
