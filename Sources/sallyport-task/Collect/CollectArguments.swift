// SPDX-License-Identifier: Apache-2.0
internal import Workspace

/// The command line of `sallyport collect`.
struct CollectArguments {
    private(set) var directory = ""
    private(set) var out = ""
    private(set) var branch: String?
    private(set) var base: ObjectID?
    private(set) var from: String?
    private(set) var rules: String?
    private(set) var push: String?
    private(set) var seconds = ConfinedStep.longest
    private(set) var json = false

    static let usage = """
        usage: sallyport collect DIR --out OUT [--base COMMIT] [--branch NAME] [--from BRANCH] [--rules FILE]
                   [--push REMOTE] [--timeout SECONDS] [--json]

        Takes the commits and the uncommitted changes that an agent left in DIR, checks them, and delivers them to OUT:
        a repository of your own, a bundle, a patch, and collect.json, which says what was taken and what was not.
        Nothing in DIR is executed, obeyed or changed: no hook, filter, alias or configuration, whatever git would do.

          DIR                 working tree with its .git, or a bare repository; the path may contain no symlink
          --out OUT           new directory for the result
          --base COMMIT       full id of the commit that the agent started from: only what came after it is judged and
                              shown as changed. Without it, with --push, the commit where the branch stands there;
                              else everything counts as new. Names are not taken: in DIR they are the agent's to move.
          --branch NAME       name of the delivered branch (default: sallyport/collected/<its name in DIR>)
          --from BRANCH       branch of DIR to take (default: the one that is checked out, with the working tree)
          --rules FILE        what the push gate refuses, flags and allows (YAML; see docs/collect.md)
          --push REMOTE       local bare repository, or an http(s) URL without credentials, that gets the branch once
                              the gate has passed it; fast-forward only, and no hook of a local repository runs
          --timeout SECONDS   longest time for each step (default: 1500)
          --json              collect.json on standard output

        What runs on your machine when the tree is merely opened (.envrc, .vscode, hooks of other tools) is flagged
        first. The branch is delivered with its flags; what the gate refuses is not delivered at all.

          sallyport collect ./agent-was-here --out ./result --base "$(git -C upstream.git rev-parse main)"
          git -C upstream.git fetch ./result/result.git sallyport/collected/main

        Exit status: 0 delivered, 1 refused or nothing to deliver, 125 sallyport failed.
        """

    /// - Parameter arguments: Everything after `collect`.
    init(_ arguments: [String]) throws(TaskFailure) {
        var seen: Set<String> = []
        var rest = arguments[...]
        while let name = rest.popFirst() {
            guard name.hasPrefix("--") else {
                guard directory.isEmpty, !name.isEmpty else { throw Self.misuse("\"\(name)\" is one word too many") }
                directory = name
                continue
            }
            guard seen.insert(name).inserted else { throw Self.misuse("\(name) is given twice") }
            if name == "--json" {
                json = true
                continue
            }
            guard Self.options.contains(name) else { throw Self.misuse("unknown argument \"\(name)\"") }
            guard let value = rest.popFirst(), !value.isEmpty else { throw Self.misuse("\(name) needs a value") }
            try set(name, value)
        }
        guard !directory.isEmpty else { throw Self.misuse("the directory to collect is missing") }
        guard !out.isEmpty else { throw Self.misuse("--out is missing") }
    }

    private static let options: Set<String> = [
        "--out", "--branch", "--base", "--from", "--rules", "--push", "--timeout",
    ]

    private mutating func set(_ name: String, _ value: String) throws(TaskFailure) {
        switch name {
        case "--out": out = value
        case "--rules": rules = value
        case "--push": push = value
        case "--from": from = value
        case "--branch":
            guard let full = ReferenceName.branch(value) else {
                let flaw = ReferenceName.flaw(Array("refs/heads/\(value)".utf8)) ?? "is no branch"
                throw Self.misuse("--branch \(PrintableText.escapedOnce(value)) \(flaw)")
            }
            guard full != BareRepository.baseReference else {
                throw Self.misuse("--branch base is the name under which the result keeps the base commit")
            }
            branch = full
        case "--timeout":
            guard let number = Int(value), (1...86_400).contains(number) else {
                throw Self.misuse("--timeout is no number of seconds up to a day")
            }
            seconds = number
        default:
            guard let id = ObjectID(value.lowercased()) else {
                throw Self.misuse("--base is not the full id of a commit (40 hexadecimal digits)")
            }
            base = id
        }
    }

    private static func misuse(_ reason: String) -> TaskFailure {
        TaskFailure("read", "the command line", reason, remedy: "See: sallyport collect --help.")
    }
}
