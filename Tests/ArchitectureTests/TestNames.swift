// SPDX-License-Identifier: Apache-2.0

/// The tests that exist, named `Suite/function` as pages name them.
struct TestNames {
    private let names: Set<String>

    init(_ tree: SourceTree) throws {
        var found: Set<String> = []
        for file in try tree.files(below: "Tests", endings: ["swift"]) {
            found.formUnion(Self.names(in: file.text))
        }
        names = found
    }

    func contains(_ name: String) -> Bool { names.contains(name) }

    /// Whether a text has the form of such a name.
    static func isName(_ text: String) -> Bool {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        return parts.count == 2 && parts[0].hasSuffix("Tests") && parts[0].count > 5
            && parts[0].first?.isUppercase == true && !parts[1].isEmpty
            && parts[1].allSatisfy { $0.isLetter || $0.isNumber || $0 == "_" }
    }

    /// Only functions that follow an `@Test` count: a helper of that name proves nothing.
    static func names(in source: String) -> Set<String> {
        var found: Set<String> = []
        var suite: Substring?
        var isTest = false
        for line in source.split(separator: "\n") {
            let words = line.split { $0 == " " || $0 == "(" || $0 == "<" || $0 == "{" || $0 == ":" }
            if let at = words.firstIndex(where: { ["struct", "extension"].contains($0) }), words.count > at + 1,
                words[at + 1].hasSuffix("Tests")
            {
                suite = words[at + 1]
            }
            if line.drop(while: { $0 == " " }).hasPrefix("@Test") { isTest = true }
            if isTest, let suite, let at = words.firstIndex(of: "func"), words.count > at + 1 {
                found.insert("\(suite)/\(words[at + 1])")
                isTest = false
            }
        }
        return found
    }
}
