// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import Workspace

/// Runs one of the steps below in a process of its own, which confines itself before it reads anything.
///
/// The steps are verbs of this very program (`/proc/self/exe`), so there is no second file to install or to trust.
struct ConfinedStep {
    let processes: ChildProcess
    /// Longest wait for one step: a little more than its processor time.
    var seconds = longest

    /// What a step makes of what it was given to read.
    enum Answer {
        case report(StepReport)
        /// What it read is not taken, and why.
        case refused(String)
    }

    /// Runs a step for which a refusal is a failure like any other.
    ///
    /// - Parameters:
    ///   - input: Becomes standard input of the step.
    ///   - outputs: Become descriptors 3, 4 and so on of the step.
    ///   - held: Stays open in it, behind all others: a lock that ends with the last who has it.
    /// - Throws: ``TaskFailure`` with the step's own words when it failed or refused.
    func run(_ arguments: [String], input: Int32 = -1, outputs: [Int32] = [], held: Int32? = nil) throws(TaskFailure)
        -> StepReport
    {
        switch try ask(arguments, input: input, outputs: outputs + (held.map { [$0] } ?? [])) {
        case .report(let report): return report
        case .refused(let reason): throw TaskFailure(message: reason)
        }
    }

    /// Runs a step whose refusal is an outcome: of a task, of a collect, of a check.
    ///
    /// - Throws: ``TaskFailure`` with the step's own words when it failed.
    func ask(_ arguments: [String], input: Int32 = -1, outputs: [Int32] = []) throws(TaskFailure) -> Answer {
        let pipe = try host { () throws(SystemError) in try Channel.pipe() }
        // Standard error goes the same way: a crash report is then part of a malformed report, printed escaped.
        let child = try processes.start(
            ["/proc/self/exe"] + arguments, environment: ["LC_ALL=C", "SWIFT_BACKTRACE=enable=no"],
            descriptors: [input, pipe.second.number, pipe.second.number] + outputs)
        var bytes: [UInt8] = []
        let said = PipeSink(pipe.closingSecond()) { bytes += $0.prefix(StepReport.longest + 1 - bytes.count) }
        let name = "task step \(arguments[0])"
        let end = try processes.wait(child, name: name, sinks: [said], seconds: seconds)
        switch end {
        case .interrupted: throw TaskFailure(message: "the task was interrupted during \(arguments[0])")
        case .late:
            throw TaskFailure(
                "finish", name, "it still ran after \(seconds) seconds",
                remedy: "Stop what still works in the directory, or leave out what is large.")
        case .signalled(let number):
            let words = bytes.isEmpty ? "" : ": " + PrintableText.escaped(bytes, longest: 300)
            throw TaskFailure(
                "run", name, "signal \(number) ended it\(words)",
                remedy: "What it read needs more memory or time than a step has, or was changed meanwhile.")
        case .exited: break
        }
        let report = try StepReport(bytes)
        if let message = report["error"] { throw TaskFailure(message: message) }
        guard end == .exited(0) else {
            throw TaskFailure("run", name, "it ended with \(end)", remedy: "Report this.")
        }
        return if let reason = report["refused"] { .refused(reason) } else { .report(report) }
    }

    static let longest = 1500
}

/// The side of a step that runs confined.
struct StepProcess {
    private var values: [String: String] = [:]
    let budget = Budget()

    /// Every step, by the verb that runs it.
    static let names: Set<String> = [
        "step-pack", "step-index", "step-import", "step-prompt", "step-checkout", "step-findings", "step-plan",
        "step-artifacts",
        "step-publish",
        "step-match", "step-forge", "step-collect", "step-pushed", "step-gate", "step-export",
        "step-mirror-prepare", "step-mirror-list", "step-mirror-read", "step-mirror-take", "step-quarantine",
        "step-output", "step-onboard",
    ]

    /// Runs a step to its end and exits: 0 with a report, whatever the report says.
    static func main(_ name: String, _ arguments: [String]) -> Never {
        var report = StepReport()
        do {
            let process = try StepProcess(arguments)
            try GitLibrary.start(budget: process.budget)
            switch name {
            case "step-pack": try process.pack(&report)
            case "step-index": try process.index(&report)
            case "step-collect": try process.collect(&report)
            case "step-pushed": try process.pushed(&report)
            case "step-gate": try process.gate(&report)
            case "step-export": try process.export(&report)
            case "step-prompt": try process.prompt(&report)
            case "step-checkout": try process.checkOut(&report)
            case "step-findings": try process.findings(&report)
            case "step-artifacts": try process.artifacts(&report)
            case "step-plan": try process.plan(&report)
            case "step-output": try process.output(&report)
            case "step-onboard": try process.onboard(&report)
            case "step-publish": try process.publish(&report)
            case "step-match": try process.match(&report)
            case "step-forge": try process.forge(&report)
            case "step-mirror-prepare": try process.prepareMirror()
            case "step-mirror-list": try process.listMirror()
            case "step-mirror-read": try process.readUpstream(&report)
            case "step-mirror-take": try process.fillMirror()
            case "step-quarantine": try process.makeQuarantine()
            default: try process.takeIn(&report)
            }
        } catch let error as GitError where error.code == .refused {
            report = StepReport()
            report.add("refused", error.description)
        } catch {
            report = StepReport()
            report.add("error", "\(error)")
        }
        exit(report.send() ? 0 : 125)
    }

    private init(_ arguments: [String]) throws(TaskFailure) {
        var rest = arguments[...]
        while let name = rest.popFirst() {
            guard let value = rest.popFirst() else { throw TaskFailure(message: "\(name) needs a value") }
            values[name] = value
        }
    }

    func optional(_ name: String) -> String? { values[name] }

    func required(_ name: String) throws(TaskFailure) -> String {
        guard let value = values[name] else { throw TaskFailure(message: "a task step needs \(name)") }
        return value
    }

    func commit(_ name: String) throws(TaskFailure) -> ObjectID {
        guard let id = ObjectID(try required(name)) else { throw TaskFailure(message: "\(name) is no commit name") }
        return id
    }

    /// The ids of `--become`; none of our callers leaves it out, `-` means to keep ours.
    func identity() throws(TaskFailure) -> Confinement.Identity? {
        let text = try required("--become")
        if text == "-" { return nil }
        guard let identity = Confinement.Identity(text) else { throw TaskFailure(message: "--become is malformed") }
        return identity
    }
}
