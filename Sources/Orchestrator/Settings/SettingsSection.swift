// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import TaskModel

/// One mapping of the daemon's settings: each key taken once, what nobody took is unknown, and every flaw has its place.
struct SettingsSection {
    private var entries: [Node.Entry]
    private let path: String
    private let place: Place
    private var known: [String] = []

    init(_ node: Node, _ path: String = "") throws(DocumentError) {
        guard case .mapping(let entries) = node.value else {
            throw Self.wrong(node.place, "\(path.isEmpty ? "the file" : path) is \(node.kind)", "Write a mapping.")
        }
        self.entries = entries
        self.path = path
        place = node.place
    }

    static func wrong(_ place: Place, _ reason: String, _ remedy: String) -> DocumentError {
        DocumentError(.wrongType, at: place, reason, remedy: remedy)
    }

    private func full(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }

    mutating func take(_ name: String) -> Node? {
        known.append(name)
        guard let at = entries.firstIndex(where: { $0.key == name }) else { return nil }
        return entries.remove(at: at).value
    }

    func missing(_ name: String) -> DocumentError { Self.wrong(place, "\(full(name)) is missing", "Add it.") }

    /// Nothing else may stand here.
    func end() throws(DocumentError) {
        guard let stray = entries.first else { return }
        throw Self.wrong(
            stray.keyPlace, "unknown key \"\(full(stray.key))\"", "Known here: \(known.joined(separator: ", ")).")
    }

    mutating func section<Value>(
        _ name: String, _ read: (inout SettingsSection) throws(DocumentError) -> Value
    ) throws(DocumentError) -> Value? {
        guard let node = take(name) else { return nil }
        var section = try SettingsSection(node, full(name))
        let value = try read(&section)
        try section.end()
        return value
    }

    /// Every key is a name, and what is under it is read alike.
    mutating func each<Value>(
        _ name: String, _ read: (inout SettingsSection) throws(DocumentError) -> Value
    ) throws(DocumentError) -> [String: Value] {
        guard let node = take(name) else { return [:] }
        var values: [String: Value] = [:]
        guard case .mapping(let entries) = node.value else {
            throw Self.wrong(node.place, "\(full(name)) is \(node.kind)", "Write a mapping of names.")
        }
        for entry in entries {
            var section = try SettingsSection(entry.value, "\(full(name)).\(entry.key)")
            values[entry.key] = try read(&section)
            try section.end()
        }
        return values
    }

    mutating func text(_ name: String) throws(DocumentError) -> (text: String, place: Place)? {
        guard let node = take(name) else { return nil }
        guard case .scalar(let text, _) = node.value, !text.isEmpty else {
            throw Self.wrong(node.place, "\(full(name)) is \(node.kind)", "Write one value.")
        }
        return (text, node.place)
    }

    mutating func number(_ name: String, _ range: ClosedRange<Int>) throws(DocumentError) -> Int? {
        guard let (text, place) = try text(name) else { return nil }
        guard text.utf8.count <= 12, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(text),
            range.contains(number)
        else {
            throw Self.wrong(
                place, "\(full(name)) is \"\(text)\"",
                "Write a whole number from \(range.lowerBound) to \(range.upperBound).")
        }
        return number
    }

    mutating func dollars(_ name: String) throws(DocumentError) -> Int? {
        guard let (text, place) = try text(name) else { return nil }
        guard let amount = DollarText.parse(text), amount > 0 else {
            throw Self.wrong(place, "\(full(name)) is \"\(text)\"", "Write dollars above 0, such as 12.50.")
        }
        return amount
    }

    /// In milliseconds: `12h`, `90d`.
    mutating func age(_ name: String) throws(DocumentError) -> Int? {
        try time(name, ["h": 3_600_000, "d": DaemonSettings.Retention.day], "hours or days, such as 12h or 90d")
    }

    /// In milliseconds: `30m`, `12h`, `2d`.
    mutating func span(_ name: String) throws(DocumentError) -> Int? {
        try time(
            name, ["m": 60_000, "h": 3_600_000, "d": DaemonSettings.Retention.day],
            "minutes, hours or days, such as 30m or 12h")
    }

    private mutating func time(_ name: String, _ units: [String: Int], _ form: String) throws(DocumentError) -> Int? {
        guard let (text, place) = try text(name) else { return nil }
        guard let unit = text.last.flatMap({ units[String($0)] }), (2...5).contains(text.utf8.count),
            text.dropLast().utf8.allSatisfy({ (0x30...0x39).contains($0) }), let count = Int(text.dropLast()), count > 0
        else { throw Self.wrong(place, "\(full(name)) is \"\(text)\"", "Write \(form).") }
        return count * unit
    }

    mutating func words(_ name: String) throws(DocumentError) -> [(text: String, place: Place)]? {
        guard let node = take(name) else { return nil }
        guard case .sequence(let items) = node.value, !items.isEmpty else {
            throw Self.wrong(node.place, "\(full(name)) is \(node.kind)", "Write a list with at least one entry.")
        }
        var words: [(text: String, place: Place)] = []
        for item in items {
            guard case .scalar(let text, _) = item.value, !text.isEmpty else {
                throw Self.wrong(item.place, "\(full(name)) has \(item.kind)", "Write one word for each entry.")
            }
            words.append((text, item.place))
        }
        return words
    }
}
