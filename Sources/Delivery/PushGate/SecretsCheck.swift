// SPDX-License-Identifier: Apache-2.0
internal import LinuxSystem
internal import Workspace

/// No secret arrives, in no commit: one that a later commit takes out again is in the history all the same.
///
/// A finding names place, kind and a fingerprint. The value stands in no finding, and neither does a part of it.
enum SecretsCheck {
    /// Bytes that are looked at, in files and in what they were before.
    private static let mostBytes = 512 << 20
    private static let largestFile = 64 << 20

    static func findings(in input: borrowing GateInput, salt: [UInt8]) throws(GitError) -> [Finding] {
        var search = SecretSearch(rules: input.rules, salt: salt, bytesLeft: mostBytes)
        for commit in input.commits ?? [] {
            if let text = commit.text { search.look(at: text.message, place: "message of commit \(commit.id)") }
            let comparison = try input.range.changes(of: commit, most: input.rules.limits.files + 1)
            // The size of the whole branch is another check's.
            if comparison.isCut && !input.comparison.isCut {
                search.skip("commit \(commit.id)", "it has more than \(input.rules.limits.files) changed files")
            }
            for change in comparison.changes {
                guard let new = change.new, !new.isSubmodule else { continue }
                search.look(atPath: change.path, of: commit.id)
                guard search.isNew(new.id, change.old?.id) else { continue }
                let old: [UInt8]?
                if let entry = change.old, !entry.isSubmodule {
                    old = try input.range.blob(entry.id, limit: largestFile)
                } else {
                    old = nil
                }
                if let bytes = try input.range.blob(new.id, limit: largestFile) {
                    search.look(at: bytes, before: old ?? [], place: Place.path(change.path))
                } else {
                    search.skip(Place.path(change.path), "it is larger than \(largestFile) bytes")
                }
            }
        }
        return search.findings
    }
}

/// The findings so far, and what was seen already.
private struct SecretSearch {
    private let rules: GateRules
    private let salt: [UInt8]
    private var bytesLeft: Int
    private var pairs: Set<Pair> = []
    private var seen: Set<String> = []
    private(set) var findings: [Finding] = []
    private var left = [Finding.Severity.refuse: PushGate.mostCounted, .flag: PushGate.mostCounted]

    private struct Pair: Hashable {
        let new: ObjectID
        let old: ObjectID?
    }

    init(rules: GateRules, salt: [UInt8], bytesLeft: Int) {
        self.rules = rules
        self.salt = salt
        self.bytesLeft = bytesLeft
    }

    mutating func isNew(_ new: ObjectID, _ old: ObjectID?) -> Bool { pairs.insert(Pair(new: new, old: old)).inserted }

    /// Something is not looked at: what is not searched is not passed.
    mutating func skip(_ place: String, _ reason: String) {
        let severity: Finding.Severity = rules.secrets.action == .refuse ? .refuse : .flag
        guard hasRoom(severity), seen.insert(place).inserted else { return }
        add(
            Finding(
                severity, .secrets, at: place, "\(reason) and was not searched for secrets",
                remedy: "Deliver less, name the commit it started from, or have secrets flagged only."))
    }

    /// False when there are as many of a kind as are counted: memory for more would be whatever the branch likes.
    private func hasRoom(_ severity: Finding.Severity) -> Bool { left[severity, default: 0] > 0 }

    private mutating func add(_ finding: Finding) {
        left[finding.severity, default: 0] -= 1
        findings.append(finding)
    }

    mutating func look(atPath path: [UInt8], of commit: ObjectID) {
        for match in SecretScanner.scan(path) where match.confidence == .certain {
            add(match, in: path, place: "\(Place.path(path)) in commit \(commit)")
        }
    }

    /// - Parameter before: What stood there before; a value that it has is not new.
    mutating func look(at bytes: [UInt8], before: [UInt8] = [], place: String) {
        bytesLeft -= bytes.count + before.count
        guard bytesLeft >= 0 else {
            skip("the branch", "it has more than can be searched")
            return
        }
        for text in Self.readings(of: bytes) {
            let matches = SecretScanner.scan(text)
            guard !matches.isEmpty else { continue }
            let known = Set(
                Self.readings(of: before).flatMap { old in SecretScanner.scan(old).map { Array(old[$0.range]) } })
            var line = 1
            var position = 0
            for match in matches where !known.contains(Array(text[match.range])) {
                line += text[position..<match.range.lowerBound].count { $0 == 0x0A }
                position = match.range.lowerBound
                add(match, in: text, place: "\(place):\(line)")
            }
        }
    }

    /// The bytes as they are and, where every other one is NUL, the text that UTF-16 has in them.
    private static func readings(of bytes: [UInt8]) -> [[UInt8]] {
        let start = bytes.prefix(4096)
        guard start.count > 8, start.count(where: { $0 == 0 }) * 4 > start.count else { return [bytes] }
        return [bytes, bytes.filter { $0 != 0 }]
    }

    private mutating func add(_ match: SecretMatch, in text: [UInt8], place: String) {
        let severity: Finding.Severity =
            match.confidence == .certain && rules.secrets.action == .refuse ? .refuse : .flag
        guard hasRoom(severity) else { return }
        let digest = Digest.sha256(salt + Array(text[match.range]))
        let fingerprint = String(digest.prefix(SecretMatch.fingerprintLength))
        guard !rules.secrets.accept.contains(fingerprint), seen.insert("\(place) \(fingerprint)").inserted else {
            return
        }
        add(
            Finding(
                severity, .secrets, at: place, "\(match.kind), fingerprint \(fingerprint)",
                remedy: "Take it out of every commit and revoke it, or accept the fingerprint in the rules."))
    }
}
