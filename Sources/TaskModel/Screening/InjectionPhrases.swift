// SPDX-License-Identifier: Apache-2.0

/// Phrases by which a text pretends to be the orders of somebody with more to say than its author.
///
/// A closed list over words, whatever stands between them. It finds the plain forms and no clever ones: what holds when it
/// finds nothing is the sandbox, and the trust beside each segment of a prompt.
enum InjectionPhrases {
    struct Found {
        let range: Range<String.Index>
        let finding: ScreeningFinding
    }

    /// In the order of their places; none overlaps another.
    static func find(_ text: String) -> [Found] {
        let words = words(of: text)
        var found: [Found] = []
        var index = 0
        while index < words.count {
            guard let (pattern, length) = match(words, at: index) else {
                index += 1
                continue
            }
            let range = words[index].range.lowerBound..<words[index + length - 1].range.upperBound
            found.append(Found(range: range, finding: .init(pattern.kind, pattern.severity)))
            index += length
        }
        let turns = marks(text).filter { mark in !found.contains { $0.range.overlaps(mark.range) } }
        return (found + turns).sorted { $0.range.lowerBound < $1.range.lowerBound }
    }

    // MARK: Words

    private struct Word {
        let text: String
        let range: Range<String.Index>
    }

    private struct Pattern {
        let kind: ScreeningFinding.Kind
        let severity: ScreeningFinding.Severity
        /// Each step is one of these words; a step with a blank among its words may be left out.
        let steps: [Set<String>]

        init(_ kind: ScreeningFinding.Kind, _ severity: ScreeningFinding.Severity, _ steps: [String]) {
            self.kind = kind
            self.severity = severity
            self.steps = steps.map { step in
                var words = Set(step.split(separator: "|").map(String.init))
                if step.hasSuffix("?") {
                    words = Set(step.dropLast().split(separator: "|").map(String.init))
                    words.insert("")
                }
                return words
            }
        }
    }

    private static let filler = "all|any|the|your|my|of|these|those|every?"
    private static let patterns: [Pattern] = [
        Pattern(
            .overridesInstructions, .medium,
            [
                "ignore|disregard|forget", filler, filler, filler,
                "previous|prior|above|earlier|preceding|system|operator",
                "instructions|instruction|rules|prompt|prompts|directions|guidelines",
            ]),
        Pattern(
            .overridesInstructions, .medium,
            [
                "ignore|disregard|forget", filler, filler, "instructions|rules|prompts|guidelines",
                "given|you|so?", "above|before|given|far|were|was|have",
            ]),
        Pattern(
            .overridesInstructions, .medium,
            [
                "do", "not", "follow|obey|heed", filler, filler, "previous|prior|above|earlier|system|operator",
                "instructions|rules|prompt|guidelines",
            ]),
        Pattern(
            .overridesInstructions, .medium,
            ["you", "are", "now", "in|a|an|the?", "in?", "dan|developer|jailbroken|unrestricted|god", "mode?"]),
        Pattern(
            .asksForSecrets, .medium,
            ["reveal|print|show|output|repeat|leak", "me|us?", filler, filler, "system", "prompt|instructions"]),
        Pattern(
            .asksForSecrets, .medium,
            [
                "reveal|leak|exfiltrate|upload|email", "me|us?", filler, filler,
                "environment|secret|secrets|api|access|private|ssh",
                "variables|keys|key|tokens|token|credentials|values",
            ]),
        Pattern(
            .asksForSecrets, .high,
            ["exfiltrate", filler, filler, "secrets|credentials|tokens|keys|data|code|source|repository"]),
    ]

    private static let byFirst: [String: [Pattern]] = {
        var table: [String: [Pattern]] = [:]
        for pattern in patterns { for word in pattern.steps[0] { table[word, default: []].append(pattern) } }
        return table
    }()

    private static func match(_ words: [Word], at start: Int) -> (Pattern, Int)? {
        for pattern in byFirst[words[start].text] ?? [] {
            var position = start
            var isWhole = true
            for step in pattern.steps {
                if position < words.count, step.contains(words[position].text) {
                    position += 1
                } else if !step.contains("") {
                    isWhole = false
                    break
                }
            }
            if isWhole { return (pattern, position - start) }
        }
        return nil
    }

    /// Letters and digits in runs, in lower case; whatever stands between is no part of a phrase, and cannot break one up.
    private static func words(of text: String) -> [Word] {
        var words: [Word] = []
        var start: String.Index?
        var current = ""
        for index in text.unicodeScalars.indices {
            let scalar = text.unicodeScalars[index]
            if scalar.isASCII ? isWord(UInt8(scalar.value)) : scalar.properties.isAlphabetic {
                if start == nil { start = index }
                // Long runs are no word of any phrase; what they are made of need not be kept.
                if current.utf8.count < 64 { current += scalar.properties.lowercaseMapping }
            } else if scalar == "'" || scalar == "\u{2019}" {
                continue
            } else if let first = start {
                words.append(Word(text: current, range: first..<index))
                (start, current) = (nil, "")
            }
        }
        if let first = start { words.append(Word(text: current, range: first..<text.endIndex)) }
        return words
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
    }

    // MARK: Marks of chat models

    private static let marks = [
        "<|im_start|>", "<|im_end|>", "<|system|>", "<|user|>", "<|assistant|>", "<|endoftext|>", "<|eot_id|>",
        "<|start_header_id|>", "<|end_header_id|>", "[INST]", "[/INST]", "<<SYS>>", "<</SYS>>", "<start_of_turn>",
        "<end_of_turn>", "</system>", "<system>", "<system-reminder>", "</system-reminder>", "\n\nHuman:",
        "\n\nAssistant:",
    ].map { Array($0.utf8) }

    private static func marks(_ text: String) -> [Found] {
        let bytes = Array(text.utf8)
        var found: [Found] = []
        var position = 0
        while position < bytes.count {
            guard "<[\n".utf8.contains(bytes[position]),
                let mark = marks.first(where: { bytes[position...].starts(with: $0) })
            else {
                position += 1
                continue
            }
            let lower = text.utf8.index(text.startIndex, offsetBy: position)
            let upper = text.utf8.index(lower, offsetBy: mark.count)
            found.append(Found(range: lower..<upper, finding: .init(.forgedTurn, .high)))
            position += mark.count
        }
        return found
    }
}
