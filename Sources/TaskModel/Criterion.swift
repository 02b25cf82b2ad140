// SPDX-License-Identifier: Apache-2.0
internal import Documents

/// What must hold for a task to be done, in words and, where a command can tell, with that command.
package struct Criterion: Sendable, Hashable {
    /// Names the criterion in evidence: `[a-z0-9-]`, at most 40.
    package let name: String
    package let text: String
    /// Run by /bin/sh in a fresh sandbox on the delivered commit; exit status 0 says that the criterion holds.
    package let check: String?

    package init(name: String, text: String, check: String?) {
        self.name = name
        self.text = text
        self.check = check
    }

    package static let most = 32
    static let longestText = 2000
    static let longestCheck = 8000

    /// Reads the file of `--criteria`: a list, or a mapping with the one key `criteria`.
    package static func list(_ bytes: [UInt8], file: String) throws(TaskModelError) -> [Criterion] {
        let root = try TaskField.read(bytes, file: file, document: "criteria")
        if case .sequence = root.node.value { return try list(root) }
        let fields = try root.fields(known: ["criteria"], required: ["criteria"])
        guard let list = fields["criteria"] else { return [] }
        return try Self.list(list)
    }

    /// A criterion is its text alone, or a mapping with `text` and, as wanted, `name` and `check`.
    static func list(_ field: TaskField) throws(TaskModelError) -> [Criterion] {
        var result: [Criterion] = []
        for (index, element) in try field.elements(most: most).enumerated() {
            let criterion = try decode(element, number: index + 1)
            guard !result.contains(where: { $0.name == criterion.name }) else {
                throw element.error("two criteria are named \"\(criterion.name)\"", remedy: "Rename one of them.")
            }
            result.append(criterion)
        }
        return result
    }

    private static func decode(_ field: TaskField, number: Int) throws(TaskModelError) -> Criterion {
        guard case .mapping = field.node.value else {
            return Criterion(name: "criterion-\(number)", text: try field.text(longest: longestText), check: nil)
        }
        let fields = try field.fields(known: ["name", "text", "check"], required: ["text"])
        var name = "criterion-\(number)"
        if let field = fields["name"] {
            name = try field.line(longest: 40)
            guard name.utf8.allSatisfy({ (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D })
            else {
                throw field.error("\"\(name)\" is no name", remedy: "Use lower-case letters, digits and hyphens.")
            }
        }
        var text = ""
        if let field = fields["text"] { text = try field.text(longest: longestText) }
        var check: String?
        if let field = fields["check"] { check = try field.text(longest: longestCheck) }
        return Criterion(name: name, text: text, check: check)
    }
}
