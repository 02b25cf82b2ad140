// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Delivery
internal import Glibc
internal import LinuxSystem
internal import Workspace

/// One `sallyport collect`, from the directory that an agent left to a branch of the host's own.
///
///     step-collect ─▶ step-index ─▶ step-import ─▶ step-gate ─▶ OUT
///      (own id,        (own id, each sees only what the step before wrote)
///       DIR read-only)
struct CollectRun: ~Copyable {
    let arguments: CollectArguments
    let step: ConfinedStep
    let rules: GateRules
    let tree: LeftTreeView
    /// Where the branch goes in the end; nil for nowhere but OUT.
    let receiver: Receiver?
    let delivery: DeliveryDirectory
    var record: CollectRecord

    static func make(_ arguments: CollectArguments) throws(TaskFailure) -> CollectRun {
        let step = ConfinedStep(processes: try ChildProcess(), seconds: arguments.seconds)
        let branch = arguments.branch.map { String($0.dropFirst("refs/heads/".count)) }
        var rules = try GateStep.rules(arguments.rules, branch: branch)
        // Who commits what was left uncommitted; that others may use the name is in docs/collect.md.
        rules.authors?.allow.append(LeftWork.identity)
        // Before anything is made: a wrong path leaves nothing behind.
        try LeftTreeView.check(arguments.directory)
        let delivery = try DeliveryDirectory.make(arguments.out, notInside: arguments.directory, option: "--out")
        do throws(TaskFailure) {
            let own = try [arguments.directory, delivery.path].map { (path) throws(TaskFailure) in try realPath(path) }
            let receiver = try arguments.push.map { (text) throws(TaskFailure) in
                Receiver(
                    step: step, remote: try Remote(text, notBeside: own), stranger: delivery.quarantineOwner)
            }
            let tree = try LeftTreeView.make(arguments.directory, own: delivery.quarantineOwner)
            let record = CollectRecord(directory: own[0], reader: tree.reader)
            return CollectRun(
                arguments: arguments, step: step, rules: rules, tree: tree, receiver: receiver, delivery: delivery,
                record: record)
        } catch {
            try delivery.discard()
            throw error
        }
    }

    private init(
        arguments: CollectArguments, step: ConfinedStep, rules: GateRules, tree: consuming LeftTreeView,
        receiver: Receiver?, delivery: consuming DeliveryDirectory, record: CollectRecord
    ) {
        self.arguments = arguments
        self.step = step
        self.rules = rules
        self.tree = tree
        self.receiver = receiver
        self.delivery = delivery
        self.record = record
    }

    /// Brings the record to its outcome; what is delivered then lies in the quarantine.
    mutating func run() throws(TaskFailure) {
        guard try read() else { return }
        if let reference = record.reference { try takeIn(reference) }
    }

    /// - Returns: False when there is nothing to go on with.
    private mutating func read() throws(TaskFailure) -> Bool {
        let base = try delivery.create("base.pack")
        let bundle = try delivery.create("left.bundle")
        let known = try receiver?.references() ?? []
        let list = try MemoryFile.make(
            known.prefix(Self.mostKnown).flatMap { Array("\($0.id) ".utf8) + $0.name + [0x0A] })
        let report: StepReport
        switch try step.ask(
            readingCommand(), input: list.number, outputs: [base.number, bundle.number, tree.descriptor.number])
        {
        case .report(let answer): report = answer
        case .refused(let reason):
            record.refusal = reason
            return false
        }
        try record.read(report)
        guard report["tip"] != nil else {
            record.outcome = .nothingToDeliver
            return false
        }
        let reference = StepProcess.reference(explicit: arguments.branch, name: record.name)
        record.reference = reference
        record.onto = known.first { $0.name == Array(reference.utf8) }?.id
        // The step may say what it likes; a base is one that we or the receiver named.
        guard record.base == arguments.base || arguments.base == nil && known.contains(where: { $0.id == record.base })
        else { throw TaskFailure("use", "the report of step-collect", "its base is nobody's", remedy: "Report this.") }
        return true
    }

    /// Of a receiver's branches so many are compared with what was left.
    private static let mostKnown = 2000

    private borrowing func readingCommand() -> [String] {
        // CLOCK_REALTIME
        let seconds = sp_clock_ns(0) / 1_000_000_000
        var command = ["step-collect", "--become", tree.identity?.text ?? "-", "--time", "\(seconds)"]
        if let from = arguments.from { command += ["--from", from] }
        if let branch = arguments.branch { command += ["--branch", branch] }
        return command + ["--base", arguments.base?.description ?? "-"]
    }

    /// Takes in what the reading step wrote, as what a sandbox wrote is taken in.
    private mutating func takeIn(_ reference: String) throws(TaskFailure) {
        let common = [
            "--base", record.base?.description ?? "-", "--quarantine", delivery.quarantine, "--become",
            delivery.quarantineOwner?.text ?? "-",
        ]
        let base = try delivery.open("base.pack")
        if case .refused(let reason) = try step.ask(["step-index"] + common, input: base.number) {
            record.refusal = reason
            return
        }
        let result = try Intake(
            step: step, rules: rules, reference: reference, base: record.base, onto: record.onto
        ).take("left.bundle", in: delivery)
        record.gate = result.gate
        record.refusal = result.refusal
        record.delivered = result.delivered
        if result.delivered != nil { record.outcome = .delivered }
    }

    /// Brings the branch to its receiver; what lies in OUT stays, whatever comes of it.
    mutating func push() throws(TaskFailure) {
        guard let receiver, let delivered = record.delivered, let reference = record.reference else { return }
        do throws(TaskFailure) {
            try receiver.push(delivered.commit, as: reference, from: delivery.path + "/" + StepProcess.repositoryName)
            record.push = .init(remote: receiver.remote.address, failure: nil)
        } catch {
            record.push = .init(remote: receiver.remote.address, failure: error.description)
        }
    }

    /// Hands over what was delivered; of what was refused nothing stays but the record.
    mutating func settle() throws(TaskFailure) {
        for name in ["base.pack", "left.bundle"] { try delivery.remove(name) }
        if record.outcome != .delivered { try delivery.withdraw() }
        try delivery.settle()
    }
}

private func realPath(_ path: String) throws(TaskFailure) -> String {
    guard let real = realpath(path, nil) else {
        throw TaskFailure("find", "\"\(path)\"", "no such file or directory (ENOENT)", remedy: "Check the path.")
    }
    defer { free(real) }
    return String(cString: real)
}
