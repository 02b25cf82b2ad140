// SPDX-License-Identifier: Apache-2.0

/// Finds in a page the commands that a reader would type, and what each of them relies on.
enum CommandScanner {
    /// One call of `sallyport`: its verb, of one word or two, and its options.
    struct Call: Equatable {
        let line: Int
        let verb: [String]
        let flags: [String]
    }

    /// One call of a script of this repository.
    struct Script: Equatable {
        let line: Int
        let path: String
        let flags: [String]
    }

    private static let verbsOfTwoWords: Set<String> = ["task", "session", "profile", "blueprint"]

    /// Calls of `sallyport` in code; a line of output that begins with "sallyport:" is none, nor is a name alone.
    static func calls(_ page: Markdown) -> [Call] {
        commands(page).compactMap { line, words in
            guard let name = words.first, name == "sallyport" || name.hasSuffix("/sallyport") else { return nil }
            var rest = words.dropFirst()
            var verb: [String] = []
            while let word = rest.first, isVerb(word) {
                verb.append(word)
                rest.removeFirst()
                guard verb.count == 1, verbsOfTwoWords.contains(word) else { break }
            }
            let flags = flags(rest)
            return verb.isEmpty && flags.isEmpty ? nil : Call(line: line, verb: verb, flags: flags)
        }
    }

    static func scripts(_ page: Markdown) -> [Script] {
        commands(page).compactMap { line, words in
            guard let path = words.first, path.hasPrefix("scripts/") || path == "rootfs/build" else { return nil }
            return Script(line: line, path: path, flags: flags(words.dropFirst()))
        }
    }

    /// Options that prose names by themselves.
    static func loneFlags(_ page: Markdown) -> [Markdown.Piece] {
        page.spans.filter { $0.text.hasPrefix("--") && $0.text.count > 2 }
            .map { Markdown.Piece(line: $0.line, text: String($0.text.prefix { $0 != " " && $0 != "=" })) }
    }

    private static func commands(_ page: Markdown) -> [(Int, [String])] {
        let typed = page.blocks.compactMap { piece -> Markdown.Piece? in
            // Blocks show a session: what is typed follows the prompt, or stands alone where there is no prompt.
            for prompt in ["$ ", "# "] where piece.text.hasPrefix(prompt) {
                return Markdown.Piece(line: piece.line, text: String(piece.text.dropFirst(2)))
            }
            return piece
        }
        return (typed + page.spans).map { ($0.line, $0.text.split(separator: " ").map(String.init)) }
    }

    private static func isVerb(_ word: String) -> Bool { word.allSatisfy { $0.isLowercase && $0.isASCII } }

    /// Options before the "--" that ends them.
    private static func flags(_ words: ArraySlice<String>) -> [String] {
        words.prefix { $0 != "--" }.filter { $0.hasPrefix("--") }.map { word in
            String(word.trimming("[]").prefix { $0 != "=" })
        }
    }
}

extension String {
    /// Without the given characters at both ends: usage lines put options in brackets.
    fileprivate func trimming(_ characters: String) -> Substring {
        var text = self[...]
        while let first = text.first, characters.contains(first) { text.removeFirst() }
        while let last = text.last, characters.contains(last) { text.removeLast() }
        return text
    }
}
