// SPDX-License-Identifier: Apache-2.0
internal import Blueprints
internal import Documents
internal import Glibc
internal import LinuxSystem
internal import TaskModel
internal import Workspace

/// One attempt of a custom step, as a task runs it.
extension PipelineVerb {
    func customStep() throws(TaskFailure) -> StepEnd {
        let blueprint = settled.snapshot.blueprint
        guard let step = blueprint.pipeline.customSteps.first(where: { $0.name == options["--step"] }),
            let number = options["--attempt"].flatMap({ Int($0) }), let round = options["--round"].flatMap({ Int($0) }),
            let results = options["--results"]
        else { throw TaskFailure(message: "task step: the step, its attempt, its round or its results are missing") }
        let bytes = try host { () throws(SystemError) in
            try Descriptor.open(results, O_RDONLY).readAll(
                limit: StepResults.longestCheckpoint + 1, subject: "\"\(results)\"")
        }
        let earlier: StepResults
        do throws(StepResults.Flaw) { earlier = try StepResults(checkpoint: bytes) } catch {
            throw TaskFailure(message: "\(error)")
        }
        let kept = directory + "/kept"
        try host { () throws(SystemError) in try Directory.open(directory).make("kept", mode: 0o700) }
        let tree = try tree(for: step)
        let sandbox = StepSandbox(
            processes: processes, programs: try Sandbox.ownDirectory(), environment: environment, directory: kept,
            tree: tree)
        let input = settled.snapshot.input(
            for: step, task: arguments.identifier?.description ?? "", correlation: arguments.correlation, round: round,
            attempt: number, results: earlier)
        let attempt = try sandbox.run(step, input)
        if tree != nil { try removeTree() }
        let next = RetryPolicy(maxRetries: step.maxRetries).next(after: number, attempt.result)
        var mayRepeat = false
        if case .again = next { mayRepeat = true }
        return StepEnd(attempt.result.output, mayRepeat: mayRepeat)
    }

    private static let treeName = "tree"
    private var treePath: String { "\(directory)/\(Self.treeName)" }

    /// A checkout of the task's commit for a step that wants one.
    private func tree(for step: CustomStep) throws(TaskFailure) -> String? {
        switch step.workspace {
        case .none: return nil
        case .repository:
            guard let repository = options["--repository"], let commit = options["--commit"] else {
                return try baseTree()
            }
            let ending = "/" + StepProcess.repositoryName
            guard repository.hasSuffix(ending) else {
                throw TaskFailure(message: "task step: the repository is none of a task's")
            }
            let quarantine = String(repository.dropLast(ending.utf8.count))
            let delivery = try DeliveryDirectory.make(treePath, notInside: nil)
            let confined = ConfinedStep(processes: processes)
            let owner = delivery.quarantineOwner?.text ?? "-"
            let pack = try delivery.create("base.pack")
            // As the session itself would read it: nothing of what it has there is touched.
            _ = try confined.run(
                [
                    "step-pack", "--quarantine", quarantine, "--base", commit, "--become",
                    try ConfinedStep.owner(of: quarantine),
                ], outputs: [pack.number])
            guard let base = ObjectID(commit) else { throw TaskFailure(message: "task step: the commit is none") }
            let input = try delivery.open("base.pack")
            _ = try confined.run(
                ["step-index", "--base", "\(base)", "--quarantine", delivery.quarantine, "--become", owner],
                input: input.number)
            return try Self.checkOut(base, delivery, confined)
        }
    }

    /// The commit that the task starts from, on the way on which the task itself comes to it.
    private func baseTree() throws(TaskFailure) -> String {
        try withForge { (forge) throws(TaskFailure) in
            var ordered = arguments
            ordered.output = treePath
            var task = try TaskRun.make(ordered, forge, processes, nil, environment: environment)
            let base = try task.prepare()
            return try Self.checkOut(base, task.delivery, task.step)
        }
    }

    private static func checkOut(
        _ commit: ObjectID, _ delivery: borrowing DeliveryDirectory, _ confined: ConfinedStep
    ) throws(TaskFailure) -> String {
        let patch = try MemoryFile.make(name: "patch")
        _ = try confined.run(
            [
                "step-checkout", "--head", "\(commit)", "--base", "\(commit)", "--quarantine", delivery.quarantine,
                "--become", delivery.quarantineOwner?.text ?? "-",
            ], outputs: [patch.number])
        return delivery.checkout
    }

    private func removeTree() throws(TaskFailure) {
        try host { () throws(SystemError) in
            try Directory.open(directory).removeTree(Array(Self.treeName.utf8))
        }
    }
}
