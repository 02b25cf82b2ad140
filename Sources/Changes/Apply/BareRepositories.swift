// SPDX-License-Identifier: Apache-2.0
internal import LinuxSystem

/// Directories that git takes for a repository without their being named `.git`: those with `HEAD`, `objects` and `refs`.
///
/// What a task may not bring at once it could bring in two sessions, or into a directory of the caller's that has a part
/// of it. So a directory counts as it would be afterwards, with what the tree holds already. One whose `commondir` leads
/// to objects elsewhere is held back by that file alone, see ``SensitivePaths``. git-config(1), safe.bareRepository
package struct BareRepositories {
    private struct Part: OptionSet {
        let rawValue: Int
        static let head = Part(rawValue: 1)
        static let objects = Part(rawValue: 2)
        static let refs = Part(rawValue: 4)
        static let config = Part(rawValue: 8)
        static let hooks = Part(rawValue: 16)
        static let repository: Part = [.head, .objects, .refs]
        static let acting: Part = [.config, .hooks]
    }

    private static let names: [ArraySlice<UInt8>: Part] = [
        Array("HEAD".utf8)[...]: .head, Array("objects".utf8)[...]: .objects, Array("refs".utf8)[...]: .refs,
        Array("config".utf8)[...]: .config, Array("hooks".utf8)[...]: .hooks,
    ]
    /// What git runs or obeys in a repository; for a file in it, the name of that directory.
    package static let obeyed = ["config", "config.worktree", "hooks", "info"].map { Array($0.utf8)[...] }
    /// Whether such a directory acts once it is a repository, by the names in it.
    package static let acting = ["config", "hooks"].map { Array($0.utf8)[...] }

    /// What each repository to be has in the tree already.
    private var found: [ArraySlice<UInt8>: Part] = [:]

    init(_ entries: [ChangeEntry], _ tree: Int32) throws(ChangeError) {
        var brought: [ArraySlice<UInt8>: Part] = [:]
        for entry in entries where entry.kind != .deleted {
            // Whatever part the set shows, the directory above it is what git would look at.
            Self.forEachPart(entry.path) { directory, name, _ in
                if let part = Self.names[name] { brought[directory, default: []].formUnion(part) }
            }
        }
        for (directory, parts) in brought {
            // In `.git` everything is judged by its path.
            if PathRules.components(Array(directory)).last == SensitivePaths.git { continue }
            let there = Self.parts(of: Array(directory), in: tree)
            if parts.union(there).isSuperset(of: .repository) { found[directory] = there }
        }
    }

    /// Marks what acts in such a directory; where that lies in the tree already, what makes the directory a repository.
    func judge(_ entries: [ChangeEntry], _ judgements: inout [Sensitivity]) throws(ChangeError) {
        guard !found.isEmpty else { return }
        // Once over the entries, whatever the number of repositories: a task can make ten thousands of them.
        for (i, entry) in entries.enumerated() where Review.rank(judgements[i]) < 2 && entry.kind != .deleted {
            Self.forEachPart(entry.path) { directory, name, isLast in
                guard let there = found[directory] else { return }
                if Self.obeyed.contains(name) {
                    judgements[i] = .executesOnOpen("git takes the directory for a repository and runs what this says")
                } else if isLast, let part = Self.names[name], !there.isSuperset(of: .repository),
                    !there.isDisjoint(with: .acting), Part.repository.contains(part)
                {
                    judgements[i] = .executesOnOpen(
                        "git would take the directory for a repository and run what its config or hooks say")
                }
            }
        }
    }

    /// Calls `body` for each name in a path with the directory it lies in.
    private static func forEachPart(
        _ path: [UInt8], _ body: (_ directory: ArraySlice<UInt8>, _ name: ArraySlice<UInt8>, _ isLast: Bool) -> Void
    ) {
        var start = 0
        while start <= path.count {
            let end = path[start...].firstIndex(of: PathRules.slash) ?? path.count
            body(path[..<max(0, start - 1)], path[start..<end], end == path.count)
            start = end + 1
        }
    }

    /// What of it the caller's tree holds. A directory that cannot be opened takes no change either, and a name that
    /// cannot be asked after counts as there.
    private static func parts(of directory: [UInt8], in tree: Int32) -> Part {
        guard case .success(let held) = Beneath.directory(tree, directory) else { return [] }
        var parts: Part = []
        for (name, part) in names {
            do throws(ChangeError) {
                if try Beneath.status(held.number, Array(name)) != nil { parts.formUnion(part) }
            } catch { parts.formUnion(part) }
        }
        return parts
    }
}
