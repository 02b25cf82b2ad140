// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import Policy

extension Section {
    /// Text of at least one visible character, without blanks round it.
    func text(_ name: String, longest: Int = 8000) -> String? { self[name].flatMap { text($0, full(name), longest) } }

    /// The same on one line, without anything that acts on a terminal.
    func line(_ name: String, longest: Int = 1000) -> String? { self[name].flatMap { line($0, full(name), longest) } }

    /// Values of a list, each trimmed, empty ones dropped.
    func lines(_ name: String, most: Int, longest: Int = 1000) -> [String]? {
        items(name, most: most)?.enumerated().compactMap { index, item in
            if case .scalar(let text, _) = item.value, !text.utf8.contains(where: { $0 > 0x20 }) { return nil }
            return line(item, "\(full(name))[\(index)]", longest)
        }
    }

    /// Words of a command line, exactly as they are written, empty ones too.
    func words(_ name: String, most: Int) -> [String]? {
        items(name, most: most)?.enumerated().compactMap { index, item in
            if case .scalar("", .quoted) = item.value { return "" }
            guard text(item, "\(full(name))[\(index)]", 4000) != nil, case .scalar(let text, _) = item.value else {
                return nil
            }
            return text
        }
    }

    func choice<Value: RawRepresentable & CaseIterable>(_ name: String, _: Value.Type) -> Value?
    where Value.RawValue == String {
        self[name].flatMap { choice($0, full(name)) }
    }

    func choices<Value: RawRepresentable & CaseIterable & Equatable>(_ name: String, _: Value.Type) -> [Value]?
    where Value.RawValue == String {
        guard let items = items(name, most: Value.allCases.count) else { return nil }
        var result: [Value] = []
        for (index, item) in items.enumerated() {
            guard let value: Value = choice(item, "\(full(name))[\(index)]") else { continue }
            if result.contains(value) {
                wrong(item, "\(full(name))[\(index)]", "stands here a second time", "Keep one of the two.")
            }
            result.append(value)
        }
        return result
    }

    func whole(_ name: String, _ bounds: ClosedRange<Int>) -> Int? {
        guard let node = self[name] else { return nil }
        guard case .scalar(let text, .plain) = node.value, let count = Units.count(text), count <= UInt64(Int.max),
            bounds.contains(Int(count))
        else {
            wrong(
                name, "is no whole number from \(bounds.lowerBound) to \(bounds.upperBound)", "Write one of these.")
            return nil
        }
        return Int(count)
    }

    /// Seconds of `90s`, `30m`, `2h`.
    func seconds(_ name: String, _ bounds: ClosedRange<Int>) -> Int? {
        guard let node = self[name] else { return nil }
        guard case .scalar(let text, _) = node.value, let seconds = Units.seconds(text), seconds <= UInt64(Int.max),
            bounds.contains(Int(seconds))
        else {
            let (least, most) = (UInt64(bounds.lowerBound), UInt64(bounds.upperBound))
            wrong(
                name, "is no time from \(Units.text(seconds: least)) to \(Units.text(seconds: most))",
                "Write it with s, m or h, as in 5m.")
            return nil
        }
        return Int(seconds)
    }

    /// Micro-dollars of `5` or `0.25`.
    func dollars(_ name: String, _ bounds: ClosedRange<UInt64>) -> UInt64? {
        guard let node = self[name] else { return nil }
        guard case .scalar(let text, _) = node.value, let amount = Money.microDollars(text), bounds.contains(amount)
        else {
            wrong(
                name, "is no amount from \(Money.text(bounds.lowerBound)) to \(Money.text(bounds.upperBound)) dollars",
                "Write dollars, as in 2.50.")
            return nil
        }
        return amount
    }

    func bytes(_ name: String) -> UInt64? {
        guard let node = self[name] else { return nil }
        guard case .scalar(let text, _) = node.value, let bytes = Units.bytes(text), bytes > 0, bytes <= 1 << 40 else {
            wrong(name, "is no size up to 1024GiB", "Write it with KiB, MiB or GiB.")
            return nil
        }
        return bytes
    }

    func flag(_ name: String) -> Bool? {
        guard let node = self[name] else { return nil }
        switch node.value {
        case .scalar("true", .plain): return true
        case .scalar("false", .plain): return false
        default:
            wrong(name, "is neither true nor false", "Write one of the two, without quotes.")
            return nil
        }
    }

    /// A path of the host.
    func absolute(_ name: String) -> String? {
        guard let path = line(name, longest: 4000) else { return nil }
        guard path.hasPrefix("/"), !path.split(separator: "/").contains("..") else {
            wrong(name, "is \"\(path)\", which is no absolute path", "Begin it with \"/\", without \"..\".")
            return nil
        }
        return path
    }

    /// A profile's name: plain, since it becomes part of a path.
    func profileName(_ name: String) -> String? {
        guard let text = line(name, longest: 64) else { return nil }
        guard Self.isPlainName(text) else {
            wrong(name, "is \"\(text)\", which is no name of a profile", "Use small letters, digits and hyphens.")
            return nil
        }
        return text
    }

    static func isPlainName(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count) && text.utf8.first != UInt8(ascii: "-")
            && text.utf8.allSatisfy {
                (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == UInt8(ascii: "-")
            }
    }

    func principals(_ name: String) -> [Principal]? {
        lines(name, most: 100, longest: 80).map { texts in
            texts.compactMap { text in
                let principal = Principal(text)
                if principal == nil {
                    wrong(name, "has \"\(text)\", which names nobody", "Write \(Principal.form).")
                }
                return principal
            }
        }
    }

    // MARK: Nodes

    func text(_ node: Node, _ path: String, _ longest: Int) -> String? {
        guard case .scalar(let raw, let style) = node.value else {
            wrong(node, path, "is \(node.kind), where text is meant", "Write text.")
            return nil
        }
        if style == .plain, PlainScalar.isGuess(raw) || Double(raw) != nil {
            wrong(node, path, "is \(raw) without quotes, which YAML takes for something else", "Put it in quotes.")
            return nil
        }
        let blank: (Character) -> Bool = { $0 == " " || $0 == "\t" || $0 == "\n" }
        let text = String(raw.drop(while: blank).reversed().drop(while: blank).reversed())
        guard !text.isEmpty else {
            wrong(node, path, "is blank", "Fill it in, or remove the key.")
            return nil
        }
        guard text.utf8.count <= longest else {
            wrong(node, path, "is longer than \(longest) bytes", "Shorten it.")
            return nil
        }
        return text
    }

    func line(_ node: Node, _ path: String, _ longest: Int) -> String? {
        guard let text = text(node, path, longest) else { return nil }
        guard text.displayed == text else {
            wrong(node, path, "holds a line end or another character that is not shown", "Write one plain line.")
            return nil
        }
        return text
    }

    private func choice<Value: RawRepresentable & CaseIterable>(_ node: Node, _ path: String) -> Value?
    where Value.RawValue == String {
        let known = Value.allCases.map { $0.rawValue }
        guard case .scalar(let text, _) = node.value, let value = Value(rawValue: text) else {
            let found = if case .scalar(let text, _) = node.value { "\"\(text)\"" } else { node.kind }
            wrong(node, path, "is \(found)", "Known: \(known.joined(separator: ", ")).")
            return nil
        }
        return value
    }
}

/// What YAML readers make of a word without quotes.
enum PlainScalar {
    static func isGuess(_ text: String) -> Bool {
        ["", "~", "null", "true", "false", "yes", "no", "on", "off", "y", "n"].contains(text.lowercased())
    }
}
