// SPDX-License-Identifier: Apache-2.0
import Documents
import TestSupport
import Testing

/// What one run under egress rules came to: for the client, in the record, and at the receivers.
struct EgressRun {
    let outcome: Outcome
    let seen: [LabEvent]
    let audit: [AuditLine]

    /// What each attempt of the script printed, by its label.
    var results: [String: String] {
        var found: [String: String] = [:]
        for line in outcome.lines {
            let parts = line.split(separator: "\t", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            if parts.count == 2 { found[parts[0]] = parts[1] }
        }
        return found
    }

    var denials: [AuditLine] { audit.filter(\.isDenial) }

    /// Everything about this run, for the comment of an expectation.
    var story: String {
        """
        \(outcome.text)\(outcome.errorText)
        audit: \(audit.map(\.text).joined(separator: "\n"))
        seen: \(seen.map(\.description).joined(separator: "\n"))
        """
    }

    /// Each attempt came to exactly what is expected, and there was no other.
    func expect(_ expected: [String: String], sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(results == expected, "\(story)", sourceLocation: sourceLocation)
    }

    /// No server saw anything, no address was contacted and no name was asked.
    func expectNothingLeft(sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(seen.isEmpty, "\(story)", sourceLocation: sourceLocation)
    }
}

/// One line of audit.jsonl.
struct AuditLine {
    let json: JSON

    /// What `sallyport why` is asked about.
    var id: String? { json["id"]?.stringValue }
    var event: String { json["event"]?.stringValue ?? "" }
    var name: String? { json["name"]?.stringValue }
    var port: Int? { json["port"]?.intValue }
    var asked: String? { json["asked"]?.stringValue }
    var address: String? { json["address"]?.stringValue }
    var reason: String? { json["reason"]?.stringValue }
    var remedy: String? { json["remedy"]?.stringValue }
    var ruleOrigin: String? { json["rule"]?["origin"]?.stringValue }
    var count: Int { json["count"]?.intValue ?? 0 }
    var transport: String? { json["transport"]?.stringValue }
    var bytesUp: Int? { json["bytes_up"]?.intValue }
    var bytesDown: Int? { json["bytes_down"]?.intValue }
    var generation: Int? { json["generation"]?.intValue }
    var isDenial: Bool { ["denied", "refused"].contains(json["decision"]?.stringValue ?? "") }
    var text: String { json.compactText }
}

/// An operator on the laboratory's host.
struct EgressScene {
    let lab: NetworkLab
    let sallyport: Sallyport

    init() throws {
        lab = try NetworkLab.shared()
        sallyport = try Sallyport()
    }

    /// Where a script finds attempts.py.
    static let clients = "\(Executables.sources)/Tests/Fixtures/network-clients"
    static let mount = ["--mount", "\(clients):/run/clients"]
    static let prelude = "import sys; sys.path.insert(0, '/run/clients'); from attempts import *\n"

    /// A profile over `strict` with these rules, each a line of YAML without its reason.
    func profile(_ rules: [String], directIP: String = "explain", name: String = "test") throws -> String {
        var text = "version: 1\nextends: [strict]\nreason: A test of egress.\negress:\n  direct_ip: \(directIP)\n"
        text += rules.isEmpty ? "  rules: []\n" : "  rules:\n"
        for rule in rules { text += "    - {\(rule), reason: the test needs it}\n" }
        return try sallyport.home.file("\(name).yaml", text)
    }

    /// The command of a run on the laboratory's host, and where its record goes.
    func command(
        _ rules: [String], directIP: String = "explain", workspace: String? = nil, options: [String] = [],
        _ program: [String]
    ) throws -> (command: Command, record: String) {
        let number = UInt32.random(in: 0...UInt32.max)
        let record = sallyport.home.at("result-\(number).json")
        let command = sallyport.runCommand(
            profile: try profile(rules, directIP: directIP, name: "profile-\(number)"), workspace: workspace,
            options: Self.mount + options, record: record, program)
        return (lab.inside(command), record)
    }

    /// Runs a program under the rules and gathers what came of it on all sides.
    func run(
        _ rules: [String], directIP: String = "explain", workspace: String? = nil, options: [String] = [],
        _ program: [String]
    ) throws -> EgressRun {
        let (command, record) = try command(
            rules, directIP: directIP, workspace: workspace, options: options, program)
        let (finished, seen) = try lab.watch { try command.run() }
        let outcome = try sallyport.outcome(of: finished, record: record)
        return EgressRun(outcome: outcome, seen: seen, audit: try audit(of: outcome))
    }

    /// Runs a Python script that makes attempts; see Tests/Fixtures/network-clients/attempts.py.
    func attempts(
        _ rules: [String], directIP: String = "explain", options: [String] = [], _ script: String
    ) throws -> EgressRun {
        let run = try run(
            rules, directIP: directIP, options: options, ["/usr/bin/python3", "-B", "-c", Self.prelude + script])
        #expect(run.outcome.code == 0, "\(run.story)")
        return run
    }

    /// The same script on the laboratory's host without a sandbox: the control of a test.
    func control(_ script: String) throws -> EgressRun {
        let prelude = Self.prelude.replacing("/run/clients", with: Self.clients)
        let command = lab.inside(Command("/usr/bin/python3", ["-B", "-c", prelude + script]))
        let (finished, seen) = try lab.watch { try command.run() }
        #expect(finished.code == 0, "\(finished.errorText)")
        return EgressRun(outcome: Outcome(finished: finished, result: nil), seen: seen, audit: [])
    }

    /// The lines of a session's audit.jsonl.
    func audit(of outcome: Outcome) throws -> [AuditLine] {
        try Self.audit(of: outcome, below: sallyport.home.path)
    }

    static func audit(of outcome: Outcome, below home: String) throws -> [AuditLine] {
        guard let session = outcome.session else { return [] }
        let found = try Command("/usr/bin/find", [home, "-name", "audit.jsonl"]).run().lines
        guard let path = found.first(where: { $0.contains(session) }), let bytes = contents(path) else { return [] }
        return try String(decoding: bytes, as: UTF8.self).split(separator: "\n").map { line in
            AuditLine(json: try JSON.read(Array(line.utf8), file: path))
        }
    }
}

/// The rule of most tests: one name, on the ports of the web.
let webRule = "host: www.allowed-lab.net, ports: [80, 443]"
