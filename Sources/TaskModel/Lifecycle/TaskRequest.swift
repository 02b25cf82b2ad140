// SPDX-License-Identifier: Apache-2.0
package import Documents

/// What somebody asks a task to be, files already read: what is to be done, on which repository, within which figures.
///
/// Everything else (agent, sandbox, credential, where the repository is, what decides, where the result goes) is the
/// blueprint's to say, and has no field here. Closed: an unknown field is refused. Whether a request becomes a task is for
/// the gate; here a value only has its form.
package struct TaskRequest: Sendable, Hashable {
    package enum Field: String, Sendable, CaseIterable {
        /// `OWNER/NAME`, as blueprints name it.
        case repository = "repo"
        case type
        case task
        case issue
        case pullRequest = "pr"
        case criteria
        case model
        case maxTurns = "max_turns"
        case maxBudget = "max_budget"
        case approvalTimeout = "approval_timeout"
        case preApprovals = "pre_approve"
        case dependsOn = "depends_on"
        case priority
        /// What all records of the task bear; see ``CorrelationID``.
        case correlation = "correlation_id"

        package enum Kind: Sendable {
            case word, document, number
            /// One value a line.
            case list
        }

        package var kind: Kind {
            switch self {
            case .issue, .pullRequest, .maxTurns, .approvalTimeout, .priority: .number
            case .task, .criteria: .document
            case .repository, .type, .model, .maxBudget, .correlation: .word
            case .preApprovals, .dependsOn: .list
            }
        }

        /// The option of `sallyport submit`.
        package var option: String { "--" + rawValue.replacing("_", with: "-") }

        /// Longest value in bytes.
        var longest: Int {
            switch kind {
            case .word: 4096
            case .number: 9
            // Four bytes make a character; how many of those there may be is the gate's to say.
            case .document: self == .task ? 4 * TaskLimits.descriptionBytes : 256 << 10
            case .list: 65_536
            }
        }
    }

    package private(set) var values: [Field: String]

    package subscript(field: Field) -> String? { values[field] }
    package func number(_ field: Field) -> Int? { values[field].flatMap { Int($0) } }
    package func list(_ field: Field) -> [String] {
        values[field]?.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) ?? []
    }

    package var type: TaskType { values[.type].flatMap { TaskType(named: $0) } ?? .newTask }
    package var correlation: CorrelationID? { values[.correlation].flatMap { CorrelationID($0) } }
    /// What the task is about, as it is looked for: in small letters.
    package var repository: String? { values[.repository]?.lowercased() }

    /// A line for lists.
    package var title: String {
        if let text = values[.task] {
            let line = text.split(separator: "\n").first { $0.contains { !$0.isWhitespace } } ?? ""
            return String(line.prefix(200)).displayed
        }
        if let number = values[.issue] { return "issue \(number)" }
        if let number = values[.pullRequest] { return "pull request \(number)" }
        return ""
    }

    package init(_ values: [Field: String]) throws(TaskRefusal) {
        self.values = values
        for field in Field.allCases { if let value = values[field] { try Self.check(field, value) } }
        guard values[.repository] != nil else { throw Self.refusal("\"repo\" is missing") }
    }

    /// The same with an id that its records will bear, unless it has one of its caller's.
    package func correlated(by id: CorrelationID) -> TaskRequest {
        var request = self
        if request.values[.correlation] == nil { request.values[.correlation] = id.description }
        return request
    }

    /// Reads an object with the names of ``Field``.
    package init(json: JSON) throws(TaskRefusal) {
        guard case .object(let members) = json else { throw Self.refusal("a request is an object") }
        var values: [Field: String] = [:]
        for member in members {
            guard let field = Field(rawValue: member.name) else {
                throw Self.refusal("unknown field \"\(member.name.displayed)\"")
            }
            switch (field.kind, member.value) {
            case (.number, .int(let number)): values[field] = "\(number)"
            case (.word, .string(let text)), (.document, .string(let text)): values[field] = text
            case (.list, .array(let items)):
                let texts = items.compactMap(\.stringValue)
                guard texts.count == items.count, !texts.contains(where: { $0.contains("\n") }) else {
                    throw Self.refusal("\"\(field.rawValue)\" must be a list of lines")
                }
                if !texts.isEmpty { values[field] = texts.joined(separator: "\n") }
            default:
                let form =
                    switch field.kind {
                    case .number: "a number"
                    case .word, .document: "a string"
                    case .list: "a list"
                    }
                throw Self.refusal("\"\(field.rawValue)\" must be \(form)")
            }
        }
        try self.init(values)
    }

    package var json: JSON {
        .object(
            Field.allCases.compactMap { field in
                guard let value = values[field] else { return nil }
                switch field.kind {
                case .number: return JSON.Member(field.rawValue, Int(value).map { .int($0) } ?? .string(value))
                case .list: return JSON.Member(field.rawValue, .array(list(field).map { .string($0) }))
                case .word, .document: return JSON.Member(field.rawValue, .string(value))
                }
            })
    }

    private static func check(_ field: Field, _ value: String) throws(TaskRefusal) {
        guard !value.isEmpty, value.utf8.count <= field.longest, !value.utf8.contains(0) else {
            throw refusal("\"\(field.rawValue)\" must have 1 to \(field.longest) bytes, and no NUL")
        }
        switch field.kind {
        case .number:
            guard value.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(value),
                number > 0 || field == .priority
            else { throw refusal("\"\(field.rawValue)\" must be a number above 0") }
            if field == .priority, !TaskLimits.priorities.contains(number) {
                throw refusal(
                    "\"priority\" must be from \(TaskLimits.priorities.lowerBound) to \(TaskLimits.priorities.upperBound)"
                )
            }
        case .word:
            guard !value.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else {
                throw refusal("\"\(field.rawValue)\" must be one line")
            }
            if field == .correlation, CorrelationID(value) == nil {
                throw refusal("\"\(field.rawValue)\" must be \(CorrelationID.form)")
            }
        case .document, .list: break
        }
    }

    private static func refusal(_ reason: String) -> TaskRefusal {
        TaskRefusal(.validation, "cannot take the task: \(reason). See: sallyport submit --help.")
    }
}
