// SPDX-License-Identifier: Apache-2.0
package import Documents
internal import Secrets

/// What a blueprint says to one custom step and to no other: any values, bounded, without a credential.
package struct StepConfiguration: Sendable, Hashable {
    /// An object; its members in the order written.
    package let values: JSON

    package static let empty = StepConfiguration(values: .object([]))
    package static let longest = 10_240

    private init(values: JSON) { self.values = values }

    init?(_ section: Section, _ name: String) {
        guard let node = section[name] else { return nil }
        let path = section.full(name)
        guard case .mapping = node.value else {
            section.wrong(name, "is \(node.kind), where a mapping of names to values is meant", "Write a mapping.")
            return nil
        }
        guard let values = Self.json(node, path, section) else { return nil }
        let bytes = JSONWriter().write(values)
        guard bytes.count <= Self.longest else {
            section.wrong(
                name, "has \(bytes.count) bytes as JSON, more than \(Self.longest)",
                "Put what is large into a file of the repository or the profile's root.")
            return nil
        }
        // It is stored, shown and handed into a sandbox.
        if let found = SecretScanner.scan(bytes).first(where: { $0.confidence == .certain }) {
            section.wrong(
                name, "holds what looks like a credential (\(found.kind))",
                "Remove it: no credential enters a sandbox; the gateway adds them outside.")
            return nil
        }
        self.values = values
    }

    /// A word without quotes is text unless it is a number, a boolean or null, and refused where readers of YAML differ.
    static func json(_ node: Node, _ path: String, _ section: Section) -> JSON? {
        switch node.value {
        case .scalar(let text, .quoted): return .string(text)
        case .scalar(let text, .plain):
            if ["true", "false", "null"].contains(text) { return text == "null" ? .null : .bool(text == "true") }
            if PlainScalar.isGuess(text) {
                section.wrong(
                    node, path, "is \(text.isEmpty ? "empty" : text) without quotes",
                    "Write \"\(text)\", or true, false or null.")
                return nil
            }
            if let number = Int(text), "\(number)" == text { return .int(number) }
            if let number = Double(text), number.isFinite, text.utf8.allSatisfy({ "0123456789.-".utf8.contains($0) }) {
                return .double(number)
            }
            return .string(text)
        case .sequence(let items):
            let values = items.enumerated().compactMap { json($1, "\(path)[\($0)]", section) }
            return values.count == items.count ? .array(values) : nil
        case .mapping(let entries):
            let members = entries.compactMap { entry in
                json(entry.value, "\(path).\(entry.key)", section).map { JSON.Member(entry.key, $0) }
            }
            return members.count == entries.count ? .object(members) : nil
        }
    }
}
