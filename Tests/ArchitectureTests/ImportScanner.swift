// SPDX-License-Identifier: Apache-2.0

/// Finds what a source file imports by its lines, as the compiler would name the modules.
enum ImportScanner {
    /// One import, with the line it stands in.
    struct Import: Equatable {
        let module: String
        let line: Int
    }

    private static let modifiers: Set<Substring> = [
        "public", "package", "internal", "private", "fileprivate", "struct", "class", "enum", "protocol", "func", "var",
        "let", "typealias", "actor",
    ]

    /// The modules that a Swift file imports: attributes, access levels and kinds before the name are skipped.
    static func swiftImports(_ source: String) -> [Import] {
        source.split(separator: "\n", omittingEmptySubsequences: false).enumerated().compactMap { offset, line in
            var words = line.split { $0 == " " || $0 == "\t" || $0 == ";" }[...]
            while let first = words.first, first.hasPrefix("@") || modifiers.contains(first) { words.removeFirst() }
            guard words.popFirst() == "import" else { return nil }
            while let first = words.first, modifiers.contains(first) { words.removeFirst() }
            guard let path = words.first, let module = path.split(separator: ".").first else { return nil }
            return Import(module: String(module), line: offset + 1)
        }
    }

    /// The headers of ours that a C file includes: quoted ones, and any named `sp_…` as all of ours are.
    static func ownHeaders(_ source: String) -> [Import] {
        source.split(separator: "\n", omittingEmptySubsequences: false).enumerated().compactMap { offset, line in
            let text = line.filter { $0 != " " && $0 != "\t" }
            guard text.hasPrefix("#include"), text.count > 9 else { return nil }
            let quoted = text.dropFirst(8).first == "\""
            let name = text.dropFirst(9).prefix { $0 != "\"" && $0 != ">" }
            let file = name.split(separator: "/").last.map(String.init) ?? ""
            return quoted || file.hasPrefix("sp_") ? Import(module: file, line: offset + 1) : nil
        }
    }
}
