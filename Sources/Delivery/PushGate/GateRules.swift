// SPDX-License-Identifier: Apache-2.0

/// What the push gate refuses, flags and lets pass. A plain value: the same for a collected directory and for a task.
package struct GateRules: Equatable, Sendable {
    package enum Action: String, Sendable, CaseIterable {
        case refuse
        case flag
        case allow

        var severity: Finding.Severity? {
            switch self {
            case .refuse: .refuse
            case .flag: .flag
            case .allow: nil
            }
        }
    }

    package struct Limits: Equatable, Sendable {
        /// Bytes of the pack.
        package var pack = 256 << 20
        package var commits = 2000
        /// Files that differ between base and head.
        package var files = 10_000
        /// Bytes of those files together.
        package var bytes = 256 << 20

        package init() {}
    }

    package struct Secrets: Equatable, Sendable {
        /// What to do with a secret of a known form. What merely looks like one is flagged at most.
        package var action = Action.refuse
        /// Hexadecimal; the same salt gives the same fingerprints, so that `accept` can name them. Nil is a new one each time.
        package var salt: String?
        /// Fingerprints of values that are no secret.
        package var accept: Set<String> = []

        package init() {}
    }

    package struct Authors: Equatable, Sendable {
        /// `name <email>`, an address, or `*@host`.
        package var allow: [String]
        package var others: Action

        package init(allow: [String], others: Action) {
            self.allow = allow
            self.others = others
        }
    }

    /// Names of branches; one that ends in a slash stands for all below it. An empty list means that nothing may arrive.
    package var branches: [String] = defaultBranches
    package var limits = Limits()
    /// Patterns as in a .gitignore; nil is every path, an empty list none.
    package var paths: [String]?
    /// What is done about a change outside of the paths: refuse or flag.
    package var outside = Action.refuse
    /// Files on which the host acts when they are opened: refuse or flag.
    package var opened = Action.flag
    package var workflows = Action.flag
    package var secrets = Secrets()
    /// Nil lets every name stand.
    package var authors: Authors?

    package init() {}

    /// Whether a branch of this short name may arrive.
    package func allows(branch: String) -> Bool {
        branches.contains { $0.hasSuffix("/") ? branch.hasPrefix($0) : branch == $0 }
    }

    package static let defaultBranches = ["sallyport/"]
}
