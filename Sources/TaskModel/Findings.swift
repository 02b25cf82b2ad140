// SPDX-License-Identifier: Apache-2.0
package import Documents

/// What a review says about a pull request, as a sandbox handed it out: every byte of it is claimed.
package struct Findings: Sendable, Hashable {
    package enum Severity: String, Sendable, CaseIterable { case critical, major, minor, note }

    package struct Finding: Sendable, Hashable {
        /// A path of the reviewed commit.
        package let file: String
        /// Counted from 1; nil speaks of the whole file.
        package let line: Int?
        package let severity: Severity
        package let comment: String
        /// Text to put in the line's place.
        package let suggestion: String?

        package init(file: String, line: Int?, severity: Severity, comment: String, suggestion: String?) {
            self.file = file
            self.line = line
            self.severity = severity
            self.comment = comment
            self.suggestion = suggestion
        }
    }

    package let summary: String
    package let findings: [Finding]

    /// Those that a change does not pass with, where a review decides.
    package var blocking: [Finding] { findings.filter { $0.severity == .critical || $0.severity == .major } }

    package init(summary: String, findings: [Finding]) {
        self.summary = summary
        self.findings = findings
    }

    package static let longestDocument = 1 << 20
    static let most = 200
    static let longestSummary = 8000
    static let longestComment = 8000
    static let longestPath = 1000

    /// Why a document is no findings document; holds no byte of it but a number.
    package struct Flaw: Error, Sendable, Hashable, CustomStringConvertible {
        package let description: String
    }

    /// Reads the JSON that an agent wrote: `{"version": 1, "summary": ..., "findings": [...]}`, nothing else in it.
    package init(_ bytes: [UInt8]) throws(Flaw) {
        guard bytes.count <= Self.longestDocument else {
            throw Flaw(description: "it is longer than \(Self.longestDocument) bytes")
        }
        let root: JSON
        do throws(JSONParser.Failure) {
            root = try JSONParser.parse(bytes)
        } catch {
            throw Flaw(description: "it is no JSON: \(error.reason) at byte \(error.offset)")
        }
        try Self.keys(of: root, ["version", "summary", "findings"], in: "the document")
        guard root["version"]?.intValue == 1 else { throw Flaw(description: "its version is not 1") }
        summary = try Self.text(root["summary"], Self.longestSummary, "\"summary\"")
        guard let list = root["findings"]?.arrayValue else { throw Flaw(description: "\"findings\" is no list") }
        guard list.count <= Self.most else { throw Flaw(description: "it has more than \(Self.most) findings") }
        var findings: [Finding] = []
        for (index, entry) in list.enumerated() { findings.append(try Self.finding(entry, "finding \(index + 1)")) }
        self.findings = findings
    }

    private static func finding(_ entry: JSON, _ name: String) throws(Flaw) -> Finding {
        try keys(of: entry, ["file", "line", "severity", "comment", "suggestion"], in: name)
        let file = try text(entry["file"], longestPath, "\"file\" of \(name)")
        guard isPath(file) else { throw Flaw(description: "\"file\" of \(name) is no path inside the repository") }
        var line: Int?
        if let value = entry["line"], !value.isNull {
            guard let number = value.intValue, (1...10_000_000).contains(number) else {
                throw Flaw(description: "\"line\" of \(name) is no line number")
            }
            line = number
        }
        guard let severity = entry["severity"]?.stringValue.flatMap(Severity.init(rawValue:)) else {
            throw Flaw(
                description: "\"severity\" of \(name) is none of "
                    + Severity.allCases.map(\.rawValue).joined(separator: ", "))
        }
        var suggestion: String?
        if let value = entry["suggestion"], !value.isNull {
            suggestion = try text(value, longestComment, "\"suggestion\" of \(name)")
        }
        return Finding(
            file: file, line: line, severity: severity,
            comment: try text(entry["comment"], longestComment, "\"comment\" of \(name)"), suggestion: suggestion)
    }

    /// Whether a text can be the path of a file inside a repository.
    static func isPath(_ text: String) -> Bool {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        return text.utf8.count <= longestPath && !text.utf8.contains { $0 < 0x20 }
            && parts.allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." }
    }

    private static func keys(of value: JSON, _ known: [String], in name: String) throws(Flaw) {
        guard let members = value.objectValue else { throw Flaw(description: "\(name) is no object") }
        guard members.allSatisfy({ known.contains($0.name) }) else {
            throw Flaw(description: "\(name) has a key that is none of \(known.joined(separator: ", "))")
        }
    }

    private static func text(_ value: JSON?, _ longest: Int, _ name: String) throws(Flaw) -> String {
        guard let text = value?.stringValue else { throw Flaw(description: "\(name) is no text") }
        guard text.utf8.count <= longest else { throw Flaw(description: "\(name) is longer than \(longest) bytes") }
        guard text.utf8.contains(where: { $0 > 0x20 }) else { throw Flaw(description: "\(name) is blank") }
        return text
    }

    private static let mostBytesTold = 30_000

    /// What the agent that built is told of those that block, cut where it would be too long.
    package var textOfBlocking: String {
        var text = summary + "\n"
        for (index, finding) in blocking.enumerated() {
            let place = finding.line.map { "\(finding.file):\($0)" } ?? finding.file
            var entry = "\n\(index + 1). \(place) (\(finding.severity.rawValue))\n   \(finding.comment)\n"
            if let suggestion = finding.suggestion { entry += "   suggested: \(suggestion)\n" }
            guard text.utf8.count + entry.utf8.count <= Self.mostBytesTold else {
                return text + "\nand \(blocking.count - index) more\n"
            }
            text += entry
        }
        return text
    }

    /// The same findings in one form, whatever form the agent chose.
    package var json: JSON {
        [
            "version": 1, "summary": .string(summary),
            "findings": .array(
                findings.map { finding in
                    [
                        "file": .string(finding.file), "line": .optional(finding.line),
                        "severity": .string(finding.severity.rawValue), "comment": .string(finding.comment),
                        "suggestion": .optional(finding.suggestion),
                    ]
                }),
        ]
    }
}
