// SPDX-License-Identifier: Apache-2.0
package import Documents
internal import Policy

/// The blueprint format in two forms made from ``BlueprintKey``: a table for people and a JSON Schema for editors.
package enum BlueprintReference {
    /// A Markdown table with a row for each key that has a value of its own.
    package static var table: String {
        let rows = BlueprintKey.all.compactMap { key -> String? in
            if case .section = key.kind { return nil }
            let meaning = key.isRequired && key.kind.isPlain ? "required; " + key.meaning : key.meaning
            return "| `\(key.path)` | \(key.kind.words) | \(key.meaning == "required" ? "required" : meaning) |"
        }
        return (["| key | value | meaning |", "|---|---|---|"] + rows).joined(separator: "\n") + "\n"
    }

    /// The schema, in the 2020-12 draft. It knows spelling and not meaning: what it accepts may still be refused.
    package static var schema: JSON {
        var members: [JSON.Member] = [
            .init("$schema", "https://json-schema.org/draft/2020-12/schema"), .init("title", "Sallyport blueprint"),
        ]
        if case .object(let rest) = object(section: "") { members += rest }
        return .object(members)
    }

    private static func object(section: String) -> JSON {
        let keys = BlueprintKey.all.filter { $0.section == section }
        var members: [JSON.Member] = [
            .init("type", "object"),
            .init(
                "properties",
                .object(
                    keys.map { key in
                        var value = schema(of: key.kind)
                        if case .object(let inner) = value {
                            let meaning = JSON.Member("description", .string(key.meaning.filter { $0 != "`" }))
                            value = .object([meaning] + inner.filter { $0.name != "description" })
                        }
                        return .init(key.name, value)
                    })),
            .init("additionalProperties", false),
        ]
        let required = BlueprintKey.required(in: section).map { JSON.string($0) }
        if !required.isEmpty { members.append(.init("required", .array(required))) }
        return .object(members)
    }

    private static func schema(of kind: BlueprintKey.Kind) -> JSON {
        switch kind {
        case .version: ["const": 1]
        case .repository: ["type": "string", "pattern": "^[A-Za-z0-9_-][A-Za-z0-9._-]*/[A-Za-z0-9_-][A-Za-z0-9._-]*$"]
        case .sentence, .line, .pattern, .script: ["type": "string", "pattern": "\\S"]
        case .profile, .stepName: ["type": "string", "pattern": "^[a-z0-9][a-z0-9-]*$", "maxLength": 64]
        case .absolutePath: ["type": "string", "pattern": "^/"]
        case .credential: ["type": "string", "pattern": "^(file:/|credential:)"]
        case .principal: ["type": "string", "pattern": "^(everyone|user:.+|group:.+|uid:[0-9]+)$"]
        case .choice(let words): ["enum": .array(words.map { .string($0) })]
        case .count(let bounds):
            ["type": "integer", "minimum": .int(bounds.lowerBound), "maximum": .int(bounds.upperBound)]
        case .time: ["type": "string", "pattern": "^[0-9]+[smh]$"]
        case .dollars: ["type": ["number", "string"], "minimum": 0, "pattern": "^[0-9]+([.][0-9]{1,6})?$"]
        case .flag: ["type": "boolean"]
        case .configuration: ["type": "object"]
        case .list(let item, let most): ["type": "array", "items": schema(of: item), "maxItems": .int(most)]
        case .section(let name): object(section: name)
        case .profilePart(let path):
            path.split(separator: ".").reduce(KeyReference.schema) { schema, name in
                schema["properties"]?[String(name)] ?? .object([])
            }
        }
    }
}

extension BlueprintKey.Kind {
    fileprivate var isPlain: Bool { if case .version = self { false } else { true } }

    /// How a value is spelled, for the key reference.
    fileprivate var words: String {
        switch self {
        case .version: "`1`"
        case .repository: "`OWNER/NAME`"
        case .sentence: "sentence"
        case .line: "text"
        case .script: "text of any length"
        case .profile, .stepName: "name"
        case .absolutePath: "path"
        case .pattern: "pattern"
        case .credential: "reference"
        case .principal: "principal"
        case .choice(let words): words.map { "`\($0)`" }.joined(separator: ", ")
        case .count(let bounds): "\(bounds.lowerBound) to \(bounds.upperBound)"
        case .time(let bounds):
            "\(Units.text(seconds: UInt64(bounds.lowerBound))) to \(Units.text(seconds: UInt64(bounds.upperBound)))"
        case .dollars(let bounds): "\(Money.text(bounds.lowerBound)) to \(Money.text(bounds.upperBound))"
        case .flag: "`true`, `false`"
        case .configuration: "names to values"
        case .list(.choice(let words), _): "list of " + words.map { "`\($0)`" }.joined(separator: ", ")
        case .list(let item, _): "list of \(item.words)s"
        case .section: "mapping"
        case .profilePart(let path): "as a profile's `\(path)`"
        }
    }
}
