// SPDX-License-Identifier: Apache-2.0
internal import CLI
internal import Documents
internal import Isolation
internal import LinuxSystem
internal import Policy
internal import Supervisor

extension SessionVerb {
    /// Exit status for a change that the ceiling or the session refuses: nothing has changed.
    private static let refused: Int32 = 1

    /// Shows the egress policy that is in force, or puts the one of a file in its place.
    static func policy(_ id: SessionID, _ context: Context, file: String?, _ asJSON: Bool) throws -> Int32 {
        let session = SessionPolicy(id, context.paths)
        guard let file else { return show(try session.inForce(), asJSON) }
        let policy = try context.profiles.egress(file, context.registries)
        if let ceiling = try EgressCeiling.load(context.profiles, context.registries) {
            do throws(PolicyError) {
                try EgressCeiling.check(policy, started: try started(session), ceiling: ceiling)
            } catch { return refuse("ceiling", "\(error)", asJSON) }
        }
        switch try session.change(to: policy) {
        case .applied(let generation, let cut):
            if asJSON {
                Output.out(
                    JSON.object([
                        .init("applied", true), .init("generation", .number(generation)), .init("cut", .number(cut)),
                    ]).compactText)
            } else {
                let connections = cut == 1 ? "1 connection was" : "\(cut) connections were"
                Output.out("generation \(generation) is in force; \(connections) cut")
            }
            return 0
        case .refused(let reason, let text): return refuse(reason, text, asJSON)
        }
    }

    /// What the session began with; a session without egress has nothing to compare with, and says so when it is asked.
    private static func started(_ session: SessionPolicy) throws(PolicyError) -> EgressPolicy {
        do throws(SystemError) { return try session.inForce().started } catch {
            if error.errno == .noEntry { return EgressPolicy(directIP: .explain, rules: []) }
            throw PolicyError(error.explanationLine, file: "the session's policy", remedy: error.remedy ?? "")
        }
    }

    private static func refuse(_ reason: String, _ text: String, _ asJSON: Bool) -> Int32 {
        if asJSON {
            Output.out(
                JSON.object([
                    .init("applied", false), .init("reason", .string(reason)), .init("message", .string(text)),
                ]).compactText)
        } else {
            Output.error(text.displayed)
        }
        return refused
    }

    private static func show(_ state: SessionPolicy.InForce, _ asJSON: Bool) -> Int32 {
        if asJSON {
            Output.out(
                JSON.object([
                    .init("generation", .int(state.generation)), .init("policy", state.policy.json),
                ]).compactText)
            return 0
        }
        Output.out("generation \(state.generation), direct_ip \(state.policy.directIP.rawValue)")
        for rule in state.policy.rules {
            Output.out("\(rule.id + 1). \(rule.text.displayed) (\(rule.origin.displayed))")
            for part in Columns.wrapped(rule.reason.displayed, width: 96) { Output.out("       " + part) }
        }
        if state.policy.rules.isEmpty { Output.out("no rules: nothing leaves the session") }
        return 0
    }
}
