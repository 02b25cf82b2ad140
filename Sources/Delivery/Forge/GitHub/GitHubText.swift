// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import TaskModel

/// What is written to GitHub, within its bounds.
enum GitHubText {
    /// GitHub takes 65,536 characters.
    private static let longest = 60_000

    static func fitted(_ text: String) -> String {
        guard text.unicodeScalars.count > longest else { return text }
        return String(String.UnicodeScalarView(text.unicodeScalars.prefix(longest)))
            + "\n\n(cut; the whole is in the task's record)\n"
    }

    /// Findings as one review: remarks at lines, and a text with all others.
    struct Review {
        let body: String
        let comments: [JSON]

        /// - Parameter isShown: Whether the pull request shows a line of a file, so that a remark can stand there.
        init(_ findings: Findings, note: String, isShown: (String, Int) -> Bool) {
            var comments: [JSON] = []
            var text = "An agent's review. Its words are quoted; nobody has checked them.\n\n"
            text += Quoted.lines(findings.summary) + "\n"
            if !note.isEmpty { text += Quoted.line(note) + "\n\n" }
            for finding in findings.findings {
                if let line = finding.line, isShown(finding.file, line) {
                    comments.append([
                        "path": .string(finding.file), "line": .int(line), "side": "RIGHT",
                        "body": .string(Self.text(finding)),
                    ])
                } else {
                    let place = Quoted.line(finding.file) + (finding.line.map { ", line \($0)" } ?? "")
                    text += "### \(place)\n\n\(Self.text(finding))\n"
                }
            }
            body = GitHubText.fitted(text)
            self.comments = comments
        }

        private static func text(_ finding: Findings.Finding) -> String {
            var text = "**\(finding.severity.rawValue)**\n\n" + Quoted.lines(finding.comment)
            if let suggestion = finding.suggestion { text += "\nSuggestion:\n\n" + Quoted.block(suggestion) }
            return text
        }
    }
}

/// Which lines of a file's new side a patch shows: those that a remark can stand at.
enum ShownLines {
    static func of(_ patch: String) -> Set<Int> {
        var shown: Set<Int> = []
        var next: Int?
        // By bytes: a carriage return before the line's end would be one character with it.
        for line in patch.utf8.split(separator: 0x0A, omittingEmptySubsequences: false) {
            switch line.first {
            case UInt8(ascii: "@"): next = start(line)
            case UInt8(ascii: "+"), UInt8(ascii: " "):
                if let number = next {
                    shown.insert(number)
                    next = number + 1
                }
            default: break
            }
        }
        return shown
    }

    /// Reads the new side's first line of "@@ -1,7 +1,9 @@".
    private static func start(_ line: Substring.UTF8View) -> Int? {
        guard let plus = line.firstIndex(of: UInt8(ascii: "+")) else { return nil }
        let digits = line[line.index(after: plus)...].prefix { (0x30...0x39).contains($0) }
        return Int(String(decoding: digits, as: UTF8.self)).flatMap { $0 < 1 << 40 ? $0 : nil }
    }
}

/// Times as GitHub writes them: "2026-11-22T01:02:03Z".
enum Timestamp {
    static func milliseconds(_ record: ForgeRecord, _ name: String) throws(ForgeError) -> Int {
        guard let milliseconds = milliseconds(try record.text(name)) else { throw record.wrong(name, "a time") }
        return milliseconds
    }

    static func milliseconds(_ text: String) -> Int? {
        let bytes = Array(text.utf8)
        guard bytes.count == 20 else { return nil }
        func number(_ place: Range<Int>) -> Int? {
            bytes[place].allSatisfy { (0x30...0x39).contains($0) }
                ? Int(String(decoding: bytes[place], as: UTF8.self)) : nil
        }
        let marks: [(Int, UInt8)] = [(4, 0x2D), (7, 0x2D), (10, 0x54), (13, 0x3A), (16, 0x3A), (19, 0x5A)]
        guard marks.allSatisfy({ bytes[$0.0] == $0.1 }), let year = number(0..<4), let month = number(5..<7),
            let day = number(8..<10), let hour = number(11..<13), let minute = number(14..<16),
            let second = number(17..<19), (1970...9999).contains(year), (1...12).contains(month),
            (1...31).contains(day), hour < 24, minute < 60, second <= 60
        else { return nil }
        // Days since 1970 of the proleptic Gregorian calendar, years beginning with March.
        let shifted = month > 2 ? year : year - 1
        let days =
            365 * shifted + shifted / 4 - shifted / 100 + shifted / 400 + (153 * ((month + 9) % 12) + 2) / 5 + day
        return (((days - 719_469) * 24 + hour) * 60 + minute) * 60_000 + second * 1000
    }
}
