// SPDX-License-Identifier: Apache-2.0
package import LinuxSystem

/// A set as text for a person, safe to print to a terminal.
///
/// What could act on the host comes first. Every name and line is escaped, so no byte of the sandbox reaches a
/// terminal as anything but a printable character, a tab in a line, or our own newline.
package struct ChangeReport {
    package struct Options: Sendable {
        /// Show what changed in text files.
        package let contents: Bool
        /// Larger files are named, not compared.
        package let fileLimit: Int
        /// After this much text no more files are compared.
        package let textLimit: Int

        package init(contents: Bool = true, fileLimit: Int = 256 << 10, textLimit: Int = 8 << 20) {
            self.contents = contents
            self.fileLimit = fileLimit
            self.textLimit = textLimit
        }
    }

    private let set: ChangeSet
    private let review: Review
    private let tree: Int32
    private let options: Options

    /// - Parameter tree: The caller's tree, to judge by and to compare contents with; stays open as long as this is used.
    package init(_ set: ChangeSet, against tree: borrowing Directory, options: Options = Options()) throws(ChangeError)
    {
        self.set = set
        self.options = options
        self.tree = tree.fd.number
        review = try Review(set, for: tree.fd.number)
    }

    /// Writes the report in pieces.
    package func write(to sink: (String) throws(ChangeError) -> Void) throws(ChangeError) {
        let entries = review.entries
        var twins = review.twins
        twins.merge(try Twins.against(tree, entries)) { own, _ in own }
        try sink(heading())
        try section("Act on this host when opened (not applied unless accepted):", sink) {
            if case .executesOnOpen(let why) = review.judgements[$0] { why } else { nil }
        }
        try section("Never applied:", sink) {
            if case .refused(let why) = review.judgements[$0] { why } else { nil }
        }
        try section(
            "Left out, so that this set is partial (raise limits.workspace_bytes, or have the task remove what it generated; "
                + "sparse files and hard links count in full):", sink
        ) { review.entries[$0].isLeftOut ? review.entries[$0].refusal.explanation : nil }
        try section("Worth a look:", sink) {
            if case .notice(let why) = review.judgements[$0] { return why }
            return nil
        }
        try section("Names that some file systems take for the same:", sink) {
            twins[$0].map { "like \(escapedPath($0))" }
        }
        if !entries.isEmpty { try sink("Changes:\n") }
        for entry in entries { try sink("  \(Self.line(entry))\n") }
        guard options.contents else { return }
        var room = options.textLimit
        let files = FileDiff(set: set, lower: tree, fileLimit: options.fileLimit)
        for entry in entries where entry.kind == .file || (entry.kind == .deleted && entry.base.kind == .file) {
            guard room > 0 else {
                try sink("\nMore contents are not shown: the text is longer than \(options.textLimit) bytes.\n")
                return
            }
            let text = try files.text(entry)
            room -= text.utf8.count
            try sink(text)
        }
        for entry in entries where entry.kind == .symlink {
            let target = try set.content(of: entry, limit: PathRules.maximumPath)
            try sink("\n\(entry.shownPath) -> \(escapedPath(target))\n")
        }
    }

    private func heading() -> String {
        let s = set.summary
        if s.entries == 0 { return "Session \(set.session) changed nothing.\n" }
        return "Session \(set.session): \(s.entries) changes, \(s.bytes) bytes, sha256 \(s.digest)\n"
    }

    private func section(_ title: String, _ sink: (String) throws(ChangeError) -> Void, _ why: (Int) -> String?)
        throws(ChangeError)
    {
        var open = false
        for i in review.entries.indices {
            guard let reason = why(i) else { continue }
            if !open { try sink("\(title)\n") }
            open = true
            try sink("  \(Self.letter(review.entries[i])) \(review.entries[i].shownPath)  [\(reason)]\n")
        }
        if open { try sink("\n") }
    }

    /// `A` added, `M` modified, `D` deleted, `T` of another type, `m` other mode, `!` not carried over.
    package static func letter(_ entry: ChangeEntry) -> Character {
        switch entry.kind {
        case .deleted: "D"
        case .mode: "m"
        case .refused: "!"
        case .directory: entry.base.kind == .absent ? "A" : "T"
        case .file: entry.base.kind == .absent ? "A" : entry.base.kind == .file ? "M" : "T"
        case .symlink: entry.base.kind == .absent ? "A" : entry.base.kind == .symlink ? "M" : "T"
        }
    }

    /// One line: letter, path, and what a reader wants to know of this kind of change.
    package static func line(_ entry: ChangeEntry) -> String {
        var text = "\(letter(entry)) \(entry.shownPath)"
        let was = entry.base
        switch entry.kind {
        case .directory: text += "/" + (was.kind == .absent ? "" : "  (was \(word(was.kind)))")
        case .file where was.kind == .file: text += "  (\(was.size) -> \(entry.size) bytes)"
        case .file: text += "  (\(entry.size) bytes" + (was.kind == .absent ? ")" : ", was \(word(was.kind)))")
        case .symlink:
            text += "  (symlink" + (was.kind == .absent || was.kind == .symlink ? ")" : ", was \(word(was.kind)))")
        case .deleted: text += was.kind == .directory ? "/" : ""
        case .mode: text += "  (\(octal(was.permissions)) -> \(octal(entry.permissions)))"
        case .refused: text += "  (\(entry.refusal.explanation))"
        }
        if entry.kind == .file && was.kind == .file && was.permissions & 0o777 != entry.permissions {
            text += "  (\(octal(was.permissions)) -> \(octal(entry.permissions)))"
        }
        if entry.kind == .file && was.kind != .file && entry.permissions & 0o111 != 0 { text += "  (executable)" }
        if entry.notes.contains(.specialBits) { text += "  (setuid, setgid or sticky dropped)" }
        if entry.notes.contains(.attributes) { text += "  (extended attributes dropped)" }
        if entry.notes.contains(.hardlinked) { text += "  (hard link made a copy)" }
        return text
    }

    private static func word(_ kind: ChangeEntry.Base.Kind) -> String {
        switch kind {
        case .absent: "absent"
        case .file: "a file"
        case .directory: "a directory"
        case .symlink: "a symlink"
        case .other: "a special file"
        }
    }

    private static func octal(_ mode: UInt32) -> String {
        let digits = String(mode & 0o7777, radix: 8)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
}
