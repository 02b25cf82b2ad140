// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxSystem

/// The unified diff of one file against the caller's tree.
struct FileDiff {
    let set: ChangeSet
    let lower: Int32
    let fileLimit: Int
    private static let context = 3

    /// The text to print, beginning with an empty line.
    func text(_ entry: ChangeEntry) throws(ChangeError) -> String {
        let path = entry.shownPath
        let old: [UInt8]?
        let new: [UInt8]?
        switch entry.base.kind {
        case .file: old = try lowerContent(entry)
        case .absent, .directory, .symlink, .other: old = []
        }
        if entry.kind == .deleted {
            new = []
        } else {
            new = entry.size <= UInt64(fileLimit) ? try set.content(of: entry, limit: fileLimit) : nil
        }
        let from = entry.base.kind == .file ? "a/\(path)" : "/dev/null"
        let to = entry.kind == .deleted ? "/dev/null" : "b/\(path)"
        let heading = "\n--- \(from)\n+++ \(to)\n"
        guard let old, let new, Self.isText(old), Self.isText(new) else {
            return heading + "(binary, larger than \(fileLimit) bytes, or changed since)\n"
        }
        return heading + Self.hunks(Self.lines(old), Self.lines(new))
    }

    /// What the caller's tree holds, if it still is what the session saw.
    private func lowerContent(_ entry: ChangeEntry) throws(ChangeError) -> [UInt8]? {
        guard entry.base.size <= UInt64(fileLimit),
            case .success(let file) = Beneath.open(lower, entry.path, O_RDONLY)
        else { return nil }
        let status = try Beneath.status(of: file, "\"\(entry.shownPath)\"")
        guard Tree.holdsBase(status, entry.base) else { return nil }
        return try ChangeSet.bytes(file.number, 0, Int(entry.base.size), "\"\(entry.shownPath)\"")
    }

    static func isText(_ bytes: [UInt8]) -> Bool {
        !bytes.contains(0) && String(validating: bytes, as: UTF8.self) != nil
    }

    /// Lines with their newline, so that a missing one at the end is a difference.
    static func lines(_ bytes: [UInt8]) -> [ArraySlice<UInt8>] {
        var lines: [ArraySlice<UInt8>] = []
        var start = 0
        for (i, byte) in bytes.enumerated() where byte == 10 {
            lines.append(bytes[start...i])
            start = i + 1
        }
        if start < bytes.count { lines.append(bytes[start...]) }
        return lines
    }

    static func hunks(_ old: [ArraySlice<UInt8>], _ new: [ArraySlice<UInt8>]) -> String {
        let steps = LineDiff.steps(old, new)
        var text = ""
        var oldStart = 0
        var newStart = 0
        var at = 0
        for range in groups(steps) {
            for step in steps[at..<range.lowerBound] {
                switch step {
                case .keep:
                    oldStart += 1
                    newStart += 1
                case .remove: oldStart += 1
                case .add: newStart += 1
                }
            }
            var body = ""
            var olds = 0
            var news = 0
            for step in steps[range] {
                switch step {
                case .keep(let i, _):
                    body += shown(" ", old[i])
                    olds += 1
                    news += 1
                case .remove(let i):
                    body += shown("-", old[i])
                    olds += 1
                case .add(let j):
                    body += shown("+", new[j])
                    news += 1
                }
            }
            // A range of no lines names the line before it. POSIX diff, "Diff -u Output Format"
            let from = olds == 0 ? oldStart : oldStart + 1
            let to = news == 0 ? newStart : newStart + 1
            text += "@@ -\(from),\(olds) +\(to),\(news) @@\n"
            text += body
            oldStart += olds
            newStart += news
            at = range.upperBound
        }
        return text
    }

    /// The ranges of steps to show: changes with three lines around them, joined where they touch.
    private static func groups(_ steps: [LineDiff.Step]) -> [Range<Int>] {
        var groups: [Range<Int>] = []
        for (i, step) in steps.enumerated() {
            if case .keep = step { continue }
            let low = max(0, i - context)
            let high = min(steps.count, i + context + 1)
            if let last = groups.last, low <= last.upperBound {
                groups[groups.count - 1] = last.lowerBound..<high
            } else {
                groups.append(low..<high)
            }
        }
        return groups
    }

    private static func shown(_ mark: String, _ line: ArraySlice<UInt8>) -> String {
        guard line.last == 10 else { return mark + escapedLine(line) + "\n\\ No newline at end of file\n" }
        return mark + escapedLine(line.dropLast()) + "\n"
    }
}
