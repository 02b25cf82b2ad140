// SPDX-License-Identifier: Apache-2.0
internal import Workspace

/// Only the paths that the task is about.
enum ScopeCheck {
    static func findings(in input: borrowing GateInput) -> [Finding] {
        guard let scope = input.rules.paths else { return [] }
        let patterns = scope.compactMap { IgnorePattern(line: Array($0.utf8)) }
        return input.comparison.changes.compactMap { change in
            let parts = change.path.split(separator: 0x2F).map { Array($0) }
            // A pattern that names a directory covers what lies in it.
            let isCovered = (1...max(1, parts.count)).contains { length in
                patterns.contains { $0.matches(parts.prefix(length), isDirectory: length < parts.count) }
            }
            if isCovered { return nil }
            let place = Place.path(change.path)
            return input.rules.outside == .flag
                ? Finding(
                    .flag, .scope, at: place, "it lies outside of the paths that the work is about",
                    remedy: "Look whether the work needs it.")
                : Finding(
                    .refuse, .scope, at: place, "it lies outside of the paths that the rules allow",
                    remedy: "Take the change out, or add the path to \"paths\" in the rules.")
        }
    }
}
