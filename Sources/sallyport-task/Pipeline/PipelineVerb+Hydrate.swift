// SPDX-License-Identifier: Apache-2.0
internal import Blueprints
internal import Delivery
internal import Documents
internal import LinuxSystem
internal import TaskModel

/// What the prompt is made of, gathered once, screened, and stored under its digest.
extension PipelineVerb {
    func hydrate() throws(TaskFailure) -> StepEnd {
        let order: TaskOrder
        do throws(TaskFailure) {
            order = try withForge { (forge) throws(TaskFailure) in try TaskOrder(arguments, forge) }
        } catch {
            let code = ErrorCode(forge: error.code)
            // Somebody else's server that is away now may be there in a moment.
            return StepEnd(.failed(error), mayRepeat: code == .forgeUnreachable, code: code)
        }
        let plan = PromptPlan(order)
        let hydration: Hydration
        do throws(Hydration.Failure) {
            hydration = try Hydration(
                plan.before + plan.after, cutsOrders: settled.snapshot.blueprint.screening == .strip)
        } catch {
            return StepEnd(.failed(TaskFailure(message: "\(error)")), code: .validation)
        }
        let work = HydratedWork(issue: order.issue, pull: order.pull, files: order.files)
        let bytes = JSONWriter().write(work.json)
        guard bytes.count <= HydratedWork.longest else {
            throw TaskFailure(
                "keep", "what was gathered", "it has \(bytes.count) bytes, more than \(HydratedWork.longest)",
                remedy: "Close old threads, or start a new_task.")
        }
        try host { () throws(SystemError) in
            try Directory.open(directory).replace(SessionFile.hydration, with: bytes, mode: 0o600)
        }
        let segments = hydration.prompt.segments.prefix(40).map { segment -> JSON in
            ["label": .string(String(segment.label.prefix(80))), "trust": .string(segment.trust.rawValue)]
        }
        return StepEnd(
            .success(metadata: [
                "sha256": .string(Digest.sha256(bytes)), "bytes": .int(bytes.count), "tokens": .int(hydration.tokens),
                "sources": .array(Array(segments)),
                "omitted": .array(
                    hydration.omitted.prefix(10).map { ["label": .string($0.label), "count": .int($0.count)] }),
                "screened": .array(
                    hydration.screened.prefix(20).map { .string(String($0.finding.description.prefix(120))) }),
            ]))
    }
}

extension StepOutput {
    static func failed(_ failure: TaskFailure) -> StepOutput {
        .failed(message: String(failure.description.prefix(1000)), metadata: [:])
    }
}

extension ErrorCode {
    /// What a forge's own code means for a task; nil for one that has none of its own there.
    init?(forge code: String?) {
        switch code.flatMap(ForgeError.Code.init(rawValue:)) {
        case .unreachable, .malformed, .rateLimited, .failed, .uncertain: self = .forgeUnreachable
        case .notFound: self = .repositoryNotFound
        case .notOpen, .fromFork: self = .pullRequestNotOpen
        case .credential: self = .tokenUnreadable
        case .forbidden, .protected: self = .insufficientPermissions
        case .exists, .refused, .moved, .invalid: self = .validation
        case nil: if code == "no_credential" || code == "credential" { self = .tokenMissing } else { return nil }
        }
    }
}
