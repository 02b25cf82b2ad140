// SPDX-License-Identifier: Apache-2.0
internal import CLI
internal import Delivery
internal import Documents
internal import Glibc
internal import LinuxSystem

/// `sallyport reproduce`: rebuilds a sandbox of a task from the task's bundle alone, and runs it again.
enum ReproduceVerb {
    static let usage = """
        usage: sallyport reproduce DIR|TASK [--sandbox before|work|after] [--key FILE] [--profile NAME|FILE]
                   [--deliver OUT] [--json] [-- CMD [ARG...]]

        Checks the bundle, rebuilds the sandbox from it (resolved profile, base commit, prompt, environment), offline, and
        runs in it what was run, or CMD. Says whether the launch plan is equal, and for \"work\" whether the same tree comes
        out, and names each difference: kernel, root file system, profile, layer, step of the plan.

          --sandbox NAME   which one, also before-lint, after-build, check-NAME and the like (default: work)
          --key FILE       public key of the host that signed (default: this host's own)
          --profile NAME   another profile than the recorded one, to see what it changes
          --deliver OUT    new directory for what comes out (default: it is forgotten)
          --json           the answer as JSON

        Exit status: 0 plan and tree are equal, 1 they are not or the bundle is not valid, 125 it could not be run; with
        CMD its own.
        """

    static func run(_ line: [String], environment: [String]) -> Int32 {
        do {
            let own = line.prefix { $0 != "--" }
            guard let first = own.first, !own.contains("--help"), !["-h", "help"].contains(first) else {
                Progress.write(usage + "\n", to: line.isEmpty ? 2 : 1)
                return line.isEmpty ? 125 : 0
            }
            let names = ["sandbox", "key", "profile", "deliver"]
            let arguments = try Arguments(
                line, options: names.map { Option($0, "VALUE", "") } + [Option("json", nil, "")])
            guard arguments.words.count == 1 else {
                throw UsageError("sallyport reproduce takes one bundle; see sallyport reproduce --help")
            }
            let label = try arguments.value("sandbox") ?? "work"
            let isKnown = ["before-", "after-", "check-"].contains { label.hasPrefix($0) }
            guard isKnown || ["before", "work", "after"].contains(label) else {
                throw UsageError("--sandbox is before, work or after, and \"\(label)\" is not")
            }
            let look = EvidenceLook(
                path: try EvidenceVerb.place(arguments.words[0], environment),
                key: try EvidenceVerb.key(arguments, environment), json: arguments.has("json"))
            let report = try look.look()
            guard report.isValid else {
                Progress.write(VerificationText(report: report, path: look.path).text, to: 1)
                return 1
            }
            var run = try Reproduction.make(
                ReproducedBundle(look.path, report), label: label, profile: try arguments.value("profile"),
                deliver: try arguments.value("deliver"), command: arguments.command, environment: environment)
            return try run.run(json: arguments.has("json"))
        } catch {
            Progress.say("sallyport: \(error)")
            return 125
        }
    }
}

/// The files of a bundle that was found valid, read once more and held against the same digests.
struct ReproducedBundle {
    let path: String
    let evidence: JSON
    private let manifest: Manifest

    var isReview: Bool { evidence["type"]?.stringValue == "pr_review" }

    init(_ path: String, _ report: BundleReport) throws(TaskFailure) {
        guard let evidence = report.evidence, let manifest = report.manifest else {
            throw TaskFailure(message: "the bundle is not proven")
        }
        self.path = path
        self.evidence = evidence
        self.manifest = manifest
    }

    func file(_ name: String) throws(TaskFailure) -> [UInt8] {
        guard let wanted = manifest.files[name] else {
            throw TaskFailure(
                "rebuild", "the sandbox", "the bundle has no \"\(name)\"",
                remedy: "It was made by another version, or the sandbox was never started.")
        }
        let bytes = try host { () throws(SystemError) in try Directory.open(path).read(name, limit: 16 << 20) }
        guard Digest.sha256(bytes) == wanted.digest else {
            throw TaskFailure("read", "\"\(name)\"", "it has changed since it was checked", remedy: "Try again.")
        }
        return bytes
    }

    func json(_ name: String) throws(TaskFailure) -> JSON {
        let bytes = try file(name)
        do throws(JSONParser.Failure) { return try JSONParser.parse(bytes) } catch {
            throw TaskFailure("read", "\"\(name)\"", error.reason, remedy: "It was made by another version.")
        }
    }
}
