// SPDX-License-Identifier: Apache-2.0

extension Profile {
    func judge(_ name: HostName, _ port: UInt16?, _ subject: Subject) -> Judgement {
        let decision = port.map { egress.decide(name: name, port: $0) } ?? egress.isResolvable(name)
        let chain = egress.chain(for: name)
        let deciding = decision.allowedRule ?? decision.denial?.rule
        let steps = chain.map { rule in
            let effect =
                rule.isDeny
                ? "denies"
                : rule == deciding
                    ? "decides" : (rule.target == deciding?.target ? "same name, other ports" : "less specific")
            return step(rule, effect)
        }
        return judgement(subject, decision, steps: steps, port: port)
    }

    func judge(_ address: IPAddress, _ port: UInt16?, _ subject: Subject) -> Judgement {
        let holding = egress.rules.filter { $0.block?.contains(address) == true }
            .sorted { ($0.block?.prefixLength ?? 0) > ($1.block?.prefixLength ?? 0) }
        guard let port else {
            // Some port of some rule, or a name that a rule lets lead there.
            let ports = holding.flatMap { rule -> [UInt16] in
                switch rule.ports {
                case .any: [443]
                case .list(let list): list
                }
            }
            let open = ports.lazy.map { self.egress.decide(address: address, port: $0) }.first { $0.allowedRule != nil }
            if let open { return judgement(subject, open, steps: holding.map { step($0, "holds it") }, port: nil) }
            let naming = egress.rules.filter { rule in
                rule.allowedHost != nil && egress.vet(address, for: rule) == .allowed(named: true)
            }
            guard let first = naming.first else {
                return judgement(
                    subject, egress.decide(address: address, port: 443), steps: holding.map { step($0, "holds it") },
                    port: nil)
            }
            return Judgement(
                subject: subject, isAllowed: true, verdict: "allowed for names: \"\(first.subject)\" may lead there",
                steps: naming.map { step($0, "names it") }, remedy: nil)
        }
        let decision = egress.decide(address: address, port: port)
        let deciding = decision.allowedRule ?? decision.denial?.rule
        return judgement(
            subject, decision, steps: holding.map { step($0, $0 == deciding ? "decides" : "less specific") }, port: port
        )
    }

    func judge(socket path: RulePath, _ subject: Subject) -> Judgement {
        let granting = egress.socketRules.filter { $0.socket?.path == path }
        let steps = granting.map { step($0, "decides") }
        if let grant = granting.first?.socket {
            return Judgement(
                subject: subject, isAllowed: true, verdict: "allowed at \(grant.inside), unread", steps: steps,
                remedy: nil)
        }
        if let kind = SocketGrant.forbidden(path) {
            return Judgement(
                subject: subject, isAllowed: false, verdict: "denied: it is \(kind.words)", steps: [],
                remedy: "No profile can grant it.")
        }
        return Judgement(
            subject: subject, isAllowed: false, verdict: "denied: no rule grants it", steps: [],
            remedy: "If the task needs it, add a rule with \"socket: \(path)\", a name and a reason to egress.rules.")
    }

    private func step(_ rule: EgressRule, _ effect: String) -> Judgement.Step {
        .init(rule: rule.shown, origin: rule.origin, effect: effect, reason: rule.reason)
    }

    private func judgement(
        _ subject: Subject, _ decision: EgressPolicy.Decision, steps: [Judgement.Step], port: UInt16?
    ) -> Judgement {
        switch decision {
        case .denied(let denial):
            return Judgement(
                subject: subject, isAllowed: false, verdict: "denied: \(denial.message) (\(denial.code.rawValue))",
                steps: steps, remedy: denial.remedy)
        case .allowed(let rule):
            guard let port else {
                return Judgement(subject: subject, isAllowed: true, verdict: "allowed", steps: steps, remedy: nil)
            }
            let how =
                switch rule.mode(for: port) {
                case .tls: "allowed as TLS to that server name"
                case .http:
                    rule.http == nil ? "allowed as plain HTTP" : "allowed as plain HTTP, within the rule's limits"
                case .raw: "allowed, unread"
                }
            let place = rule.addresses.map { " at \($0.map { $0.description }.joined(separator: ", "))" }
            return Judgement(
                subject: subject, isAllowed: true, verdict: how + (place ?? ""), steps: steps, remedy: nil)
        }
    }
}
