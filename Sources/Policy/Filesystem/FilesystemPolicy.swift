// SPDX-License-Identifier: Apache-2.0

/// How the workspace itself is handed in.
package enum WorkspaceAccess: String, Sendable, Hashable, CaseIterable {
    case readWrite = "read-write"
    case readOnly = "read-only"
}

/// Which paths of the sandbox's tree a task may write, read, or not see.
///
/// The fixed parts of every sandbox (`/proc`, `/dev`) are outside these rules.
package struct FilesystemPolicy: Sendable, Hashable {
    package var writable: [RulePath]
    package var readOnly: [RulePath]
    package var deny: [RulePath]
    package var workspace: WorkspaceAccess

    package init(writable: [RulePath], readOnly: [RulePath], deny: [RulePath], workspace: WorkspaceAccess) {
        self.writable = writable
        self.readOnly = readOnly
        self.deny = deny
        self.workspace = workspace
    }

    /// What is decided about a path, weakest grant first.
    package enum Access: Int, Sendable, Hashable, Comparable {
        case denied, readOnly, writable

        package static func < (first: Access, second: Access) -> Bool { first.rawValue < second.rawValue }
    }

    package struct Decision: Sendable, Hashable {
        package var access: Access
        /// The rule that decided; nil when none names the path, which is then denied.
        package var rule: RulePath?
    }

    /// The most specific rule decides; of rules for the same path the narrowest (deny, then read-only). With
    /// `workspace: read-only` nothing at or below /workspace is writable, whatever a rule says.
    package func decide(_ path: RulePath) -> Decision {
        var best = Decision(access: .denied, rule: nil)
        for (rules, access) in [(deny, Access.denied), (readOnly, .readOnly), (writable, .writable)] {
            for rule in rules where rule.contains(path) {
                // Narrowest lists come first, so an equally specific later one does not replace it.
                if let current = best.rule, current.components.count >= rule.components.count { continue }
                best = Decision(access: access, rule: rule)
            }
        }
        if workspace == .readOnly, best.access == .writable, RulePath.workspace.contains(path) {
            best.access = .readOnly
        }
        return best
    }

    /// The decision about a path as text; see ``RulePath/init(_:)`` for what is no path.
    package func decide(_ text: String) throws(RulePath.Flaw) -> Decision { decide(try RulePath(text)) }

    /// One place where what is decided differs from the directory above it.
    package struct Transition: Sendable, Hashable {
        package var path: RulePath
        package var access: Access
        /// What holds just above; at the root, denied.
        package var outer: Access
    }

    /// The whole policy as the places where it changes, each after the one that encloses it: what has to be mounted or
    /// masked in that order. The decision about any path is that of the last transition at or above it, or denied.
    package var transitions: [Transition] {
        var previous: RulePath?
        return decisionPoints.sorted().compactMap { path in
            if path == previous { return nil }
            previous = path
            let access = decide(path).access
            let outer = path == .root ? .denied : decide(RulePath(components: path.components.dropLast())).access
            return access == outer ? nil : Transition(path: path, access: access, outer: outer)
        }
    }

    /// Every path at which the decision can change: between two of them it is that of the nearest one above.
    var decisionPoints: [RulePath] { [.root, .workspace] + writable + readOnly + deny }
}
