// SPDX-License-Identifier: Apache-2.0
package import Documents

/// What an apply would change, key by key: of two documents with every default written out, so that a change of a default
/// shows as well.
package struct BlueprintDiff: Sendable, Hashable {
    package struct Change: Sendable, Hashable {
        /// Such as `pipeline.custom_steps[scan].timeout`.
        package let path: String
        /// Nil for what was not there.
        package let before: JSON?
        package let after: JSON?
    }

    package let changes: [Change]

    package init(from before: JSON?, to after: JSON?) {
        var changes: [Change] = []
        Self.compare(before, after, "", into: &changes)
        self.changes = changes
    }

    package var isEmpty: Bool { changes.isEmpty }

    /// A line for each change, as a diff has them: `+`, `-`, or both.
    package var lines: [String] {
        changes.flatMap { change in
            [
                change.before.map { "- \(change.path): \($0.compactText)" },
                change.after.map { "+ \(change.path): \($0.compactText)" },
            ]
            .compactMap { $0 }
        }
    }

    package var json: JSON {
        .array(
            changes.map {
                ["path": .string($0.path), "before": $0.before ?? .null, "after": $0.after ?? .null]
            })
    }

    private static func compare(_ before: JSON?, _ after: JSON?, _ path: String, into changes: inout [Change]) {
        if before == after { return }
        let (old, new) = (parts(before), parts(after))
        // Taken apart where either side has parts and the other has some too, or none at all.
        guard let names = names(before, after, old, new) else {
            changes.append(Change(path: path, before: before, after: after))
            return
        }
        for name in names {
            compare(
                old?.first { $0.name == name }?.value, new?.first { $0.name == name }?.value, join(path, name),
                into: &changes)
        }
        // The same parts in another order are another sequence.
        if let old, let new, before?.arrayValue != nil, old.map(\.name) != new.map(\.name),
            Set(old.map(\.name)) == Set(new.map(\.name))
        {
            changes.append(Change(path: path, before: before, after: after))
        }
    }

    private static func names(
        _ before: JSON?, _ after: JSON?, _ old: [JSON.Member]?, _ new: [JSON.Member]?
    ) -> [String]? {
        guard old != nil || new != nil, old != nil || before == nil, new != nil || after == nil else { return nil }
        let first = (old ?? []).map(\.name)
        return first + (new ?? []).map(\.name).filter { !first.contains($0) }
    }

    /// The members of an object, or the elements of a list that go by names of their own; nil for everything else.
    private static func parts(_ value: JSON?) -> [JSON.Member]? {
        switch value {
        case .object(let members): return members.isEmpty ? nil : members
        case .array(let elements):
            let named = elements.compactMap { element in
                element["name"]?.stringValue.map { JSON.Member("[\($0)]", element) }
            }
            guard !named.isEmpty, named.count == elements.count, Set(named.map(\.name)).count == named.count else {
                return nil
            }
            return named
        default: return nil
        }
    }

    private static func join(_ path: String, _ name: String) -> String {
        path.isEmpty || name.hasPrefix("[") ? path + name : "\(path).\(name)"
    }
}
