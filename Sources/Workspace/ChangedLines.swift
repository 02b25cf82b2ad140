// SPDX-License-Identifier: Apache-2.0

/// Which lines of which files each new commit changed, the oldest commit first, within bounds.
package struct ChangedLines: Equatable, Sendable {
    /// Lines of the file as the commit leaves it, counted from 1.
    package struct Range: Equatable, Sendable {
        package let first: Int
        package let count: Int

        package init(first: Int, count: Int) {
            self.first = first
            self.count = count
        }
    }

    package struct File: Equatable, Sendable {
        package enum Kind: String, Sendable, CaseIterable { case added, deleted, modified, renamed, retyped }

        /// Printable, as the commit leaves it; of a deleted one as it was.
        package let path: String
        /// Of a renamed one.
        package let previous: String?
        package let kind: Kind
        /// It has no lines.
        package let isBinary: Bool
        package let ranges: [Range]
        /// Lines that are gone.
        package let removed: Int
        /// There are more ranges.
        package let isCut: Bool

        package init(
            path: String, previous: String? = nil, kind: Kind, isBinary: Bool = false, ranges: [Range] = [],
            removed: Int = 0, isCut: Bool = false
        ) {
            self.path = path
            self.previous = previous
            self.kind = kind
            self.isBinary = isBinary
            self.ranges = ranges
            self.removed = removed
            self.isCut = isCut
        }
    }

    package struct Commit: Equatable, Sendable {
        package let id: ObjectID
        /// It says that the runner made it of edits that the agent had not committed.
        package let saysSaved: Bool
        package let files: [File]

        package init(id: ObjectID, saysSaved: Bool, files: [File]) {
            self.id = id
            self.saysSaved = saysSaved
            self.files = files
        }
    }

    package let commits: [Commit]
    /// There are more commits or files.
    package let isCut: Bool

    package init(commits: [Commit], isCut: Bool) {
        self.commits = commits
        self.isCut = isCut
    }

    package static let mostCommits = 200
    package static let mostFiles = 1000
    package static let mostRanges = 100
    package static let longestPath = 300
}

/// As lines of text: between processes, and for a digest that is the same wherever it is made.
///
///     commit 1f0c... saved|-
///     changed modified text 2 whole 3+1,9+4 src/a b.swift
///     previous src/old.swift
///     cut
extension ChangedLines {
    package var text: [String] {
        var lines: [String] = []
        for commit in commits {
            lines.append("commit \(commit.id) \(commit.saysSaved ? "saved" : "-")")
            for file in commit.files {
                let ranges = file.ranges.map { "\($0.first)+\($0.count)" }.joined(separator: ",")
                lines.append(
                    "changed \(file.kind.rawValue) \(file.isBinary ? "binary" : "text") \(file.removed) "
                        + "\(file.isCut ? "cut" : "whole") \(ranges.isEmpty ? "-" : ranges) \(file.path)")
                if let previous = file.previous { lines.append("previous \(previous)") }
            }
        }
        return lines + (isCut ? ["cut yes"] : [])
    }

    /// Reads what ``text`` wrote, by somebody who may lie; nil for anything else.
    package init?(text lines: [(key: String, value: String)]) {
        var commits: [Commit] = []
        var isCut = false
        var files = 0
        for (key, value) in lines {
            if isCut { return nil }
            switch key {
            case "commit":
                let parts = value.split(separator: " ", omittingEmptySubsequences: false)
                guard parts.count == 2, let id = ObjectID(String(parts[0])), ["saved", "-"].contains(parts[1]),
                    commits.count < Self.mostCommits
                else { return nil }
                commits.append(Commit(id: id, saysSaved: parts[1] == "saved", files: []))
            case "changed":
                guard let file = File(text: value), let last = commits.popLast(), files < Self.mostFiles else {
                    return nil
                }
                files += 1
                commits.append(Commit(id: last.id, saysSaved: last.saysSaved, files: last.files + [file]))
            case "previous":
                guard let last = commits.popLast(), let file = last.files.last, file.kind == .renamed,
                    file.previous == nil
                else { return nil }
                commits.append(
                    Commit(
                        id: last.id, saysSaved: last.saysSaved,
                        files: last.files.dropLast() + [file.renamed(from: value)]))
            case "cut" where value == "yes": isCut = true
            default: return nil
            }
        }
        guard commits.allSatisfy({ $0.files.allSatisfy { ($0.kind == .renamed) == ($0.previous != nil) } }) else {
            return nil
        }
        self.init(commits: commits, isCut: isCut)
    }
}

extension ChangedLines.File {
    fileprivate func renamed(from previous: String) -> Self {
        Self(
            path: path, previous: previous, kind: kind, isBinary: isBinary, ranges: ranges, removed: removed,
            isCut: isCut)
    }

    fileprivate init?(text: String) {
        let parts = text.split(separator: " ", maxSplits: 5, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 6, let kind = Kind(rawValue: parts[0]), ["text", "binary"].contains(parts[1]),
            let removed = Int(parts[2]), removed >= 0, ["cut", "whole"].contains(parts[3]), !parts[5].isEmpty
        else { return nil }
        var ranges: [ChangedLines.Range] = []
        for word in parts[4] == "-" ? [] : parts[4].split(separator: ",") {
            let pair = word.split(separator: "+", omittingEmptySubsequences: false).map { Int($0) }
            guard pair.count == 2, let first = pair[0], let count = pair[1], first > 0, count > 0,
                ranges.count < ChangedLines.mostRanges
            else { return nil }
            ranges.append(.init(first: first, count: count))
        }
        self.init(
            path: parts[5], kind: kind, isBinary: parts[1] == "binary", ranges: ranges, removed: removed,
            isCut: parts[3] == "cut")
    }
}
