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
        let severity: Finding.Severity = input.rules.opened == .refuse ? .refuse : .flag
        var findings: [Finding] = []
        for change in comparison.changes {
            guard let kind = kind(of: change) else { continue }
            var judgement = SensitivePaths.judge(change.path, kind: kind)
            if let target = targets[change.path] {
                judgement = judgement.graver(SensitivePaths.judge(link: change.path, to: target))
            }
            if change.new != nil, let why = comparison.repositories.lazy.compactMap({ act(change.path, in: $0) }).first
            {
                judgement = judgement.graver(.executesOnOpen(why))
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

    /// Why a path acts in a directory that git takes for a repository: it is obeyed there, or it makes the directory one
    /// whose own configuration or hooks are then obeyed.
    private static func act(_ path: [UInt8], in directory: RepositoryDirectory) -> String? {
        let above = directory.path
        guard path.starts(with: above), above.isEmpty || path.dropFirst(above.count).first == 0x2F else { return nil }
        let name = RepositoryDirectory.folded(
            path.dropFirst(above.isEmpty ? 0 : above.count + 1).prefix { $0 != 0x2F })
        if BareRepositories.obeyed.contains(name[...]) {
            return "git takes its directory for a repository and runs what it says"
        }
        if directory.isNew, RepositoryDirectory.shape.contains(name),
            BareRepositories.acting.contains(where: { directory.before.contains(Array($0)) })
        {
            return "git would take its directory for a repository and run what its config or hooks say"
        }
        return nil
    }
}
