// SPDX-License-Identifier: Apache-2.0
import Documents

/// One key of a profile on its way from text to value; every refusal names the key's full path and line.
struct ProfileField {
    let path: String
    let node: Node

    /// A mapping's fields, none of them outside `known`.
    func fields(known: [String]) throws(PolicyError) -> [String: ProfileField] {
        guard case .mapping(let entries) = node.value else { throw wrongType("a mapping of keys to values") }
        var fields: [String: ProfileField] = [:]
        for entry in entries {
            let full = path.isEmpty ? entry.key : "\(path).\(entry.key)"
            guard known.contains(entry.key) else {
                let remedy =
                    if let near = nearestName(to: entry.key, among: known) {
                        "Did you mean \"\(near)\"?"
                    } else {
                        "Known here: \(known.joined(separator: ", "))."
                    }
                throw PolicyError("unknown key \"\(full)\"", at: entry.keyPlace, remedy: remedy)
            }
            fields[entry.key] = ProfileField(path: full, node: entry.value)
        }
        return fields
    }

    /// A mapping with keys of the author's choice, in the order written.
    func entries() throws(PolicyError) -> [(key: Sourced<String>, field: ProfileField)] {
        guard case .mapping(let entries) = node.value else { throw wrongType("a mapping of names to strings") }
        return entries.map { entry in
            (Sourced(entry.key, entry.keyPlace), ProfileField(path: "\(path).\(entry.key)", node: entry.value))
        }
    }

    /// A list's fields. An empty list is a list of nothing, never "no restriction" (CVE-2025-66479).
    func elements() throws(PolicyError) -> [ProfileField] {
        guard case .sequence(let items) = node.value else { throw wrongType("a list") }
        return items.enumerated().map { ProfileField(path: "\(path)[\($0)]", node: $1) }
    }

    /// A list whose items are decoded one by one.
    func list<Value>(_ decode: (ProfileField) throws(PolicyError) -> Value) throws(PolicyError) -> SourcedList<Value> {
        var items: [Sourced<Value>] = []
        for element in try elements() { items.append(Sourced(try decode(element), element.node.place)) }
        return SourcedList(items: items, place: node.place)
    }

    /// Text. A plain word that YAML readers take for something else must be quoted to be text.
    func string() throws(PolicyError) -> String {
        guard case .scalar(let text, let style) = node.value else { throw wrongType("a string") }
        if style == .plain {
            guard !text.isEmpty else { throw wrongType("a string") }
            if let meaning = Self.otherMeaning[text.lowercased()] {
                throw error(
                    "is written \(text) without quotes, which YAML takes for \(meaning), where a string is meant",
                    remedy: "Write \"\(text)\" in quotes.")
            }
            if Double(text) != nil {
                throw error(
                    "is written \(text) without quotes, which YAML takes for a number, where a string is meant",
                    remedy: "Write \"\(text)\" in quotes.")
            }
        }
        return text
    }

    /// Text of at least one character that is not a blank.
    func sentence() throws(PolicyError) -> String {
        let text = try string()
        guard text.utf8.contains(where: { $0 > 0x20 }) else {
            throw error("is blank", remedy: "Say in a sentence why this is needed.")
        }
        return text
    }

    /// A plain scalar's text, for numbers with units: quoted or not, the spelling decides.
    func word(_ expected: String = "a single value") throws(PolicyError) -> String {
        guard case .scalar(let text, _) = node.value, !text.isEmpty else { throw wrongType(expected) }
        return text
    }

    /// One word of a fixed set.
    func choice<Value: RawRepresentable & CaseIterable>(
        _: Value.Type
    ) throws(PolicyError) -> Value where Value.RawValue == String {
        let known = Value.allCases.map { $0.rawValue }
        let text: String
        if case .scalar(let plain, .plain) = node.value, let meaning = Self.otherMeaning[plain.lowercased()] {
            throw error(
                "is \(plain), which YAML takes for \(meaning)", remedy: "Write \(Self.alternatives(known)).")
        } else {
            text = try word()
        }
        guard let value = Value(rawValue: text) else {
            let near = nearestName(to: text, among: known).map { "Did you mean \"\($0)\"? " } ?? ""
            throw error("is \"\(text)\"", remedy: "\(near)Write \(Self.alternatives(known)).")
        }
        return value
    }

    func error(_ message: String, remedy: String) -> PolicyError {
        PolicyError("\(path.isEmpty ? "the profile" : path) \(message)", at: node.place, remedy: remedy)
    }

    func wrongType(_ expected: String) -> PolicyError {
        error("is \(node.kind) where \(expected) is meant", remedy: "Write \(expected).")
    }

    private static func alternatives(_ words: [String]) -> String {
        words.count < 2
            ? words.joined() : words.dropLast().joined(separator: ", ") + " or " + (words.last ?? "")
    }

    private static let otherMeaning: [String: String] = [
        "no": "the boolean false", "off": "the boolean false", "n": "the boolean false",
        "false": "the boolean false", "yes": "the boolean true", "on": "the boolean true", "y": "the boolean true",
        "true": "the boolean true", "null": "null", "~": "null",
    ]
}
