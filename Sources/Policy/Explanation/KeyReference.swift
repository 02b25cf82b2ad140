// SPDX-License-Identifier: Apache-2.0
package import Documents

/// The profile format in two forms made from ``ProfileKey``: a table for people and a JSON Schema for editors.
package enum KeyReference {
    /// A Markdown table with a row for each key that has a value of its own.
    package static var table: String {
        let rows = ProfileKey.all.compactMap { key -> String? in
            if case .section = key.kind { return nil }
            return "| `\(key.path)` | \(key.kind.words) | \(key.meaning) |"
        }
        return (["| key | value | meaning |", "|---|---|---|"] + rows).joined(separator: "\n") + "\n"
    }

    /// The schema, in the 2020-12 draft. It knows spelling and not meaning: what it accepts may still be refused.
    package static var schema: JSON {
        var members: [JSON.Member] = [
            .init("$schema", "https://json-schema.org/draft/2020-12/schema"),
            .init("title", "Sallyport profile"),
        ]
        if case .object(let rest) = object(section: "") { members += rest }
        return .object(members)
    }

    private static func object(section: String) -> JSON {
        let keys = ProfileKey.all.filter { $0.section == section }
        var members: [JSON.Member] = [
            .init("type", "object"),
            .init(
                "properties",
                .object(
                    keys.map { key in
                        var value = schema(of: key.kind)
                        if case .object(let inner) = value {
                            value = .object([.init("description", .string(key.meaning.filter { $0 != "`" }))] + inner)
                        }
                        return .init(key.name, value)
                    })),
            .init("additionalProperties", false),
        ]
        let required = keys.filter { $0.isRequired }.map { JSON.string($0.name) }
        if !required.isEmpty { members.append(.init("required", .array(required))) }
        return .object(members)
    }

    private static func schema(of kind: ProfileKey.Kind) -> JSON {
        switch kind {
        case .version: ["const": 1]
        case .sentence: ["type": "string", "pattern": "\\S"]
        case .name: ["type": "string", "pattern": "^[a-z0-9][a-z0-9-]*$"]
        case .path: ["type": "string", "pattern": "^/"]
        case .syscall: ["type": "string", "pattern": "^[a-z0-9_]+$"]
        case .variable: ["type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$"]
        case .host: ["type": "string", "pattern": "^(\\*\\*?\\.)?[a-z0-9_-]+(\\.[a-z0-9_-]+)*$", "maxLength": 256]
        case .block: ["type": "string", "pattern": "^[0-9a-fA-F.:]+/[0-9]+$"]
        case .assertion: ["type": "string", "pattern": "^(allow|deny|write) \\S+$"]
        case .choice(let words): ["enum": .array(words.map { .string($0) })]
        case .size: ["type": ["string", "integer"], "pattern": "^[0-9]+(KiB|MiB|GiB)?$"]
        case .rate: ["type": "string", "pattern": "^[0-9]+(KiB|MiB|GiB)?/s$"]
        case .orUnlimited(let kind): ["anyOf": [["const": .string(LimitKey.unlimited)], schema(of: kind)]]
        case .count: ["type": "integer", "minimum": 0]
        case .decimal: ["type": "number", "minimum": 0]
        case .time: ["type": "string", "pattern": "^[0-9]+[smh]$"]
        case .port: ["type": "integer", "minimum": 1, "maximum": 65535]
        case .method: ["type": "string", "pattern": "^[A-Z]+$"]
        case .requestPath: ["type": "string", "pattern": "^/"]
        case .fileName: ["type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"]
        case .ports: ["anyOf": [["const": "any"], schema(of: .list(.port))]]
        case .list(let item): ["type": "array", "items": schema(of: item)]
        case .strings: ["type": "object", "additionalProperties": ["type": "string"]]
        case .section(let name): object(section: name)
        }
    }
}

extension ProfileKey.Kind {
    /// How a value is spelled, for the key reference.
    fileprivate var words: String {
        switch self {
        case .version: "`1`"
        case .sentence: "sentence"
        case .name: "name"
        case .path: "path"
        case .syscall: "system call"
        case .variable: "variable"
        case .host: "host name"
        case .block: "address block"
        case .assertion: "assertion"
        case .choice(let words): words.map { "`\($0)`" }.joined(separator: ", ")
        case .size: "size"
        case .rate: "size with `/s`"
        case .orUnlimited(let kind): "\(kind.words), or `\(LimitKey.unlimited)`"
        case .count: "number"
        case .decimal: "decimal"
        case .time: "time"
        case .port: "port"
        case .method: "method"
        case .requestPath: "path"
        case .fileName: "file name"
        case .ports: "list of ports, or `any`"
        case .list(.choice(let words)): "list of " + words.map { "`\($0)`" }.joined(separator: ", ")
        case .list(let item): "list of \(item.words)s"
        case .strings: "names to strings"
        case .section: "mapping"
        }
    }
}
