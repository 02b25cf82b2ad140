// SPDX-License-Identifier: Apache-2.0
package import Documents

extension Posture {
    /// The posture by layer, then every escape and whatever keeps it from being complete.
    package func text(colour: Bool) -> String {
        var rows: [VerdictLine] = []
        for layer in Layer.allCases {
            let count = count(layer)
            let made = count.refused + count.escaped
            var parts = ["\(count.refused) of \(made) attempts refused"]
            if count.byDesign > 0 { parts.append("\(count.byDesign) not held rootless (one id), by design") }
            if count.notApplicable > 0 { parts.append("\(count.notApplicable) do not apply here") }
            if count.broken > 0 { parts.append("\(count.broken) could not be made") }
            let (mark, word): (Mark, String) =
                count.escaped > 0
                ? (.bad, "ESCAPED")
                : made == 0 || count.broken > 0
                    ? (.weak, "unknown") : count.byDesign > 0 ? (.weak, "in part") : (.good, "held")
            rows.append(VerdictLine(mark, word, name: layer.name, text: parts.joined(separator: ", ")))
        }
        var lines = [VerdictTable.text(rows, colour: colour)]
        lines += escapes.map { "\($0.id) escaped: \($0.text)" }
        lines += byDesign.map { "\($0.id) is not held rootless (one id), by design: \($0.text)" }
        lines += broken.map { "\($0.id) could not be made: \($0.text)" }
        if !silent.isEmpty { lines.append("no verdict for: \(silent.joined(separator: ", "))") }
        if unreadable > 0 { lines.append("\(unreadable) lines of the report could not be read") }
        return lines.joined(separator: "\n")
    }

    package var json: JSON {
        let layers = Layer.allCases.map { layer in
            let count = count(layer)
            return JSON.object([
                .init("layer", .string(layer.name)), .init("refused", .int(count.refused)),
                .init("escaped", .int(count.escaped)), .init("by_design", .int(count.byDesign)),
                .init("not_applicable", .int(count.notApplicable)), .init("broken", .int(count.broken)),
            ])
        }
        return .object([
            .init("version", 1), .init("held", .bool(exitStatus == 0)), .init("complete", .bool(isComplete)),
            .init("layers", .array(layers)), .init("attempts", .array(attempts.map { Self.json($0) })),
            .init("silent", .array(silent.map { .string($0) })), .init("unreadable_lines", .int(unreadable)),
        ])
    }

    private static func json(_ attempt: Attempt) -> JSON {
        var members: [JSON.Member] = [.init("id", .string(attempt.id))]
        switch attempt.verdict {
        case .refused(let errno): members += [.init("verdict", "refused"), .init("errno", .string(errno))]
        case .escaped: members.append(.init("verdict", "escaped"))
        case .byDesign: members.append(.init("verdict", "not-held-by-design"))
        case .notApplicable: members.append(.init("verdict", "not-applicable"))
        case .broken: members.append(.init("verdict", "broken"))
        }
        return .object(members + [.init("text", .string(attempt.text))])
    }
}
