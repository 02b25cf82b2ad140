// SPDX-License-Identifier: Apache-2.0
internal import Documents

/// One value of a task's document on its way from text to model; every refusal names its path and line.
struct TaskField {
    let document: String
    let path: String
    let node: Node

    /// The root of a document that is a mapping of these keys and no other.
    static func read(_ bytes: [UInt8], file: String, document: String) throws(TaskModelError) -> TaskField {
        do throws(DocumentError) {
            return TaskField(document: document, path: "", node: try Node.read(bytes, file: file))
        } catch {
            throw TaskModelError(document, error)
        }
    }

    func fields(known: [String], required: [String] = []) throws(TaskModelError) -> [String: TaskField] {
        guard case .mapping(let entries) = node.value else { throw wrongType("a mapping of keys to values") }
        var fields: [String: TaskField] = [:]
        for entry in entries {
            guard known.contains(entry.key) else {
                throw TaskModelError(
                    document, at: entry.keyPlace, "unknown key \"\(join(entry.key))\"",
                    remedy: "Known here: \(known.joined(separator: ", ")).")
            }
            fields[entry.key] = TaskField(document: document, path: join(entry.key), node: entry.value)
        }
        for name in required where fields[name] == nil {
            throw error("\"\(join(name))\" is missing", remedy: "Add it.")
        }
        return fields
    }

    func elements(most: Int) throws(TaskModelError) -> [TaskField] {
        guard case .sequence(let items) = node.value else { throw wrongType("a list") }
        guard items.count <= most else {
            throw error("\"\(path)\" has \(items.count) entries, more than \(most)", remedy: "Split the task.")
        }
        return items.enumerated().map { TaskField(document: document, path: "\(path)[\($0)]", node: $1) }
    }

    /// Text of at least one visible character and at most `longest` bytes.
    func text(longest: Int) throws(TaskModelError) -> String {
        guard case .scalar(let text, let style) = node.value else { throw wrongType("text") }
        if style == .plain, ["null", "~", "true", "false"].contains(text) || Double(text) != nil {
            throw error("\"\(path)\" is \(text), not text", remedy: "Put it in quotes.")
        }
        guard text.utf8.contains(where: { $0 > 0x20 }) else {
            throw error("\"\(path)\" is blank", remedy: "Fill it in.")
        }
        guard text.utf8.count <= longest else {
            throw error(
                "\"\(path)\" is longer than \(longest) bytes", remedy: "Put the details in a file of the repository.")
        }
        return text
    }

    func line(longest: Int) throws(TaskModelError) -> String {
        let text = try text(longest: longest)
        guard !text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else {
            throw error("\"\(path)\" is more than one line", remedy: "Write one line.")
        }
        return text
    }

    func number() throws(TaskModelError) -> Int {
        guard case .scalar(let text, .plain) = node.value, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let value = Int(text), value > 0
        else { throw wrongType("a number above 0") }
        return value
    }

    /// The entries of a mapping whose keys its author chooses, in their order.
    func pairs(most: Int) throws(TaskModelError) -> [(key: String, value: TaskField)] {
        guard case .mapping(let entries) = node.value else { throw wrongType("a mapping of names to texts") }
        guard entries.count <= most else {
            throw error("\"\(path)\" has \(entries.count) entries, more than \(most)", remedy: "Name fewer.")
        }
        return entries.map { ($0.key, TaskField(document: document, path: join($0.key), node: $0.value)) }
    }

    /// One of the words that a type knows.
    func choice<Choice: RawRepresentable & CaseIterable>(_ type: Choice.Type) throws(TaskModelError) -> Choice
    where Choice.RawValue == String {
        let word = try line(longest: 100)
        guard let choice = Choice(rawValue: word) else {
            let known = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            throw error("\"\(path)\" is \"\(word)\"", remedy: "Known here: \(known).")
        }
        return choice
    }

    func error(_ reason: String, remedy: String) -> TaskModelError {
        TaskModelError(document, at: node.place, reason, remedy: remedy)
    }

    func wrongType(_ expected: String) -> TaskModelError {
        let subject = path.isEmpty ? "the document" : "\"\(path)\""
        return error("\(subject) is \(node.kind), where \(expected) is meant", remedy: "Write \(expected).")
    }

    private func join(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }
}
