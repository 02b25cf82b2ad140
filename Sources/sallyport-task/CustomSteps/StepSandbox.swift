// SPDX-License-Identifier: Apache-2.0
internal import Blueprints
internal import Delivery
internal import Documents
internal import Glibc
internal import LinuxSystem
internal import TaskModel
internal import Workspace

/// One attempt of a custom step: its program in a sandbox of its own, by `sallyport run`.
///
///     StepInput ── standard input ──▶ the step ── standard output ──▶ a file, unread
///                                                                       │ step-output (confined) reads it
///                                                     StepOutput ◀──────┘ in our own form
///
/// What it writes to standard error goes into a log and decides nothing.
struct StepSandbox {
    let processes: ChildProcess
    /// Where the programs of this build are.
    let programs: String
    let environment: [String]
    /// New and ours: takes what each attempt leaves.
    let directory: String
    /// A checkout of the task's commit; nil where there is none to show.
    let tree: String?

    static let program = "/run/sallyport/step"

    struct Attempt {
        let number: Int
        let result: StepAttempt
        /// Of the sandbox; nil where there was none.
        let session: String?
        let outcome: String?
    }

    func run(_ step: CustomStep, _ input: StepInput) throws(TaskFailure) -> Attempt {
        let label = "\(directory)/attempt-\(input.attempt)"
        let given = try MemoryFile.make(input.bytes, name: "step-input")
        let said = try create(label + ".out")
        let log = try create(label + ".log")
        let end = try processes.run(
            try command(step, input.correlation, label), environment: environment,
            descriptors: [given.number, said.number, log.number])
        if case .interrupted = end {
            throw TaskFailure(message: "custom step \"\(step.name)\" was interrupted")
        }
        let record = try record(label + ".result.json")
        let output = try read(label + ".out")
        return Attempt(
            number: input.attempt,
            result: StepAttempt.judge(try self.end(record, end, log: label + ".log"), output: output),
            session: record?.session, outcome: record?.outcome)
    }

    private func command(_ step: CustomStep, _ correlation: CorrelationID?, _ label: String) throws(TaskFailure)
        -> [String]
    {
        var command = [
            "\(programs)/sallyport", "run", "--profile", step.profile, "--discard", "--limit",
            "wall=\(step.timeoutSeconds)s", "--result-file", label + ".result.json",
        ]
        if let correlation { command += [CorrelationID.option, correlation.description] }
        switch step.workspace {
        case .none: break
        case .repository:
            guard let tree else {
                throw TaskFailure(
                    "run", "custom step \"\(step.name)\"", "it wants the repository, and there is no checkout of it",
                    remedy: "Name one with --tree.")
            }
            command += ["--workspace", tree, "--read-only"]
        }
        switch step.work {
        case .program(let path, let arguments):
            try host { () throws(SystemError) in
                let file = try TrustedFile.open(path, what: "program ", followsLinks: true)
                guard try FileStatus.of(file, subject: "\"\(path)\"").permissions & 0o005 == 0o005 else {
                    throw SystemError(
                        "run", "program \"\(path)\"", .accessDenied,
                        remedy: "A sandbox has ids of its own: run chmod o+rx on it.")
                }
            }
            return command + ["--mount", "\(path):\(Self.program)", "--", Self.program] + arguments
        case .command(let text): return command + ["--", "/bin/sh", "-c", text]
        }
    }

    /// How the supervisor saw it end. Without its record nothing is known but that it is gone.
    private func end(_ record: SessionRecord?, _ end: ChildEnd, log: String) throws(TaskFailure) -> StepAttempt.End {
        guard let record else {
            guard case .exited = end else { return .lost }
            let said = try lastLine(log)
            return .notStarted(reason: said, isTransient: Self.isTransient(said))
        }
        if record.seen.networkLost != nil { return .networkLost }
        switch (record.outcome, record.exitCode, record.signal) {
        case ("exited", let code?, _): return .exited(code)
        case ("signalled", _, let number?): return .signalled(number)
        case ("oom", _, _): return .outOfMemory
        case ("timed_out", _, _): return .timedOut
        case ("killed", _, _), ("policy", _, _): return .stopped
        case ("setup_failed", _, _):
            let reason = record.error ?? "its sandbox could not be set up"
            return .notStarted(reason: reason, isTransient: Self.isTransient(reason))
        default:
            throw TaskFailure(
                "read", "the record of a custom step", "its outcome is \"\(record.outcome)\"",
                remedy: "Use one build of all programs.")
        }
    }

    /// The kernel had none left just then: another attempt may find some.
    private static func isTransient(_ reason: String) -> Bool {
        reason.contains("(EAGAIN)") || reason.contains("(ENOMEM)")
    }

    /// Has the output read in a process that can do nothing else, and reads what that one wrote as strictly.
    private func read(_ path: String) throws(TaskFailure) -> Result<StepOutput, StepOutput.Flaw> {
        let input = try host { () throws(SystemError) in try Descriptor.open(path, O_RDONLY) }
        let output = try MemoryFile.make(name: "step-output")
        let report = try ConfinedStep(processes: processes).run(
            ["step-output", "--become", Confinement.Identity.ofThisProcess?.text ?? "-"], input: input.number,
            outputs: [output.number])
        if let reason = report["oversize"] { return .failure(.oversize(reason)) }
        if let reason = report["malformed"] { return .failure(.malformed(reason)) }
        MemoryFile.rewind(output)
        let bytes = try host { () throws(SystemError) in
            try output.readAll(limit: StepOutput.longestDocument + 1, subject: "the output of a custom step")
        }
        return Result { () throws(StepOutput.Flaw) in try StepOutput(bytes) }
    }

    private func create(_ path: String) throws(TaskFailure) -> Descriptor {
        // Not O_APPEND: splice(2) refuses it.
        try host { () throws(SystemError) in try Descriptor.open(path, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600) }
    }

    private func record(_ path: String) throws(TaskFailure) -> SessionRecord? {
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try Descriptor.open(path, O_RDONLY).readAll(limit: 16 << 20, subject: "\"\(path)\"")
        } catch {
            if error.errno == .noEntry { return nil }
            throw TaskFailure(error)
        }
        do throws(Flaw) { return try SessionRecord(bytes) } catch {
            throw TaskFailure("read", "\"\(path)\"", error.reason, remedy: "Use one build of all programs.")
        }
    }

    /// The end of the log, printable: without a record `sallyport` itself wrote it last.
    private func lastLine(_ path: String) throws(TaskFailure) -> String {
        let bytes = try host { () throws(SystemError) in
            try Descriptor.open(path, O_RDONLY).readAll(limit: 64 << 20, subject: "\"\(path)\"")
        }
        return PrintableText.escaped(bytes.split(separator: 0x0A).last ?? [], longest: 1000)
    }
}

extension StepProcess {
    /// Reads what a custom step wrote, on standard input; descriptor 3 takes it in our own form.
    func output(_ report: inout StepReport) throws {
        try Confinement(identity: try identity()).enter()
        let bytes = try Descriptor(owning: 0).readStart(
            StepOutput.longestDocument + 1, subject: "the output of a custom step")
        let output: StepOutput
        do throws(StepOutput.Flaw) { output = try StepOutput(bytes) } catch {
            switch error {
            case .oversize(let reason): return report.add("oversize", reason)
            case .malformed(let reason): return report.add("malformed", reason)
            }
        }
        guard JSONWriter().write(output.json).withUnsafeBytes({ Self.write($0, to: 3) }) else {
            throw TaskFailure(message: "cannot write the output of a custom step")
        }
        report.add("verdict", output.status)
    }
}
