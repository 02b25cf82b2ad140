// SPDX-License-Identifier: Apache-2.0
internal import Documents

/// The first place where what is asked now differs from what was asked then, as JSON: spelling and order do not count, and
/// neither do the members by which a client says who it is, which clients draw anew for every session.
package struct Divergence: Sendable, Equatable, CustomStringConvertible {
    /// Such as `messages[2].content`.
    package let place: String
    package let recorded: String
    package let asked: String

    package var description: String {
        "\(place.isEmpty ? "the request" : place): recorded \(recorded), asked \(asked)"
    }

    /// Compares two bodies; nil when they say the same.
    package static func first(recorded: [UInt8], asked: [UInt8]) -> Divergence? {
        if recorded == asked { return nil }
        do throws(JSONText.Flaw) {
            let old = try JSONText(recorded, limits: .init(depth: deepest))
            let new = try JSONText(asked, limits: .init(depth: deepest))
            return Comparison(old: recorded, new: asked).first(old.root, new.root, "")
        } catch {
            return Divergence(
                place: "", recorded: "\(recorded.count) bytes", asked: "\(asked.count) bytes that are not the same")
        }
    }

    /// Anthropic's `metadata`; OpenAI's `metadata`, `user`, `safety_identifier` and `prompt_cache_key`.
    fileprivate static let senders: Set<String> = ["metadata", "user", "safety_identifier", "prompt_cache_key"]
    fileprivate static let deepest = 128
    fileprivate static let longest = 120
}

/// Two texts whose values are compared in the order of the first.
private struct Comparison {
    let old: [UInt8]
    let new: [UInt8]

    func first(_ old: JSONValue, _ new: JSONValue, _ place: String) -> Divergence? {
        guard old.kind == new.kind else { return differ(old, new, place) }
        switch old.kind {
        case .null: return nil
        case .bool: return old.bool == new.bool ? nil : differ(old, new, place)
        case .string: return old.string == new.string ? nil : differ(old, new, place)
        case .number: return self.old[old.range] == self.new[new.range] ? nil : differ(old, new, place)
        case .array:
            let others = new.elements.makeIterator()
            var index = 0
            for element in old.elements {
                let here = "\(place)[\(index)]"
                guard let other = others.next() else { return differ(element, nil, here) }
                if let found = first(element, other, here) { return found }
                index += 1
            }
            return others.next().map { differ(nil, $0, "\(place)[\(index)]") }
        case .object:
            let dot = place.isEmpty ? "" : "."
            for (name, value) in old.members where !isSender(name, place) {
                let here = "\(place)\(dot)\(name.displayed)"
                guard let other = new[name] else { return differ(value, nil, here) }
                if let found = first(value, other, here) { return found }
            }
            for (name, value) in new.members where old[name] == nil && !isSender(name, place) {
                return differ(nil, value, "\(place)\(dot)\(name.displayed)")
            }
            return nil
        }
    }

    private func isSender(_ name: String, _ place: String) -> Bool {
        place.isEmpty && Divergence.senders.contains(name)
    }

    /// Texts that begin alike are shown from a little before the place where they part.
    private func differ(_ old: JSONValue?, _ new: JSONValue?, _ place: String) -> Divergence {
        var first = old.map { shown(self.old[$0.range]) } ?? "nothing"
        var second = new.map { shown(self.new[$0.range]) } ?? "nothing"
        let same = zip(first, second).prefix { $0 == $1 }.count
        if same > Divergence.longest / 2 {
            first = "..." + first.dropFirst(same - 20)
            second = "..." + second.dropFirst(same - 20)
        }
        return Divergence(place: place, recorded: cut(first), asked: cut(second))
    }

    private func cut(_ text: String) -> String {
        text.count > Divergence.longest ? text.prefix(Divergence.longest) + "..." : text
    }

    private func shown(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self).displayed }
}
