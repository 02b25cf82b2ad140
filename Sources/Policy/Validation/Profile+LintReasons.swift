// SPDX-License-Identifier: Apache-2.0

extension Profile {
    /// What a proposed reason begins with until somebody has thought about it.
    package static let unfilled = "FILL IN"

    func lintReasons() -> [LintFinding] {
        let keys =
            [("reason", reason)] + egress.rules.enumerated().map { ("egress.rules[\($0)]", $1.reason) }
        return keys.compactMap { key, text in
            guard text.hasPrefix(Self.unfilled) else { return nil }
            return finding(
                .warning, key, "has a reason that nobody has filled in",
                remedy: "Say in a sentence what the task needs it for, or remove it.")
        }
    }
}
