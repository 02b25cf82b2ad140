// SPDX-License-Identifier: Apache-2.0
internal import Workspace

/// Files by which a forge runs something, often with credentials, as soon as a branch arrives.
enum WorkflowsCheck {
    static func findings(in input: borrowing GateInput) -> [Finding] {
        guard let severity = input.rules.workflows.severity else { return [] }
        return input.comparison.changes.compactMap { change in
            guard isWorkflow(change.path) else { return nil }
            return Finding(
                severity, .workflows, at: Place.path(change.path),
                change.new == nil ? "it takes away what the forge runs" : "the forge runs what it says",
                remedy: severity == .refuse
                    ? "Take the change out, or set \"workflows\" in the rules to flag."
                    : "Read it before you push the branch to the forge.")
        }
    }

    /// Whether a forge or a build service looks at a path. Its case counts for none of them in one way, so it is ignored.
    static func isWorkflow(_ path: [UInt8]) -> Bool {
        let parts = path.split(separator: 0x2F).map { String(decoding: $0, as: UTF8.self).lowercased() }
        guard let first = parts.first, let last = parts.last else { return false }
        if parts.count > 1, let folders = directories[first], folders.isEmpty || folders.contains(parts[1]) {
            return true
        }
        return names.contains(last) || parts.count == 1 && last.hasPrefix("jenkinsfile")
    }

    /// At the top: the directory, and which of its own count; an empty list is all.
    private static let directories: [String: Set<String>] = [
        ".github": ["workflows", "actions", "dependabot.yml", "dependabot.yaml"], ".gitea": ["workflows", "actions"],
        ".forgejo": ["workflows", "actions"], ".circleci": [], ".buildkite": [], ".woodpecker": [], ".builds": [],
        ".teamcity": [], ".semaphore": [], ".tekton": [], ".azure-pipelines": [], ".gitlab": ["ci"], ".harness": [],
        ".concourse": [], ".codebuild": [],
    ]

    private static let names: Set<String> = [
        ".gitlab-ci.yml", ".gitlab-ci.yaml", ".travis.yml", ".drone.yml", ".drone.star", ".woodpecker.yml",
        ".woodpecker.yaml", "azure-pipelines.yml", "azure-pipelines.yaml", "bitbucket-pipelines.yml", "appveyor.yml",
        ".appveyor.yml", "cloudbuild.yaml", "cloudbuild.yml", "buildspec.yml", ".cirrus.yml", ".cirrus.star",
        "codefresh.yml", "jenkinsfile", "action.yml", "action.yaml", ".build.yml", ".sourcehut.yml", "renovate.json",
        ".renovaterc",
    ]
}
