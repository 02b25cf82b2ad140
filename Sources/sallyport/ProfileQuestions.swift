// SPDX-License-Identifier: Apache-2.0
internal import CLI
internal import Documents
internal import Policy
internal import Supervisor

/// The profile verbs that answer questions without a run: explain, diff, test, schema.
enum ProfileQuestions {
    private static let json = Option("json", nil, "print JSON instead of text")
    private static let helpOption = Option("help", nil, "this text")

    static let explain = Help(
        usage: "sallyport profile explain NAME|FILE SUBJECT [--json]",
        summary:
            "Says what one profile decides about a path, host:port, address:port, unix:/socket or system call, and by which rule.",
        options: [json, helpOption],
        notes:
            "exit codes: 0 allowed, 1 denied, 125 it cannot be said. A host without a port: whether the name resolves.")
    static let diff = Help(
        usage: "sallyport profile diff A B [--json]",
        summary: "Says what profile B grants that A does not, what it takes away, and which figures differ.",
        options: [json, helpOption], notes: "exit codes: 0 they grant the same, 1 they differ, 125 one cannot be read.")
    static let test = Help(
        usage: "sallyport profile test NAME|FILE [--json]",
        summary:
            "Holds a profile against the assertions under tests: in its own file, such as \"deny 169.254.169.254\".",
        options: [json, helpOption],
        notes: "exit codes: 0 all hold, 1 some do not, 125 it cannot be read or has no assertion.")
    static let schema = Help(
        usage: "sallyport profile schema", summary: "Prints the JSON Schema of profiles, for editors.",
        options: [helpOption])

    /// A profile with the hosts of its `registry:` rules, so that they can be decided about.
    private static func load(_ name: String, _ context: Context) throws(PolicyError) -> Profile {
        try context.profiles.load(name).expandingRegistries(context.registries.expand)
    }

    static func explain(_ arguments: Arguments, _ context: Context) throws -> Int32 {
        let subject: Subject
        do throws(Subject.Flaw) { subject = try Subject(arguments.words[1]) } catch {
            throw UsageError("\"\(arguments.words[1].displayed)\" \(error.reason). \(error.remedy)")
        }
        let profile: Profile =
            switch subject {
            case .host, .address: try load(arguments.words[0], context)
            case .path, .socket, .syscall: try context.profiles.load(arguments.words[0])
            }
        let judgement = profile.judge(subject)
        Output.out(arguments.has("json") ? judgement.json.compactText : ProfileAnswers.text(judgement))
        return judgement.isAllowed ? 0 : 1
    }

    static func diff(_ arguments: Arguments, _ context: Context) throws -> Int32 {
        let (first, second) = (arguments.words[0], arguments.words[1])
        // Registries are compared as such: what they lead to depends on the host.
        let changes = try context.profiles.load(first).changes(to: context.profiles.load(second))
        Output.out(
            arguments.has("json")
                ? JSON.array(changes.map { $0.json }).compactText
                : ProfileAnswers.text(changes, from: first, to: second))
        return changes.isEmpty ? 0 : 1
    }

    static func test(_ arguments: Arguments, _ context: Context) throws -> Int32 {
        let profile = try context.profiles.load(arguments.words[0])
        guard !profile.tests.isEmpty else {
            throw UsageError(
                "profile \"\(arguments.words[0].displayed)\" has no tests; write them under tests: in its own file")
        }
        let results = try profile.expandingRegistries(context.registries.expand).runTests()
        Output.out(
            arguments.has("json")
                ? JSON.array(results.map { $0.json }).compactText : ProfileAnswers.text(results))
        return results.allSatisfy { $0.holds } ? 0 : 1
    }

    static func schema(_ arguments: Arguments, _ context: Context) throws -> Int32 {
        Output.out(KeyReference.schema.prettyText)
        return 0
    }
}
