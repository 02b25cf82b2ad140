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

    /// - Parameters:
    ///   - input: Becomes standard input of the step.
    ///   - output: Becomes descriptor 3 of the step.
    /// - Throws: ``TaskFailure`` with the step's own words when it failed; a step that refused what it read returns
    ///   normally, with `refused` in its report.
    func run(_ arguments: [String], input: Int32 = -1, output: Int32 = -1) throws(TaskFailure) -> StepReport {
        var ends: [Int32] = [-1, -1]
        _ = try host { () throws(SystemError) -> Int in
            try checked("create", "a pipe") { ends.withUnsafeMutableBufferPointer { sp_pipe($0.baseAddress!, 0) } }
        }
        let readEnd = Descriptor(owning: ends[0])
        let writeEnd = Descriptor(owning: ends[1])
        // Standard error goes the same way: a crash report is then part of a malformed report, printed escaped.
        let child = try processes.start(
            ["/proc/self/exe"] + arguments, environment: ["LC_ALL=C", "SWIFT_BACKTRACE=enable=no"],
            descriptors: [input, writeEnd.number, writeEnd.number, output])
        _ = consume writeEnd
        let bytes = try read(readEnd)
        _ = consume readEnd
        let end = try processes.wait(child, name: "task step \(arguments[0])")
        if case .interrupted = end { throw TaskFailure(message: "the task was interrupted during \(arguments[0])") }
        let report = try StepReport(bytes)
        if let message = report["error"] { throw TaskFailure(message: message) }
        guard end == .exited(0) else {
            throw TaskFailure("run", "task step \(arguments[0])", "it ended with \(end)", remedy: "Report this.")
        }
        return report
    }

    private func read(_ pipe: borrowing Descriptor) throws(TaskFailure) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count <= StepReport.longest {
            let fd = pipe.number
            var buffer = [UInt8](repeating: 0, count: 4096)
            let got = try host { () throws(SystemError) -> Int in
                try checked("read", "the report of a task step") {
                    buffer.withUnsafeMutableBytes { sp_read(fd, $0.baseAddress!, $0.count) }
                }
            }
            if got == 0 { break }
            bytes += buffer[..<got]
        }
        return bytes
    }
}

/// The side of a step that runs confined.
struct StepProcess {
    private var values: [String: String] = [:]
    let budget = Budget()

    /// Every step, by the verb that runs it.
    static let names: Set<String> = [
        "step-pack", "step-index", "step-import", "step-prompt", "step-checkout", "step-findings", "step-publish",
        "step-match",
        "step-mirror-create", "step-mirror-list", "step-mirror-read", "step-mirror-take", "step-quarantine",
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
            case "step-prompt": try process.prompt(&report)
            case "step-checkout": try process.checkOut(&report)
            case "step-findings": try process.findings(&report)
            case "step-publish": try process.publish(&report)
            case "step-match": try process.match(&report)
            case "step-mirror-create": try process.createMirror()
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
