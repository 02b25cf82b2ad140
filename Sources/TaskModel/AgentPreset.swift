// SPDX-License-Identifier: Apache-2.0
internal import Documents

/// How one agent is started in a sandbox: what it runs, what it needs to be there, and how it finds the model.
///
/// A preset is data, `profiles/agents/NAME.yaml`: it names no credential and grants nothing. What the agent may reach is the
/// profile's to say; the model is at `http://llm.internal` and its key outside.
package struct AgentPreset: Sendable, Hashable {
    /// How the prompt comes to it.
    package enum PromptBy: String, Sendable, CaseIterable {
        case file, stdin, argument
    }

    /// The form of the requests that it makes of the model.
    package enum API: String, Sendable, CaseIterable {
        case anthropicMessages = "anthropic-messages"
        case openAIChat = "openai-chat"
        case openAIResponses = "openai-responses"
        case gemini
        case bedrock
    }

    package let name: String
    package let title: String
    package let api: API
    /// Further forms that it can speak, where the session has no models in the first.
    package let otherAPIs: [API]
    /// What it asks for when nobody names a model.
    package let model: String
    /// Versions that were seen to do a task here, with a recorded model; empty is untested.
    package let tested: [String]
    /// Why there are none, or what does not work.
    package let note: String?
    /// Shell commands for /bin/sh in the clone.
    package let command: String
    package let promptBy: PromptBy
    package let environment: [Variable]
    /// Files to put below `$HOME` first.
    package let files: [File]
    /// Programs that must be found, the agent first.
    package let programs: [String]
    /// Shell commands that put the agent into an empty directory, its programs below `bin`; run in a sandbox.
    package let install: String?
    /// The profile for that sandbox, which says where the agent may come from.
    package let installProfile: String

    package struct Variable: Sendable, Hashable {
        package let name: String
        package let value: String
    }

    package struct File: Sendable, Hashable {
        package let path: String
        package let text: String

        package init(path: String, text: String) {
            self.path = path
            self.text = text
        }
    }

    /// Where an installed agent is shown in a sandbox.
    package static let place = "/run/sallyport/agent-files"

    private static let document = "agent preset"
    private static let keys = [
        "version", "title", "api", "other_apis", "model", "tested", "note", "command", "prompt", "environment", "files",
        "programs",
        "install", "install_profile",
    ]
    private static let longestCommand = 8000
    private static let longestFile = 64_000

    /// Reads a preset from YAML; unknown keys are errors.
    ///
    /// - Parameter name: Of the file, without its ending.
    package init(_ bytes: [UInt8], name: String, file: String) throws(TaskModelError) {
        let root = try TaskField.read(bytes, file: file, document: Self.document)
        let fields = try root.fields(
            known: Self.keys, required: ["version", "title", "api", "model", "command", "prompt", "programs"])
        guard Self.isName(name) else {
            throw root.error("\"\(name)\" is no name", remedy: "Use lower-case letters, digits and hyphens.")
        }
        guard let version = fields["version"], try version.number() == 1 else {
            throw root.error("the version is not 1", remedy: "Write version: 1, the only one there is.")
        }
        self.name = name
        title = try fields["title"]?.line(longest: 200) ?? ""
        api = try fields["api"]?.choice(API.self) ?? .openAIChat
        otherAPIs =
            try fields["other_apis"]?.elements(most: API.allCases.count).map { field throws(TaskModelError) in
                try field.choice(API.self)
            } ?? []
        model = try fields["model"]?.line(longest: 200) ?? ""
        tested =
            try fields["tested"]?.elements(most: 20).map { field throws(TaskModelError) in
                try field.line(longest: 40)
            } ?? []
        note = try fields["note"]?.text(longest: 1000)
        command = try fields["command"]?.text(longest: Self.longestCommand) ?? ""
        promptBy = try fields["prompt"]?.choice(PromptBy.self) ?? .file
        environment =
            try fields["environment"]?.pairs(most: 64).map { pair throws(TaskModelError) in
                guard Self.isVariable(pair.key) else {
                    throw pair.value.error(
                        "\"\(pair.key)\" is no name of a variable", remedy: "Use letters, digits and _.")
                }
                return Variable(name: pair.key, value: try pair.value.line(longest: 1000))
            } ?? []
        files =
            try fields["files"]?.pairs(most: 16).map { pair throws(TaskModelError) in
                guard Self.isPath(pair.key) else {
                    throw pair.value.error(
                        "\"\(pair.key)\" is no path below $HOME", remedy: "Write it as in: .config/agent/settings.")
                }
                return File(path: pair.key, text: try pair.value.text(longest: Self.longestFile))
            } ?? []
        programs =
            try fields["programs"]?.elements(most: 16).map { field throws(TaskModelError) in
                let program = try field.line(longest: 100)
                guard Self.isFileName(program) else {
                    throw field.error(
                        "\"\(program)\" is no name of a program", remedy: "Write its name, without a path.")
                }
                return program
            } ?? []
        install = try fields["install"]?.text(longest: Self.longestCommand)
        installProfile = try fields["install_profile"]?.line(longest: 100) ?? "agent-install"
        guard !programs.isEmpty else {
            throw root.error("\"programs\" is empty", remedy: "Name the agent's own program.")
        }
    }

    // MARK: As a command

    /// One text for /bin/sh: variables, files, then the agent.
    ///
    /// - Parameters:
    ///   - model: Takes the place of the preset's own; in the command it is `$SALLYPORT_MODEL`.
    ///   - api: One of those that it speaks; in the command it is `$SALLYPORT_MODEL_API`.
    ///   - more: Further files; one takes the place of the preset's own of its name.
    package func script(model: String? = nil, api: API? = nil, files more: [File] = []) -> String {
        var lines = [
            "export PATH=\"\(Self.place)/bin:$PATH\"", "export SALLYPORT_MODEL=\(Self.quoted(model ?? self.model))",
            "export SALLYPORT_MODEL_API=\((api ?? self.api).rawValue)",
        ]
        lines += environment.map { "export \($0.name)=\(Self.quoted($0.value))" }
        let own = files.filter { file in !more.contains { $0.path == file.path } }
        for file in own + more {
            if let slash = file.path.lastIndex(of: "/") {
                lines.append("mkdir -p \"$HOME\"/\(Self.quoted(String(file.path[..<slash]))) || exit 1")
            } else {
                lines.append("mkdir -p \"$HOME\" || exit 1")
            }
            lines.append("printf %s \(Self.quoted(file.text)) >\"$HOME\"/\(Self.quoted(file.path)) || exit 1")
        }
        return (lines + [command]).joined(separator: "\n")
    }

    /// Single quotes hold everything but themselves. sh(1)
    private static func quoted(_ text: String) -> String {
        "'" + text.map { $0 == "'" ? "'\\''" : String($0) }.joined() + "'"
    }

    // MARK: Forms

    /// Lower-case letters, digits and hyphens: it is part of a path.
    package static func isName(_ text: String) -> Bool {
        (1...40).contains(text.utf8.count)
            && text.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D }
    }

    private static func isVariable(_ text: String) -> Bool {
        guard let first = text.utf8.first, text.utf8.count <= 64, !(0x30...0x39).contains(first) else { return false }
        return text.utf8.allSatisfy(isLetter)
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || byte == 0x5F
    }

    private static func isFileName(_ text: some StringProtocol) -> Bool {
        (1...100).contains(text.utf8.count) && text != "." && text != ".."
            && text.utf8.allSatisfy { isLetter($0) || $0 == 0x2D || $0 == 0x2E }
    }

    /// Names of letters, digits and `_-.`, with slashes between them.
    package static func isPath(_ text: String) -> Bool {
        text.utf8.count <= 200 && text.split(separator: "/", omittingEmptySubsequences: false).allSatisfy(isFileName)
    }
}
