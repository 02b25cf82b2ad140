// SPDX-License-Identifier: Apache-2.0
internal import CLI
internal import Delivery
internal import Documents
internal import Glibc
internal import LinuxSystem
internal import TaskModel

/// `sallyport evidence`: looks at the bundle of a task, here or anywhere else.
enum EvidenceVerb {
    static let usage = """
        usage: sallyport evidence show DIR|TASK [--key FILE] [--json]
               sallyport evidence verify DIR|TASK [--key FILE] [--json]
               sallyport evidence key

        show     what happened in a task, for a reviewer; begins with whether the bundle can be trusted
        verify   whether a bundle is, byte for byte, what the holder of a key signed; names each file that is not,
                 and of the audit the record
        key      prints the public key of this host, which others need to verify its bundles

          --key FILE   public key in PEM (default: this host's own)
          --json       the answer as JSON

        TASK is the name of a task whose directory lies in $SALLYPORT_STATE_DIR/tasks.
        Exit status of verify: 0 it is, 1 it is not, 125 the bundle or the key could not be read.
        """

    static func run(_ line: [String], environment: [String]) -> Int32 {
        do {
            guard let name = line.first, !line.contains("--help"), !["-h", "help"].contains(name) else {
                Progress.write(usage + "\n", to: line.isEmpty ? 2 : 1)
                return line.isEmpty ? 125 : 0
            }
            let arguments = try Arguments(
                Array(line.dropFirst()), options: [Option("key", "FILE", ""), Option("json", nil, "")])
            switch name {
            case "key": return try printKey(KeyStore(state: try StateDirectory.path(environment)))
            case "show", "verify": break
            default: throw UsageError("unknown verb \"evidence \(name)\"; see sallyport evidence --help")
            }
            guard arguments.words.count == 1, arguments.command == nil else {
                throw UsageError("sallyport evidence \(name) takes one bundle; see sallyport evidence --help")
            }
            let look = EvidenceLook(
                path: try place(arguments.words[0], environment), key: try key(arguments, environment),
                json: arguments.has("json"))
            return try name == "show" ? look.show() : look.verify()
        } catch {
            Progress.say("sallyport: \(error)")
            return 125
        }
    }

    /// A directory, or the name of a task of this host.
    static func place(_ word: String, _ environment: [String]) throws -> String {
        guard TaskIdentifier.isValid(word), access(word, F_OK) != 0 else { return word }
        return try StateDirectory.path(environment) + "/tasks/\(word)"
    }

    static func key(_ arguments: Arguments, _ environment: [String]) throws -> PublicKey {
        if let file = try arguments.value("key") { return try KeyStore.publicKey(file: file) }
        guard let own = try KeyStore(state: try StateDirectory.path(environment)).publicKey() else {
            throw EvidenceError(
                "verify", "the bundle", "this host has no key of its own",
                remedy: "Give the public key of the host that signed with --key.")
        }
        return own
    }

    private static func printKey(_ store: KeyStore) throws -> Int32 {
        guard let key = try store.publicKey() else {
            throw EvidenceError(
                "print", "the key of this host", "nothing was signed here yet", remedy: "Run a task first.")
        }
        Progress.write(String(decoding: key.text, as: UTF8.self), to: 1)
        Progress.say("key \(key.id)")
        return 0
    }
}

/// One look at one bundle.
struct EvidenceLook {
    let path: String
    let key: PublicKey
    let json: Bool

    func verify() throws -> Int32 {
        let report = try look()
        if json {
            Progress.write(report.json.compactText + "\n", to: 1)
        } else {
            Progress.write(VerificationText(report: report, path: path).text, to: 1)
        }
        return report.isValid ? 0 : 1
    }

    func show() throws -> Int32 {
        let report = try look()
        if json {
            Progress.write(
                JSON.object([
                    .init("verification", report.json), .init("evidence", report.evidence ?? .null),
                ]).compactText + "\n", to: 1)
        } else {
            Progress.write(EvidenceText(report: report, path: path).text, to: 1)
        }
        return report.isValid ? 0 : 1
    }

    func look() throws(TaskFailure) -> BundleReport {
        let directory = try host { () throws(SystemError) in try Directory.open(path) }
        var report: BundleReport
        do throws(EvidenceError) { report = try BundleVerifier(key: key).verify(directory) } catch {
            throw TaskFailure(error)
        }
        // Where there is no repository, nothing is delivered either: the documents agree about that.
        guard report.isValid, let evidence = report.evidence,
            report.manifest?.directories.contains(Manifest.repositoryName) == true
        else { return report }
        let step = ConfinedStep(processes: try ChildProcess())
        for (file, problem) in try step.match(path, DeliveredStory(evidence: evidence)) { report.add(file, problem) }
        return report
    }
}
