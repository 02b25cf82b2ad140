// SPDX-License-Identifier: Apache-2.0
package import Documents
internal import Glibc

/// What one `sallyport run` gave back.
package struct Outcome: Sendable {
    package let finished: Finished
    /// result.json, where the run came far enough to write one.
    package let result: JSON?

    package init(finished: Finished, result: JSON?) {
        self.finished = finished
        self.result = result
    }

    package var code: Int32? { finished.code }
    package var text: String { finished.text }
    package var lines: [String] { finished.lines }
    package var errorText: String { finished.errorText }
    /// `exited`, `oom`, ... from the record; empty without one.
    package var outcome: String { result?["outcome"]?.stringValue ?? "" }
    package var limit: String? { result?["limit"]?.stringValue }
    package var limitsHit: [String] { result?["limits_hit"]?.arrayValue?.compactMap(\.stringValue) ?? [] }
    package var session: String? { result?["session"]?.stringValue }
}

/// One operator: a runtime and a state directory of its own, so that tests see none of each other's sessions.
package final class Sallyport: Sendable {
    package let home: Scratch
    package let runtime: String
    package let state: String

    package init() throws(HarnessError) {
        home = try Scratch()
        // Set-up runs with the ids of the session, which have to pass through here; what lies in it has its own mode.
        runtime = try home.directory("runtime", mode: 0o711)
        state = try home.directory("state", mode: 0o700)
    }

    package var environment: [String: String] {
        [
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8",
            "HOME": "/root", "SALLYPORT_RUNTIME_DIR": runtime, "SALLYPORT_STATE_DIR": state,
        ]
    }

    /// Any verb of the command.
    package func command(_ arguments: [String]) -> Command {
        var command = Command(Executables.sallyport, arguments)
        command.environment = environment
        return command
    }

    /// The arguments of a run whose record goes to `record`.
    package func runCommand(
        profile: String? = nil, workspace: String? = nil, options: [String] = [], record: String, _ program: [String]
    ) -> Command {
        var arguments = ["run"]
        if let profile { arguments += ["--profile", profile] }
        if let workspace { arguments += ["--workspace", workspace] }
        return command(arguments + options + ["--result-file", record, "--"] + program)
    }

    /// Runs a program in a sandbox and waits for its end.
    package func run(
        profile: String? = nil, workspace: String? = nil, options: [String] = [], input: [UInt8] = [],
        deadline: Duration = .seconds(60), _ program: [String]
    ) throws -> Outcome {
        let record = home.at("result-\(UInt32.random(in: 0...UInt32.max)).json")
        var command = runCommand(
            profile: profile, workspace: workspace, options: options, record: record, program)
        command.input = input
        command.deadline = deadline
        return try outcome(of: try command.run(), record: record)
    }

    /// Reads the record of a finished run.
    package func outcome(of finished: Finished, record: String) throws -> Outcome {
        guard let bytes = contents(record), !bytes.isEmpty else { return Outcome(finished: finished, result: nil) }
        return Outcome(finished: finished, result: try JSON.read(bytes, file: record))
    }

    /// Where a run finds the escape probes.
    package static let probe = "/run/probe/sp-probe"
    package static var probeMount: [String] { ["--mount", "\(Executables.probe):\(probe)"] }

    /// Runs the escape probes inside.
    package func probe(
        profile: String? = nil, workspace: String? = nil, options: [String] = [], deadline: Duration = .seconds(60),
        _ arguments: [String]
    ) throws -> Outcome {
        try run(
            profile: profile, workspace: workspace, options: Self.probeMount + options, deadline: deadline,
            [Self.probe] + arguments)
    }
}
