// SPDX-License-Identifier: Apache-2.0
internal import Documents

/// What a task is about, in the words of whoever asked for it.
package struct WorkItem: Sendable, Hashable {
    package enum Kind: String, Sendable, CaseIterable { case issue, spec, incident, pr }

    package var kind: Kind
    /// Its number in the forge, where it has one.
    package var number: Int?
    package var title: String
    package var body: String
    package var criteria: [Criterion]
    /// Directories and files the work is about; empty means the whole repository.
    package var paths: [String]

    package init(
        kind: Kind, number: Int? = nil, title: String, body: String = "", criteria: [Criterion] = [],
        paths: [String] = []
    ) {
        self.kind = kind
        self.number = number
        self.title = title
        self.body = body
        self.criteria = criteria
        self.paths = paths
    }

    package static let longestTitle = 300
    package static let longestBody = 60_000
    static let mostPaths = 100

    /// Reads a work item: Markdown with front matter between lines of `---`, or a YAML or JSON mapping.
    ///
    /// In Markdown the text after the front matter is the body; without a `title` its first heading is the title.
    package static func read(_ bytes: [UInt8], file: String) throws(TaskModelError) -> WorkItem {
        guard let matter = try FrontMatter(bytes, file: file) else {
            if file.hasSuffix(".md") { return try markdown(bytes, file: file) }
            return try WorkItem(try TaskField.read(bytes, file: file, document: document), body: nil)
        }
        return try WorkItem(
            try TaskField.read(matter.header, file: file, document: document), body: try text(matter.body, file: file))
    }

    private static let document = "work item"

    private static func markdown(_ bytes: [UInt8], file: String) throws(TaskModelError) -> WorkItem {
        let text = try text(bytes, file: file)
        guard let title = heading(text) else {
            throw TaskModelError(
                document, at: Place(file: file, line: 1), "it has neither front matter nor a heading",
                remedy: "Begin with a line \"# Title\".")
        }
        return try checked(WorkItem(kind: .spec, title: title, body: text), at: Place(file: file, line: 1))
    }

    private init(_ root: TaskField, body: String?) throws(TaskModelError) {
        var known = ["kind", "number", "title", "criteria", "paths"]
        if body == nil { known.append("body") }
        let fields = try root.fields(known: known)
        var kind = Kind.issue
        if let field = fields["kind"] {
            let name = try field.line(longest: 20)
            guard let known = Kind(rawValue: name) else {
                throw field.error(
                    "\"\(name)\" is no kind of work item",
                    remedy: "Known: \(Kind.allCases.map(\.rawValue).joined(separator: ", ")).")
            }
            kind = known
        }
        var text = body ?? ""
        if let field = fields["body"] { text = try field.text(longest: Self.longestBody) }
        var title = Self.heading(text)
        if let field = fields["title"] { title = try field.line(longest: Self.longestTitle) }
        guard let title else {
            throw root.error("it has no title", remedy: "Add \"title\", or begin the text with \"# Title\".")
        }
        var paths: [String] = []
        if let list = fields["paths"] {
            for field in try list.elements(most: Self.mostPaths) { paths.append(try Self.path(field)) }
        }
        var criteria: [Criterion] = []
        if let field = fields["criteria"] { criteria = try Criterion.list(field) }
        var number: Int?
        if let field = fields["number"] { number = try field.number() }
        self = try Self.checked(
            WorkItem(kind: kind, number: number, title: title, body: text, criteria: criteria, paths: paths),
            at: root.node.place)
    }

    /// A path inside the repository, without `.`, `..`, or an empty part.
    private static func path(_ field: TaskField) throws(TaskModelError) -> String {
        var path = try field.line(longest: 1000)
        if path.hasSuffix("/") { path.removeLast() }
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.allSatisfy({ !$0.isEmpty && $0 != "." && $0 != ".." }) else {
            throw field.error("\"\(path)\" is no path inside the repository", remedy: "Write it as in: src/parser.")
        }
        return path
    }

    private static func checked(_ item: WorkItem, at place: Place) throws(TaskModelError) -> WorkItem {
        guard item.body.utf8.count <= longestBody else {
            throw TaskModelError(
                document, at: place, "its text is longer than \(longestBody) bytes",
                remedy: "Put the details in a file of the repository.")
        }
        return item
    }

    private static func text(_ bytes: [UInt8], file: String) throws(TaskModelError) -> String {
        guard !bytes.contains(0), let text = String(validating: bytes, as: UTF8.self) else {
            throw TaskModelError(
                document, at: Place(file: file, line: 1), "its text is not plain UTF-8", remedy: "Save it as UTF-8.")
        }
        return text
    }

    /// The first heading of the first level.
    private static func heading(_ text: String) -> String? {
        for line in text.split(separator: "\n") where line.hasPrefix("# ") {
            let title = line.dropFirst(2).drop { $0 == " " }
            if !title.isEmpty { return String(title.prefix(longestTitle)) }
        }
        return nil
    }
}

/// The two parts of a Markdown file that begins with `---`.
struct FrontMatter {
    let header: [UInt8]
    let body: [UInt8]

    /// Nil for a file that does not begin so; one that begins so and never ends it is an error.
    init?(_ bytes: [UInt8], file: String) throws(TaskModelError) {
        guard bytes.starts(with: "---\n".utf8) else { return nil }
        var start = 4
        while let end = bytes[start...].firstIndex(of: 0x0A) {
            if bytes[start..<end].elementsEqual("---".utf8) {
                // The line of the opening fence stays, empty, so that places in the header are those of the file.
                header = [0x0A] + bytes[4..<start]
                body = Array(bytes[(end + 1)...])
                return
            }
            start = end + 1
        }
        throw TaskModelError(
            "work item", at: Place(file: file, line: 1), "its front matter has no end",
            remedy: "Close it with a line \"---\".")
    }
}
