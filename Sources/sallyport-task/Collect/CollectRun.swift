// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import Workspace

/// One `sallyport collect`, from the directory that an agent left to a branch of the host's own.
///
///     step-collect ─▶ step-index ─▶ step-import ─▶ OUT
///      (own id,        (own id, sees only what the step before wrote)
///       DIR read-only)
struct CollectRun: ~Copyable {
    let arguments: CollectArguments
    let step: ConfinedStep
    let tree: LeftTreeView
    let delivery: DeliveryDirectory
    var record: CollectRecord

    static func make(_ arguments: CollectArguments) throws(TaskFailure) -> CollectRun {
        let step = ConfinedStep(processes: try ChildProcess(), seconds: arguments.seconds)
        // Before anything is made: a wrong path leaves nothing behind.
        try LeftTreeView.check(arguments.directory)
        let delivery = try DeliveryDirectory.make(arguments.out, notInside: arguments.directory, option: "--out")
        do throws(TaskFailure) {
            let tree = try LeftTreeView.make(arguments.directory, own: delivery.quarantineOwner)
            let record = CollectRecord(directory: arguments.directory, reader: tree.reader)
            return CollectRun(arguments: arguments, step: step, tree: tree, delivery: delivery, record: record)
        } catch {
            try delivery.discard()
            throw error
        }
    }

    private init(
        arguments: CollectArguments, step: ConfinedStep, tree: consuming LeftTreeView,
        delivery: consuming DeliveryDirectory, record: CollectRecord
    ) {
        self.arguments = arguments
        self.step = step
        self.tree = tree
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
        let report = try step.run(
            readingCommand(), outputs: [base.number, bundle.number, tree.descriptor.number])
        if let reason = report["refused"] {
            record.refusal = reason
            return false
        }
        try record.read(report)
        guard report["tip"] != nil else {
            record.outcome = .nothingToDeliver
            return false
        }
        record.reference = StepProcess.reference(explicit: arguments.branch, name: record.name)
        return true
    }

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
        let made = try step.run(["step-index"] + common, input: base.number)
        if let reason = made["refused"] {
            record.refusal = reason
            return
        }
        let bundle = try delivery.open("left.bundle")
        let report = try step.run(["step-import", "--reference", reference] + common, input: bundle.number)
        if let reason = report["refused"] {
            record.refusal = reason
            return
        }
        record.delivered = try Delivered(report, tip: try report.commit("tip"))
        record.outcome = .delivered
    }

    /// Hands over what was delivered; of what was refused nothing stays but the record.
    mutating func settle() throws(TaskFailure) {
        for name in ["base.pack", "left.bundle"] { try delivery.remove(name) }
        if record.outcome != .delivered { try delivery.withdraw() }
        try delivery.settle()
    }
}
