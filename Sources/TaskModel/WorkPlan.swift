// SPDX-License-Identifier: Apache-2.0
package import Documents

/// How an agent means to do a task, as a sandbox handed it out: every byte of it is claimed, and binds nobody.
package struct WorkPlan: Sendable, Hashable {
    package struct Step: Sendable, Hashable {
        package let title: String
        package let detail: String
        /// Paths that it means to change or add.
        package let files: [String]
    }

    package let summary: String
    package let steps: [Step]
    package let risks: [String]

    /// With all of it there is room left in a prompt.
    package static let longestDocument = 32 << 10
    static let mostSteps = 30
    static let mostFiles = 50
    static let mostRisks = 20
    static let longestSummary = 4000
    static let longestTitle = 200
    static let longestDetail = 4000

    /// Why a document is no plan; holds no byte of it.
    package struct Flaw: Error, Sendable, Hashable, CustomStringConvertible {
        package let description: String
    }

    /// Reads the JSON that an agent wrote: `{"version": 1, "summary", "steps": [{"title", "detail", "files"}], "risks"}`.
    package init(_ bytes: [UInt8]) throws(Flaw) {
        guard bytes.count <= Self.longestDocument else {
            throw Flaw(description: "it is longer than \(Self.longestDocument) bytes")
        }
        let json: JSON
        do throws(JSONParser.Failure) { json = try JSONParser.parse(bytes) } catch {
            throw Flaw(description: "it is no JSON: \(error.reason) at byte \(error.offset)")
        }
        var root = try Self.object(json, "the document")
        guard try root.number("version") == 1 else { throw Flaw(description: "its version is not 1") }
        summary = try Self.checked(try root.text("summary"), Self.longestSummary, "\"summary\"")
        guard let list = try root.required("steps").arrayValue, (1...Self.mostSteps).contains(list.count) else {
            throw Flaw(description: "\"steps\" is no list of 1 to \(Self.mostSteps) steps")
        }
        var steps: [Step] = []
        for (index, entry) in list.enumerated() { steps.append(try Self.step(entry, "step \(index + 1)")) }
        self.steps = steps
        risks = try root.list("risks") { text throws(Flaw) in
            try Self.checked(text, Self.longestDetail, "one of \"risks\"")
        }
        guard risks.count <= Self.mostRisks else { throw Flaw(description: "it has more than \(Self.mostRisks) risks") }
        try root.end()
    }

    private static func step(_ json: JSON, _ name: String) throws(Flaw) -> Step {
        var entry = try object(json, name)
        let title = try checked(try entry.text("title"), longestTitle, "\"title\" of \(name)")
        guard !title.utf8.contains(where: { $0 < 0x20 }) else {
            throw Flaw(description: "\"title\" of \(name) is not one line")
        }
        let step = Step(
            title: title, detail: try checked(try entry.text("detail"), longestDetail, "\"detail\" of \(name)"),
            files: try entry.list("files") { path throws(Flaw) in
                guard Findings.isPath(path) else {
                    throw Flaw(description: "one of \"files\" of \(name) is no path inside the repository")
                }
                return path
            })
        try entry.end()
        guard step.files.count <= mostFiles else {
            throw Flaw(description: "\(name) names more than \(mostFiles) files")
        }
        return step
    }

    private static func object(_ json: JSON, _ subject: String) throws(Flaw) -> ClosedObject<Flaw> {
        // An unknown member's name would be the agent's own word in an error of ours.
        try ClosedObject(json, subject, namesStrays: false) { Flaw(description: $0) }
    }

    private static func checked(_ text: String, _ longest: Int, _ name: String) throws(Flaw) -> String {
        guard text.utf8.count <= longest else { throw Flaw(description: "\(name) is longer than \(longest) bytes") }
        guard text.utf8.contains(where: { $0 > 0x20 }) else { throw Flaw(description: "\(name) is blank") }
        return text
    }

    /// The same plan in one form, whatever form the agent chose.
    package var json: JSON {
        [
            "version": 1, "summary": .string(summary),
            "steps": .array(
                steps.map { step in
                    [
                        "title": .string(step.title), "detail": .string(step.detail),
                        "files": .array(step.files.map { .string($0) }),
                    ]
                }),
            "risks": .array(risks.map { .string($0) }),
        ]
    }

    /// As the agent that builds is told of it.
    package var text: String {
        var text = summary + "\n"
        for (index, step) in steps.enumerated() {
            text += "\n\(index + 1). \(step.title)\n   \(step.detail)\n"
            if !step.files.isEmpty { text += "   files: \(step.files.joined(separator: ", "))\n" }
        }
        if !risks.isEmpty { text += "\nRisks:\n" + risks.map { "- \($0)\n" }.joined() }
        return text
    }
}
