// SPDX-License-Identifier: Apache-2.0

/// A set with a judgement on every entry: what is shown first, and what is not applied unless asked for.
package struct Review: Sendable {
    package let entries: [ChangeEntry]
    /// One for each entry.
    package let judgements: [Sensitivity]
    /// By index: the other name in the same directory that some file systems take for the same.
    package let twins: [Int: [UInt8]]

    /// Reads the entries and the targets of symlinks; memory is about 300 bytes an entry.
    ///
    /// - Parameter tree: The tree that the set is for, open for reading: what some entries do depends on what lies there.
    package init(_ set: ChangeSet, for tree: Int32) throws(ChangeError) {
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
        try BareRepositories(entries, tree).judge(entries, &judgements)
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
