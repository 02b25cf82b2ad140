// SPDX-License-Identifier: Apache-2.0
package import Documents

/// The prices of models, as `profiles/models.yaml` or a file of the operator's lists them.
///
/// Money is counted from this table alone, so nothing in it is optional, rounded or guessed: an amount has at most six digits
/// behind the point, and a model that no entry names has no price.
package struct PriceTable: Sendable, Equatable {
    struct Entry: Sendable, Equatable {
        let models: [NamePattern]
        let prices: ModelPrices
    }

    /// When the prices were looked up, and where, in words.
    package let date: String
    package let source: String
    let entries: [Entry]

    /// Reads a table; everything in it is known, or it is refused.
    package init(_ document: Node) throws(DocumentError) {
        let fields = try document.fields(["version", "date", "source", "models"])
        guard try document.need("version", in: fields).text() == "1" else {
            throw document.wrong("is not of version 1, the only one there is", "Write version: 1.")
        }
        let day = try document.need("date", in: fields)
        date = try day.text()
        guard Self.isDate(date) else { throw day.wrong("is no date", "Write the day of the prices as 2026-11-22.") }
        source = try document.need("source", in: fields).text()
        let models = try document.need("models", in: fields)
        guard case .sequence(let items) = models.value, !items.isEmpty else {
            throw models.wrong("is no list of models", "Write at least one.")
        }
        var entries: [Entry] = []
        var seen: Set<NamePattern> = []
        for item in items {
            let entry = try Entry(item)
            for model in entry.models {
                guard seen.insert(model).inserted else {
                    throw item.wrong("names \"\(model)\" again", "Give each model one price.")
                }
            }
            entries.append(entry)
        }
        self.entries = entries
    }

    private static func isDate(_ text: String) -> Bool {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.map({ $0.utf8.count }) == [4, 2, 2], parts.allSatisfy({ $0.utf8.allSatisfy { 0x30...0x39 ~= $0 } })
        else { return false }
        return 1...12 ~= (Int(parts[1]) ?? 0) && 1...31 ~= (Int(parts[2]) ?? 0)
    }

    /// The prices of the entry that names the model most closely: by its whole name, else by the longest beginning.
    package func prices(of model: String) -> ModelPrices? {
        var best: (length: Int, prices: ModelPrices)?
        for entry in entries {
            for pattern in entry.models where pattern.matches(model) {
                let length = pattern.isPrefix ? pattern.stem.utf8.count : Int.max
                if best.map({ length > $0.length }) ?? true { best = (length, entry.prices) }
            }
        }
        return best?.prices
    }
}

extension PriceTable.Entry {
    private static let rates = ["input", "output", "cache_read", "cache_write", "cache_write_long"]

    init(_ node: Node) throws(DocumentError) {
        let fields = try node.fields(["models", "long", "tool_call"] + Self.rates)
        let names = try node.need("models", in: fields)
        guard case .sequence(let items) = names.value, !items.isEmpty else {
            throw names.wrong("is no list of names", "Write at least one.")
        }
        var models: [NamePattern] = []
        for item in items {
            guard let pattern = NamePattern(try item.text()), !pattern.stem.isEmpty else {
                throw item.wrong("is no name of a model", "Write a name, or its beginning and a star.")
            }
            models.append(pattern)
        }
        self.models = models
        var prices = ModelPrices(try Self.rates(node, fields))
        if let long = fields["long"] {
            let fields = try long.fields(["above"] + Self.rates)
            let above = try long.need("above", in: fields)
            guard let tokens = Int(try above.text()), tokens > 0 else {
                throw above.wrong("is no number of tokens", "Write digits only.")
            }
            prices.long = .init(above: tokens, rates: try Self.rates(long, fields))
        }
        if let call = fields["tool_call"] { prices.toolCall = try call.dollars() }
        self.prices = prices
    }

    private static func rates(_ node: Node, _ fields: [String: Node]) throws(DocumentError) -> ModelPrices.Rates {
        func rate(_ name: String) throws(DocumentError) -> Int { try node.need(name, in: fields).dollars() }
        return ModelPrices.Rates(
            input: try rate("input"), output: try rate("output"), cacheRead: try rate("cache_read"),
            cacheWrite: try rate("cache_write"), cacheWriteLong: try rate("cache_write_long"))
    }
}

extension Node {
    fileprivate func wrong(_ reason: String, _ remedy: String) -> DocumentError {
        let subject = if case .scalar(let text, _) = value { "\"\(text)\"" } else { kind }
        return DocumentError(.wrongType, at: place, "\(subject) \(reason)", remedy: remedy)
    }

    fileprivate func fields(_ known: [String]) throws(DocumentError) -> [String: Node] {
        guard case .mapping(let entries) = value else { throw wrong("is no mapping", "Write keys and values.") }
        var fields: [String: Node] = [:]
        for entry in entries {
            guard known.contains(entry.key) else {
                throw DocumentError(
                    .unsupported, at: entry.keyPlace, "unknown key \"\(entry.key)\"",
                    remedy: "The keys here are \(known.joined(separator: ", ")).")
            }
            fields[entry.key] = entry.value
        }
        return fields
    }

    fileprivate func need(_ key: String, in fields: [String: Node]) throws(DocumentError) -> Node {
        guard let node = fields[key] else { throw wrong("has no \"\(key)\"", "Write it.") }
        return node
    }

    fileprivate func text() throws(DocumentError) -> String {
        guard case .scalar(let text, _) = value, !text.isEmpty else { throw wrong("is no text", "Write one value.") }
        return text
    }

    /// An amount of at most a hundred thousand dollars, in millionths.
    fileprivate func dollars() throws(DocumentError) -> Int {
        guard let amount = MicroDollars(dollars: try text()), amount.count <= 100_000_000_000 else {
            throw wrong("is no amount in dollars", "Write digits, and up to six behind a point.")
        }
        return amount.count
    }
}
