// SPDX-License-Identifier: Apache-2.0
package import Documents

/// Something that a finished task, a maintainer or the operator wants to be remembered, before it is judged.
package struct MemoryNote: Sendable, Hashable {
    package let kind: MemoryItem.Kind
    package let text: String
    package let trust: MemoryItem.Trust
    package let source: String

    package init(_ kind: MemoryItem.Kind, _ text: String, _ trust: MemoryItem.Trust, source: String) {
        self.kind = kind
        self.text = text
        self.trust = trust
        self.source = source
    }

    package var json: JSON {
        [
            "kind": .string(kind.rawValue), "text": .string(text), "trust": .string(trust.rawValue),
            "source": .string(source),
        ]
    }

    /// Nil for what ``json`` did not write.
    package init?(json: JSON) {
        guard let kind = json["kind"]?.stringValue.flatMap(MemoryItem.Kind.init(rawValue:)),
            let text = json["text"]?.stringValue,
            let trust = json["trust"]?.stringValue.flatMap(MemoryItem.Trust.init(rawValue:)),
            let source = json["source"]?.stringValue
        else { return nil }
        self.init(kind, text, trust, source: source)
    }

    /// How it goes into a memory: cleaned, and active only where nobody has to look first; nil for what says nothing.
    ///
    /// A text that reads as orders is put aside whoever wrote it, the operator excepted: what an agent was made to say in
    /// one task must not steer the next.
    package func judged() -> (text: String, status: MemoryItem.Status, note: String?)? {
        let cleaned = SanitizedText(text, cutsPhrases: false)
        let text = Self.cut(cleaned.text.trimmed, to: MemoryLimits.textBytes)
        guard !text.isEmpty else { return nil }
        if trust == .operator { return (text, .active, nil) }
        if let worst = cleaned.findings.first(where: { $0.severity >= .medium }) {
            return (text, .quarantined, worst.description)
        }
        if kind == .reviewRule { return (text, .proposed, nil) }
        return (text, .active, nil)
    }

    /// At a character's end.
    private static func cut(_ text: String, to bytes: Int) -> String {
        guard text.utf8.count > bytes else { return text }
        var end = text.startIndex
        var left = bytes
        while end < text.endIndex {
            let next = text.index(after: end)
            left -= text[end..<next].utf8.count
            if left < 0 { break }
            end = next
        }
        return String(text[..<end])
    }

    /// What an agent noted for later tasks: the points of the list under the heading "Agent notes" of its summary.
    ///
    /// - Parameter summary: As it was received, without what looks like a secret.
    package static func agentNotes(in summary: String, task: String) -> [MemoryNote] {
        var notes: [MemoryNote] = []
        var isInside = false
        for line in summary.split(separator: "\n", omittingEmptySubsequences: false) {
            let line = String(line).trimmed
            if line.hasPrefix("#") {
                let title = line.drop { $0 == "#" }.lowercased()
                isInside = String(title).trimmed == "agent notes"
                continue
            }
            guard isInside, line.hasPrefix("- ") || line.hasPrefix("* ") else { continue }
            let text = String(line.dropFirst(2)).trimmed
            let isProcedure = text.lowercased().hasPrefix("to ") || text.lowercased().hasPrefix("how to ")
            notes.append(MemoryNote(isProcedure ? .procedure : .fact, text, .claimed, source: "task:\(task)"))
            if notes.count == MemoryLimits.itemsPerTask { break }
        }
        return notes
    }
}

extension String {
    /// Without blanks at its ends.
    fileprivate var trimmed: String {
        var text = Substring(self)
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }
}
