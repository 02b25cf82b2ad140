// SPDX-License-Identifier: Apache-2.0
package import Documents

/// What somebody asks a task to be: the same words as `sallyport task run`, files already read.
///
/// Closed: an unknown field is refused. A document is the text of a file that its author could read, so that the daemon
/// opens no path on anybody's behalf but those of a repository and of a model's description, which its operator names.
package struct TaskRequest: Sendable, Hashable {
    package enum Field: String, Sendable, CaseIterable {
        case type
        case repository = "repo"
        case forge
        case task
        case issue
        case pullRequest = "pr"
        case criteria
        case instructions
        case base
        case agent
        case agentModel = "agent_model"
        case agentCommand = "agent_command"
        case agentScript = "agent_script"
        case promptBy = "prompt_by"
        case agentTimeout = "agent_timeout"
        case agentTurns = "agent_turns"
        case setupCommand = "setup_command"
        case buildCommand = "build_command"
        case lintCommand = "lint_command"
        case testCommand = "test_command"
        case gate
        case profile
        case deliver
        case branch
        case credential
        case model
        case maxBudget = "max_budget"
        case maxTurns = "max_turns"

        package enum Kind: Sendable { case word, text, document, number }

        package var kind: Kind {
            switch self {
            case .issue, .pullRequest, .agentTimeout, .agentTurns, .maxTurns: .number
            case .task, .instructions, .criteria, .agentScript: .document
            case .agentCommand, .setupCommand, .buildCommand, .lintCommand, .testCommand: .text
            case .type, .repository, .forge, .base, .agent, .agentModel, .promptBy, .gate, .profile, .deliver, .branch,
                .credential, .model, .maxBudget:
                .word
            }
        }

        /// The option of `sallyport task run` and of `sallyport submit`.
        package var option: String { "--" + rawValue.replacing("_", with: "-") }

        /// Longest value in bytes.
        var longest: Int {
            switch kind {
            case .word: 4096
            case .number: 9
            case .text: 65_536
            case .document: self == .task ? TaskLimits.descriptionBytes : 256 << 10
            }
        }
    }

    package private(set) var values: [Field: String]

    package subscript(field: Field) -> String? { values[field] }
    package var type: TaskType { values[.type].flatMap { TaskType(named: $0) } ?? .newTask }
    /// What the task is about: the repository's address, or the forge's.
    package var repository: String? { values[.repository] ?? values[.forge] }

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
        try checkTogether()
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
            case (.word, .string(let text)), (.text, .string(let text)), (.document, .string(let text)):
                values[field] = text
            default:
                throw Self.refusal("\"\(field.rawValue)\" must be \(field.kind == .number ? "a number" : "a string")")
            }
        }
        try self.init(values)
    }

    package var json: JSON {
        .object(
            Field.allCases.compactMap { field in
                guard let value = values[field] else { return nil }
                if field.kind == .number, let number = Int(value) {
                    return JSON.Member(field.rawValue, .int(number))
                }
                return JSON.Member(field.rawValue, .string(value))
            })
    }

    // MARK: Checks

    private static func check(_ field: Field, _ value: String) throws(TaskRefusal) {
        guard !value.isEmpty, value.utf8.count <= field.longest, !value.utf8.contains(0) else {
            throw refusal("\"\(field.rawValue)\" must have 1 to \(field.longest) bytes, and no NUL")
        }
        switch field.kind {
        case .number:
            guard value.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(value), number > 0 else {
                throw refusal("\"\(field.rawValue)\" must be a number above 0")
            }
            if field == .maxTurns, !TaskLimits.turns.contains(number) {
                throw refusal(
                    "\"max_turns\" must be from \(TaskLimits.turns.lowerBound) to \(TaskLimits.turns.upperBound)")
            }
        case .word:
            guard !value.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else {
                throw refusal("\"\(field.rawValue)\" must be one line")
            }
        case .text, .document: break
        }
    }

    private func checkTogether() throws(TaskRefusal) {
        if let name = values[.type], TaskType(named: name) == nil {
            throw Self.refusal("\"type\" must be one of \(TaskType.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        guard repository != nil else { throw Self.refusal("\"repo\" or \"forge\" is missing") }
        if let path = values[.repository], !path.hasPrefix("/"), !path.contains("://") {
            throw Self.refusal("\"repo\" must be an absolute path or a URL: the daemon works in another directory")
        }
        if type.needsPullRequest {
            guard values[.pullRequest] != nil else { throw Self.refusal("\(type.rawValue) needs \"pr\"") }
        } else if values[.task] == nil && values[.issue] == nil {
            throw Self.refusal("\"task\" or \"issue\" is missing")
        }
        guard [Field.agent, .agentCommand, .agentScript].count(where: { values[$0] != nil }) == 1 else {
            throw Self.refusal("exactly one of \"agent\", \"agent_command\" and \"agent_script\" must be given")
        }
        // Of the daemon's environment nobody else may name a variable, and it has no caller's.
        if let reference = values[.credential], !reference.hasPrefix("file:"), !reference.hasPrefix("credential:") {
            throw Self.refusal("\"credential\" must be file:/path or credential:NAME")
        }
        if let what = values[.deliver], !["branch", "pr", "patch"].contains(what) {
            throw Self.refusal("\"deliver\" must be branch, pr or patch")
        }
    }

    private static func refusal(_ reason: String) -> TaskRefusal {
        TaskRefusal(.validation, "cannot take the task: \(reason). See: sallyport submit --help.")
    }
}
