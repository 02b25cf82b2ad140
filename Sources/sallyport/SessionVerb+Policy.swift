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
        guard let file else { return try AuditReader.answer(.policy, of: id, context, [.init("json", .bool(asJSON))]) }
        let policy = try context.profiles.egress(file, context.registries)
        if let ceiling = try EgressCeiling.load(context.profiles, context.registries) {
            do throws(PolicyError) {
                try EgressCeiling.check(policy, started: try started(id, context), ceiling: ceiling)
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
    private static func started(_ id: SessionID, _ context: Context) throws(PolicyError) -> EgressPolicy {
        do throws(SystemError) {
            if let policy = try SessionAudit.firstPolicy(id, context.paths) { return policy }
        } catch {
            guard error.errno == .noEntry else {
                throw PolicyError(error.explanationLine, file: "the session's policy", remedy: error.remedy ?? "")
            }
        }
        return EgressPolicy(directIP: .explain, rules: [])
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
}

/// What `sallyport session policy` prints, by the reader of the audit.
enum PolicyAnswer {
    /// Shows the policy that the gateway announced last, of a session that runs or of one that has ended.
    static func show(_ trail: AuditTrail, _ document: JSON) throws(SystemError) -> Int32 {
        let generation = trail.lastGeneration
        guard let policy = try trail.policy(generation: generation) else {
            throw SystemError(
                "find", "the policy of generation \(generation)", .noEntry,
                remedy: "Its file is missing; the session has not begun, or somebody removed it.")
        }
        if document["json"] == true {
            Output.out(
                JSON.object([.init("generation", .int(generation)), .init("policy", policy.json)]).compactText)
            return 0
        }
        Output.out("generation \(generation), direct_ip \(policy.directIP.rawValue)")
        for rule in policy.rules {
            Output.out("\(rule.id + 1). \(rule.text.displayed) (\(rule.origin.displayed))")
            for part in Columns.wrapped(rule.reason.displayed, width: 96) { Output.out("       " + part) }
        }
        if policy.rules.isEmpty { Output.out("no rules: nothing leaves the session") }
        return 0
    }
}
