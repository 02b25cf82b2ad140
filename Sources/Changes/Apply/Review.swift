// SPDX-License-Identifier: Apache-2.0

/// A set with a judgement on every entry: what is shown first, and what is not applied unless asked for.
package struct Review: Sendable {
    package let entries: [ChangeEntry]
    /// One for each entry.
    package let judgements: [Sensitivity]
    /// By index: the other name in the same directory that some file systems take for the same.
    package let twins: [Int: [UInt8]]

    /// Reads the entries and the targets of symlinks; memory is about 300 bytes an entry.
    package init(_ set: ChangeSet) throws(ChangeError) {
        let entries = try set.entries()
        var judgements: [Sensitivity] = []
        judgements.reserveCapacity(entries.count)
        for entry in entries {
            var judgement = SensitivePaths.judge(entry.path, kind: entry.kind)
            if entry.kind == .symlink {
                let target = try set.content(of: entry, limit: PathRules.maximumPath)
                judgement = judgement.graver(SymlinkRules.judge(path: entry.path, target: target))
            }
            judgements.append(judgement)
        }
        BareRepositories.judge(entries, &judgements)
        self.entries = entries
        self.judgements = judgements
        self.twins = Twins.among(entries)
    }

    /// Why each entry is withheld, or nil. What lies beneath a withheld entry is withheld with it, and a removed
    /// directory is removed whole or not at all.
    package func withheld(acceptFlagged: Bool) -> [String?] {
        var reasons: [String?] = zip(entries, judgements).map { entry, judgement in
            switch judgement {
            case .refused(let why): why
            case .executesOnOpen(let why): acceptFlagged ? nil : why
            case .plain, .notice: entry.kind == .refused ? entry.refusal.explanation : nil
            }
        }
        var i = 0
        while i < entries.count {
            let end = self.end(of: i)
            let removesDirectory = entries[i].allowedBeneath == .deletionsOnly
            if reasons[i] == nil && removesDirectory {
                let first = (i..<end).first { reasons[$0] != nil }
                if let first { reasons[i] = "\"\(entries[first].shownPath)\" in it is withheld" }
            }
            // A mode change of a directory says nothing of what lies in it.
            guard let why = reasons[i], entries[i].kind != .mode else {
                i += 1
                continue
            }
            for j in (i + 1)..<max(end, i + 1) where reasons[j] == nil {
                reasons[j] = "beneath a withheld entry: \(why)"
            }
            i = max(end, i + 1)
        }
        return reasons
    }

    /// The index after the last entry beneath this one: entries are sorted so that these follow directly.
    private func end(of index: Int) -> Int {
        var end = index + 1
        while end < entries.count, PathRules.isBeneath(entries[end].path, entries[index].path) { end += 1 }
        return end
    }

    static func rank(_ s: Sensitivity) -> Int {
        switch s {
        case .plain: 0
        case .notice: 1
        case .executesOnOpen: 2
        case .refused: 3
        }
    }
}

/// A directory with `HEAD`, `objects` and `refs` is a repository to git without being named `.git`.
/// git-config(1), safe.bareRepository
private enum BareRepositories {
    static func judge(_ entries: [ChangeEntry], _ judgements: inout [Sensitivity]) {
        var marks: [[UInt8]: Int] = [:]
        for entry in entries where entry.kind != .deleted {
            let parts = PathRules.components(entry.path)
            // Whatever part the set shows, the directory above it is what git would look at.
            for (name, bit) in markers where parts.last == name {
                marks[PathRules.split(entry.path).directory, default: 0] |= bit
            }
            for (name, bit) in markers.dropFirst() {
                guard let at = parts.dropLast().lastIndex(of: name) else { continue }
                marks[Array(parts[..<at].joined(separator: [PathRules.slash])), default: 0] |= bit
            }
        }
        let bare = Set(marks.filter { $0.value == 7 && PathRules.components($0.key).last != SensitivePaths.git }.keys)
        guard !bare.isEmpty else { return }
        // Once over the entries, whatever the number of repositories: a task can make ten thousands of them.
        for (i, entry) in entries.enumerated() where Review.rank(judgements[i]) < 2 {
            var start = 0
            for part in entry.path.split(separator: PathRules.slash) {
                if dangerous.contains(part), bare.contains(Array(entry.path[..<max(0, start - 1)])) {
                    judgements[i] = .executesOnOpen("git takes the directory for a repository and runs what this says")
                    break
                }
                start += part.count + 1
            }
        }
    }

    private static let dangerous = [Array("config".utf8)[...], Array("hooks".utf8)[...]]
    private static let markers: [([UInt8], Int)] = [
        (Array("HEAD".utf8), 1), (Array("objects".utf8), 2), (Array("refs".utf8), 4),
    ]
}
