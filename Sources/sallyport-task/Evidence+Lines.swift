// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import LinuxSystem
internal import Workspace

/// Which step of a task changed which lines, as `evidence.json` has it under `delivered.changes`.
///
/// That a commit came out of the agent's session, and what it changes, the host has seen. Whether the agent made it, or the
/// runner of what the agent had left uncommitted, is what the commit says of itself: both are in the same sandbox. Custom
/// steps change nothing: what they see is read-only.
extension ChangedLines {
    /// The runner's own: see Runner/Sources/sallyport-runner/History.swift.
    static let savedSubject = "Keep edits that were not committed"
    static let keys: Set<String> = ["commit", "changed", "previous", "cut"]
    private static let agent = "agent"
    private static let saved = "safety_net"

    /// Of the canonical text, which a verifier makes anew.
    var digest: String { Digest.sha256(Array(text.joined(separator: "\n").utf8)) }

    var json: JSON {
        [
            "commits": .array(
                commits.map { commit in
                    [
                        "commit": .string("\(commit.id)"), "step": .string(Self.agent),
                        "claimed": commit.saysSaved ? .string(Self.saved) : .null,
                        "files": .array(commit.files.map(\.json)),
                    ]
                }), "cut": .bool(isCut),
        ]
    }

    /// Nil for what ``json`` did not write.
    init?(json: JSON) {
        guard let list = json["commits"]?.arrayValue, let isCut = json["cut"]?.boolValue else { return nil }
        var commits: [Commit] = []
        for item in list {
            guard let id = item["commit"]?.stringValue.flatMap({ ObjectID($0) }),
                item["step"]?.stringValue == Self.agent, let claimed = item["claimed"],
                claimed.isNull || claimed.stringValue == Self.saved, let files = item["files"]?.arrayValue
            else { return nil }
            let read = files.compactMap { File(json: $0) }
            guard read.count == files.count else { return nil }
            commits.append(Commit(id: id, saysSaved: !claimed.isNull, files: read))
        }
        self.init(commits: commits, isCut: isCut)
    }
}

extension ChangedLines.File {
    fileprivate var json: JSON {
        [
            "path": .string(path), "previous": .optional(previous), "kind": .string(kind.rawValue),
            "binary": .bool(isBinary), "lines": .array(ranges.map { [.int($0.first), .int($0.count)] }),
            "removed": .int(removed), "cut": .bool(isCut),
        ]
    }

    fileprivate init?(json: JSON) {
        guard let path = json["path"]?.stringValue,
            let kind = json["kind"]?.stringValue.flatMap(Kind.init(rawValue:)),
            let isBinary = json["binary"]?.boolValue,
            let removed = json["removed"]?.intValue, let isCut = json["cut"]?.boolValue,
            let lines = json["lines"]?.arrayValue
        else { return nil }
        var ranges: [ChangedLines.Range] = []
        for line in lines {
            let pair = (line.arrayValue ?? []).compactMap(\.intValue)
            guard pair.count == 2 else { return nil }
            ranges.append(.init(first: pair[0], count: pair[1]))
        }
        self.init(
            path: path, previous: json["previous"]?.stringValue, kind: kind, isBinary: isBinary, ranges: ranges,
            removed: removed, isCut: isCut)
    }
}

extension EvidenceText {
    private static let mostShown = 40

    /// Each file that a commit changed, with its lines.
    func changes(_ evidence: JSON) -> [String] {
        guard let told = evidence["delivered"]?["changes"], let changes = ChangedLines(json: told) else { return [] }
        var lines: [String] = []
        for commit in changes.commits {
            let claim = commit.saysSaved ? ", claims to be edits that were not committed" : ""
            lines.append("changed   \("\(commit.id)".prefix(12)) by the agent's session\(claim)")
            lines += commit.files.map { "          \($0.line.displayed)" }
        }
        if lines.count > Self.mostShown {
            let rest = lines.count - Self.mostShown
            lines = lines.prefix(Self.mostShown) + ["          and \(rest) lines more in evidence.json"]
        }
        return lines + (changes.isCut ? ["          and more, which evidence.json does not list"] : [])
    }
}

extension ChangedLines.File {
    fileprivate var line: String {
        let name = previous.map { "\($0) -> \(path)" } ?? path
        if isBinary { return "\(kind.rawValue) \(name), binary" }
        let spans = ranges.map { $0.count == 1 ? "\($0.first)" : "\($0.first)-\($0.first + $0.count - 1)" }
        var text = "\(kind.rawValue) \(name)"
        if !spans.isEmpty { text += ", lines \(spans.joined(separator: " "))\(isCut ? " ..." : "")" }
        return removed > 0 ? text + ", \(removed) removed" : text
    }
}
