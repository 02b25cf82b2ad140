// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import Policy

/// One mapping of a blueprint on its way to values.
///
/// What is wrong is noted and reading goes on, so that an author hears of all of it at once. A value that is absent and one
/// that is wrong are both nil here: with a flaw noted nothing is made of the document.
struct Section {
    let path: String
    let node: Node
    let flaws: FlawCollector
    private var fields: [String: Node] = [:]

    /// - Parameter keys: The section of ``BlueprintKey`` that says what is known here.
    init(_ node: Node, path: String, keys: String, flaws: FlawCollector) {
        self.init(
            node, path: path, known: BlueprintKey.names(in: keys), required: BlueprintKey.required(in: keys),
            flaws: flaws)
    }

    init(_ node: Node, path: String, known: [String], required: [String], flaws: FlawCollector) {
        self.node = node
        self.path = path
        self.flaws = flaws
        guard case .mapping(let entries) = node.value else {
            wrong(node, path, "is \(node.kind), where a mapping of keys to values is meant", "Write a mapping.")
            return
        }
        for entry in entries {
            guard known.contains(entry.key) else {
                let near = nearestName(to: Self.snake(entry.key), among: known)
                flaws.add(
                    BlueprintFlaw(
                        at: entry.keyPlace, "unknown key \"\(full(entry.key))\"",
                        remedy: near.map { "Did you mean \"\($0)\"?" }
                            ?? "Known here: \(known.joined(separator: ", "))."))
                continue
            }
            fields[entry.key] = entry.value
        }
        for name in required where fields[name] == nil {
            flaws.add(BlueprintFlaw(at: node.place, "\"\(full(name))\" is missing", remedy: "Add it."))
        }
    }

    subscript(name: String) -> Node? { fields[name] }

    func full(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }

    func has(_ name: String) -> Bool { fields[name] != nil }

    /// An empty section of the same keys where there is none, so that defaults come from one place.
    func section(_ name: String, keys: String? = nil) -> Section {
        let keys = keys ?? full(name)
        guard let node = fields[name] else {
            return Section(absent: full(name), at: node.place, flaws: flaws)
        }
        return Section(node, path: full(name), keys: keys, flaws: flaws)
    }

    private init(absent path: String, at place: Place, flaws: FlawCollector) {
        self.path = path
        node = Node(.mapping([]), place: place)
        self.flaws = flaws
    }

    func items(_ name: String, most: Int) -> [Node]? {
        guard let node = fields[name] else { return nil }
        guard case .sequence(let items) = node.value else {
            wrong(node, full(name), "is \(node.kind), where a list is meant", "Write a list.")
            return nil
        }
        guard items.count <= most else {
            wrong(node, full(name), "has \(items.count) entries, more than \(most)", "Write fewer.")
            return nil
        }
        return items
    }

    func wrong(_ node: Node, _ path: String, _ reason: String, _ remedy: String) {
        flaws.add(BlueprintFlaw(at: node.place, "\(path.isEmpty ? "the blueprint" : path) \(reason)", remedy: remedy))
    }

    func wrong(_ name: String, _ reason: String, _ remedy: String) {
        wrong(fields[name] ?? node, full(name), reason, remedy)
    }

    /// `maxTurns` as others write it is meant for `max_turns`.
    private static func snake(_ text: String) -> String {
        text.map { $0.isUppercase ? "_" + $0.lowercased() : String($0) }.joined()
    }
}
