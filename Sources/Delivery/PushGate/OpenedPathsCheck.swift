// SPDX-License-Identifier: Apache-2.0
internal import Changes
internal import Workspace

/// Files on which programs of the host act: when the tree is merely opened, or once somebody builds it.
///
/// The table is the one by which changes of a session are judged.
enum OpenedPathsCheck {
    /// - Parameter targets: Where each new symlink leads, by its path.
    static func findings(in input: borrowing GateInput, _ targets: [[UInt8]: [UInt8]]) -> [Finding] {
        let comparison = input.comparison
        let bare = comparison.bareRepositories
        let severity: Finding.Severity = input.rules.opened == .refuse ? .refuse : .flag
        var findings: [Finding] = []
        for change in comparison.changes {
            guard let kind = kind(of: change) else { continue }
            var judgement = SensitivePaths.judge(change.path, kind: kind)
            if let target = targets[change.path] {
                judgement = judgement.graver(SensitivePaths.judge(link: change.path, to: target))
            }
            if change.new != nil, bare.contains(where: { isCommand(change.path, of: $0) }) {
                judgement = judgement.graver(.executesOnOpen("git takes its directory for a repository and runs it"))
            }
            findings += finding(judgement, change, severity).map { [$0] } ?? []
        }
        return findings
            + comparison.twins.map { twin in
                Finding(
                    severity, .opened, at: Place.path(twin.path),
                    "some file systems take it for \(Place.path(twin.other))",
                    remedy: "Do not check the branch out where names are folded (macOS, Windows).")
            }
    }

    static func linkTargets(in input: borrowing GateInput) throws(GitError) -> [[UInt8]: [UInt8]] {
        var targets: [[UInt8]: [UInt8]] = [:]
        for change in input.comparison.changes {
            guard let new = change.new, new.isSymlink else { continue }
            targets[change.path] = try input.range.blob(new.id, limit: longestTarget) ?? [0]
        }
        return targets
    }

    /// PATH_MAX. limits.h
    private static let longestTarget = 4096

    private static func finding(_ judgement: Sensitivity, _ change: TreeChange, _ severity: Finding.Severity)
        -> Finding?
    {
        let place = Place.path(change.path)
        switch judgement {
        case .plain: return nil
        case .refused(let why):
            return Finding(.refuse, .opened, at: place, why, remedy: "Have it renamed or removed, inside a sandbox.")
        case .executesOnOpen(let why):
            return Finding(
                severity, .opened, at: place, why,
                remedy: severity == .refuse
                    ? "Take it out, or set \"opened\" in the rules to flag."
                    : "Read it before you open or check out the branch.")
        case .notice(let why):
            if WorkflowsCheck.isWorkflow(change.path) { return nil }
            return Finding(.flag, .built, at: place, why, remedy: "Read it before you build, test or commit.")
        }
    }

    private static func kind(of change: TreeChange) -> ChangeEntry.Kind? {
        guard let new = change.new else { return .deleted }
        return new.isSymlink ? .symlink : new.isSubmodule ? nil : .file
    }

    private static func isCommand(_ path: [UInt8], of repository: [UInt8]) -> Bool {
        guard path.starts(with: repository) else { return false }
        let rest = path.dropFirst(repository.isEmpty ? 0 : repository.count + 1)
        return rest.elementsEqual("config".utf8) || rest.starts(with: "hooks/".utf8)
    }
}
