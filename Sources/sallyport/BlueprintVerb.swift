// SPDX-License-Identifier: Apache-2.0
internal import Blueprints
internal import CLI
internal import Documents
internal import Glibc
internal import Isolation
internal import LinuxSystem
internal import Onboarding
internal import Policy
internal import Supervisor

/// `sallyport blueprint`: which repositories agents may work on, and how.
enum BlueprintVerb {
    static let help = Help(
        usage:
            "sallyport blueprint validate|plan|apply FILE|DIR... | list | show|remove|history REPO | schema  [options]",
        summary: "Declares which repositories agents may work on; without a blueprint no task is taken.",
        options: [
            Option(
                "expect", "SHA256",
                "apply, remove: only onto the change that `plan` was made against; `none` for no change"),
            Option("all", nil, "list: removed ones as well"),
            Option("canonical", nil, "show: with every default written out, as JSON"),
            Option("snapshot", "FILE", "show: in place of REPO, the one that a task lives by"),
            Option("profile", nil, "show: the profile that its sandboxes get, as a profile file"),
            Option("json", nil, "machine-readable output"), Option("help", nil, "this text"),
        ],
        notes: """
            validate   every flaw of the files: form, step order, profiles, ceiling
            plan       what apply would change, key by key, and against which change
            apply      makes them count from now on; tasks that run keep what they began with
            list       the repositories that are onboarded
            show       the blueprint of a repository as it was written
            remove     takes a repository out; nothing is deleted, and apply brings it back
            history    every change of a repository: when, by whom, what
            schema     the JSON Schema of blueprints, for editors

            FILE may be a directory: every .yaml file in it. docs/blueprints.md has every key. Applied blueprints lie in
            $SALLYPORT_STATE_DIR/blueprints, one file a change; a blueprint is held below
            /etc/sallyport/blueprint-ceiling.yaml where there is one. `blueprint step` tries a custom step: see
            sallyport blueprint step --help.

            exit codes: 0 done; 1 a file is no valid blueprint, or there is none of that name; 125 it could not be done.
            """)

    static func run(_ line: [String]) -> Int32 {
        if line.first == "step" { return TaskVerb.run(["blueprint-step"] + line.dropFirst()) }
        do {
            let arguments = try Arguments(line, options: help.options)
            guard let verb = arguments.words.first, !arguments.has("help") else {
                Output.out(help.text)
                return arguments.has("help") ? 0 : 125
            }
            let words = Array(arguments.words.dropFirst())
            if verb == "schema" {
                Output.out(BlueprintReference.schema.prettyText)
                return 0
            }
            let context = try Context.make()
            let registry = BlueprintRegistry(path: BlueprintRegistry.path(state: context.paths.state))
            switch verb {
            case "validate", "plan", "apply":
                guard !words.isEmpty else { throw UsageError("blueprint \(verb) needs a file; see --help") }
                let checked = try BlueprintFiles(context).check(words)
                switch verb {
                case "validate": return validate(checked, arguments)
                case "plan": return try BlueprintPlan.plan(checked, registry, json: arguments.has("json"))
                default:
                    return try BlueprintPlan.apply(
                        checked, registry, expecting: try arguments.value("expect"), json: arguments.has("json"))
                }
            case "list":
                guard words.isEmpty else { throw UsageError("blueprint list takes no word; see --help") }
                return try list(registry, arguments)
            case "show" where words.isEmpty:
                return try show(snapshot: try arguments.value("snapshot"), arguments, context)
            case "show", "remove", "history":
                guard words.count == 1 else { throw UsageError("blueprint \(verb) takes one repository; see --help") }
                guard let repository = RepositoryName(words[0]) else {
                    throw UsageError("\"\(words[0].displayed)\" names no repository: write \(RepositoryName.form)")
                }
                switch verb {
                case "show": return try show(repository, registry, arguments, context)
                case "remove": return try remove(repository, registry, arguments)
                default: return try history(repository, registry, arguments)
                }
            default: throw UsageError("unknown verb \"blueprint \(verb.displayed)\"; see sallyport blueprint --help")
            }
        } catch let error as RegistryError where error.code == .notFound {
            Output.error("\(error)")
            return 1
        } catch {
            Output.error("\(error)")
            return 125
        }
    }

    private static func validate(_ checked: [CheckedBlueprint], _ arguments: Arguments) -> Int32 {
        if arguments.has("json") {
            Output.out(JSON.array(checked.map(\.json)).compactText)
        } else {
            for one in checked {
                for flaw in one.flaws { Output.out(flaw.description) }
                if one.isValid {
                    Output.out("\(one.file.displayed): valid, for \(one.blueprint?.repo.description ?? "")")
                }
            }
        }
        return checked.allSatisfy(\.isValid) ? 0 : 1
    }

    private static func list(_ registry: borrowing BlueprintRegistry, _ arguments: Arguments) throws -> Int32 {
        let changes = try registry.list().filter { $0.status == .active || arguments.has("all") }
        if arguments.has("json") {
            Output.out(JSON.array(changes.map { .object($0.summary) }).compactText)
            return 0
        }
        for change in changes {
            Output.out(
                "\(change.repository)  \(change.status.rawValue)  change \(change.number)  \(Timestamp.text(change.updatedAt))  uid \(change.author)"
            )
        }
        if changes.isEmpty { Output.out("no repository is onboarded") }
        return 0
    }

    private static func current(
        _ repository: RepositoryName, _ registry: borrowing BlueprintRegistry
    ) throws -> BlueprintChange? {
        let change = try registry.current(repository)
        if change == nil { Output.error("there is no blueprint for \(repository); see sallyport blueprint list") }
        return change
    }

    private static func show(
        _ repository: RepositoryName, _ registry: borrowing BlueprintRegistry, _ arguments: Arguments,
        _ context: Context
    ) throws -> Int32 {
        guard let change = try current(repository, registry) else { return 1 }
        let blueprint = try change.blueprint()
        if arguments.has("profile") {
            Output.out(try BlueprintFiles(context).profile(of: blueprint).document.prettyText)
        } else if arguments.has("canonical") {
            Output.out(blueprint.document.prettyText)
        } else if arguments.has("json") {
            Output.out(JSON.object(change.summary + [.init("blueprint", blueprint.document)]).compactText)
        } else {
            Output.out(
                "# \(change.repository), \(change.status.rawValue), change \(change.number) of \(Timestamp.text(change.updatedAt))"
            )
            for line in change.text.split(separator: "\n", omittingEmptySubsequences: false) {
                Output.out(String(line).displayed)
            }
        }
        return 0
    }

    /// The blueprint of a task, as it stood when the task was taken.
    private static func show(snapshot: String?, _ arguments: Arguments, _ context: Context) throws -> Int32 {
        guard let snapshot else { throw UsageError("blueprint show takes one repository, or --snapshot; see --help") }
        let bytes = try TrustedFile.open(snapshot, what: "snapshot ").readAll(
            limit: 1 << 20, subject: "\"\(snapshot)\"")
        let blueprint = try TaskSnapshot.load(bytes, of: "of a task").blueprint
        let shown =
            arguments.has("profile")
            ? try BlueprintFiles(context).profile(of: blueprint).document : blueprint.document
        Output.out(shown.prettyText)
        return 0
    }

    private static func remove(
        _ repository: RepositoryName, _ registry: borrowing BlueprintRegistry, _ arguments: Arguments
    ) throws -> Int32 {
        guard let before = try current(repository, registry) else { return 1 }
        let known = try BlueprintPlan.known(try arguments.value("expect"), before)
        let change = try registry.remove(repository, onto: known, by: .caller)
        if arguments.has("json") {
            Output.out(JSON.object(change.summary).compactText)
        } else {
            Output.out("\(repository): removed; tasks for it are refused from now on")
        }
        return 0
    }

    private static func history(
        _ repository: RepositoryName, _ registry: borrowing BlueprintRegistry, _ arguments: Arguments
    ) throws -> Int32 {
        let changes = try registry.history(repository)
        guard !changes.isEmpty else { return try current(repository, registry) == nil ? 1 : 125 }
        var before: BlueprintChange?
        var rows: [JSON] = []
        for change in changes {
            let diff = try BlueprintPlan.difference(before, change)
            rows.append(.object(change.summary + [.init("changes", diff.json)]))
            if !arguments.has("json") {
                Output.out(
                    "change \(change.number)  \(Timestamp.text(change.updatedAt))  uid \(change.author)  \(change.status.rawValue)"
                )
                for line in diff.lines { Output.out("  " + line.displayed) }
            }
            before = change
        }
        if arguments.has("json") { Output.out(JSON.array(rows).compactText) }
        return 0
    }
}

extension Author {
    /// Whoever runs this program, now.
    static var caller: Author { Author(uid: getuid(), moment: time(nil)) }
}

extension CheckedBlueprint {
    var json: JSON {
        [
            "file": .string(file), "valid": .bool(isValid), "repo": .optional(blueprint?.repo.description),
            "flaws": .array(flaws.map(\.json)),
        ]
    }
}
