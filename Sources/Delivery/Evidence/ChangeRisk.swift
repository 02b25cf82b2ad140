// SPDX-License-Identifier: Apache-2.0
package import Documents
internal import TaskModel

/// How carefully a change wants to be looked at, from what the host saw of it: no word of the agent's counts.
///
/// A label for people and for whoever is asked to approve; it decides nothing by itself. The same evidence gives the same
/// label, so a verifier can hold one against the other.
package struct ChangeRisk: Sendable, Hashable {
    package enum Label: String, Sendable, CaseIterable, Comparable {
        case low, medium, high

        package static func < (first: Label, second: Label) -> Bool {
            (allCases.firstIndex(of: first) ?? 0) < (allCases.firstIndex(of: second) ?? 0)
        }
    }

    /// One fact that raises the label, in words for a reader.
    package struct Reason: Sendable, Hashable {
        package let label: Label
        package let text: String
    }

    package let reasons: [Reason]

    package var label: Label { reasons.map(\.label).max() ?? .low }

    /// Nil where nothing was delivered.
    package init?(_ evidence: JSON) {
        guard let delivered = evidence["delivered"], !delivered.isNull else { return nil }
        let paths = (delivered["paths"]?.arrayValue ?? []).compactMap(\.stringValue)
        var reasons = Self.size(delivered) + Self.paths(paths)
        let flags = evidence["gate"]?["flags"]?.arrayValue ?? []
        if !flags.isEmpty {
            reasons.append(Reason(label: .high, text: "the push gate flagged \(flags.count)"))
        }
        let checks = evidence["checks"]?.arrayValue ?? []
        if checks.isEmpty {
            reasons.append(Reason(label: .medium, text: "nothing was run to check it"))
        } else if checks.contains(where: { $0["after"]?.stringValue != CheckOutcome.passed.rawValue }) {
            reasons.append(Reason(label: .high, text: "a check did not pass"))
        }
        self.reasons = reasons
    }

    private static func size(_ delivered: JSON) -> [Reason] {
        let files = delivered["files"]?.intValue ?? 0
        let lines = (delivered["insertions"]?.intValue ?? 0) + (delivered["deletions"]?.intValue ?? 0)
        if files > 100 || lines > 2000 { return [Reason(label: .high, text: "\(files) files, \(lines) lines")] }
        if files > 20 || lines > 500 { return [Reason(label: .medium, text: "\(files) files, \(lines) lines")] }
        return []
    }

    private struct Rule: Sendable {
        let label: Label
        let what: String
        let applies: @Sendable (_ path: String, _ name: String) -> Bool
    }

    /// Of a path in small letters, and of its last part.
    private static let rules: [Rule] = [
        Rule(label: .high, what: "how it is built and released elsewhere") { path, _ in
            path.hasPrefix(".github/") || path.hasPrefix(".gitlab") || path.hasPrefix(".circleci/")
                || path.hasSuffix("jenkinsfile")
        },
        Rule(label: .high, what: "what reads like credentials, rights or cryptography") { path, _ in
            let words = ["auth", "crypto", "password", "permission", "secret", "security", "session", "token"]
            return path.split(whereSeparator: { !$0.isLetter }).contains { words.contains(String($0)) }
        },
        Rule(label: .medium, what: "what it depends on") { _, name in
            [
                "package.json", "package-lock.json", "yarn.lock", "pnpm-lock.yaml", "cargo.toml", "cargo.lock", "go.mod",
                "go.sum", "pyproject.toml", "poetry.lock", "uv.lock", "setup.cfg", "setup.py", "gemfile", "gemfile.lock",
                "pom.xml", "build.gradle", "composer.json", "composer.lock", "package.swift", "package.resolved",
            ].contains(name) || name.hasPrefix("requirements") && name.hasSuffix(".txt")
        },
        Rule(label: .medium, what: "how it is built") { _, name in
            ["makefile", "dockerfile", "cmakelists.txt", "configure.ac", "meson.build", "justfile"].contains(name)
                || name.hasSuffix(".sh") || name.hasSuffix(".mk")
        },
        Rule(label: .medium, what: "how data is kept") { path, name in
            path.contains("migration") || name.hasSuffix(".sql")
        },
    ]

    private static func paths(_ paths: [String]) -> [Reason] {
        rules.compactMap { rule in
            let touched = paths.filter { path in
                let path = path.lowercased()
                return rule.applies(path, path.split(separator: "/").last.map(String.init) ?? path)
            }
            guard let first = touched.first else { return nil }
            let more = touched.count > 1 ? " and \(touched.count - 1) more" : ""
            return Reason(label: rule.label, text: "\(rule.what): \(first)\(more)")
        }
    }

    package var json: JSON {
        [
            "label": .string(label.rawValue),
            "reasons": .array(reasons.map { ["label": .string($0.label.rawValue), "text": .string($0.text)] }),
        ]
    }
}
