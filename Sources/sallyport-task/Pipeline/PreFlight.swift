// SPDX-License-Identifier: Apache-2.0
internal import Blueprints
internal import Documents
internal import Glibc
internal import LinuxSystem
internal import TaskModel
internal import Workspace

/// Everything that would make a task useless, looked at before anything is spent: all at the same time, each in a process
/// of its own that is killed when it takes too long. What cannot be told is a refusal.
struct PreFlight {
    private let verb: PipelineVerb

    init(_ verb: PipelineVerb) { self.verb = verb }

    struct Finding {
        let check: PreFlightCheck
        let code: ErrorCode
        let message: String
    }

    /// The first one counts: the same task always fails for the same reason.
    private static let priority: [ErrorCode] = [
        .forgeUnreachable, .insufficientPermissions, .repositoryNotFound, .pullRequestNotOpen, .tokenMissing,
        .tokenUnreadable, .runtimeUnavailable,
    ]

    func run() throws(TaskFailure) -> StepEnd {
        let seconds = Int(TaskLimits.preFlightCheck.components.seconds)
        let end = ContinuousClock.now + .seconds(seconds)
        let started = DescriptorSet()
        var running: [(check: PreFlightCheck, child: Int32, answer: Int32)] = []
        for check in PreFlightCheck.allCases where check.concerns(verb.arguments) {
            let answer = try MemoryFile.make(name: "pre-flight")
            let number = answer.number
            started.keep(answer)
            let child = try verb.processes.start(
                ["/proc/self/exe", PreFlightCheck.verb, check.rawValue] + verb.line, environment: verb.environment,
                descriptors: [-1, number, 2])
            running.append((check, child, number))
        }
        var findings: [Finding] = []
        for (check, child, answer) in running {
            let left = max(1, Int((end - .now).components.seconds) + 1)
            let ended = try verb.processes.wait(child, name: "pre-flight \(check.rawValue)", seconds: left)
            if let finding = try judge(check, ended, answer, seconds) { findings.append(finding) }
        }
        let looked: [JSON] = running.map { .string($0.check.rawValue) }
        func rank(_ finding: Finding) -> Int { Self.priority.firstIndex(of: finding.code) ?? Self.priority.count }
        guard let first = findings.min(by: { rank($0) < rank($1) }) else {
            return StepEnd(.success(metadata: ["checks": .array(looked)]))
        }
        let failed: [JSON] = findings.map {
            ["check": .string($0.check.rawValue), "code": .string($0.code.rawValue), "error": .string($0.message)]
        }
        return StepEnd(
            .failed(message: first.message, metadata: ["checks": .array(looked), "failed": .array(failed)]),
            code: first.code)
    }

    private func judge(_ check: PreFlightCheck, _ ended: ChildEnd, _ answer: Int32, _ seconds: Int)
        throws(TaskFailure) -> Finding?
    {
        switch ended {
        case .interrupted: throw TaskFailure(message: "pre-flight was interrupted")
        case .late:
            return Finding(
                check: check, code: check.silence, message: "\(check.words) took more than \(seconds) seconds")
        case .signalled(let number):
            return Finding(check: check, code: check.silence, message: "signal \(number) ended \(check.words)")
        case .exited(let code):
            let said = try PreFlightCheck.answer(answer)
            if code == 0, said?["ok"]?.boolValue == true { return nil }
            return Finding(
                check: check,
                code: said?["code"]?.stringValue.flatMap(ErrorCode.init(rawValue:)) ?? check.silence,
                message: String((said?["error"]?.stringValue ?? "\(check.words) told nothing").prefix(800)))
        }
    }
}
