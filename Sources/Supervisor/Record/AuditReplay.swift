// SPDX-License-Identifier: Apache-2.0
package import Documents
internal import LinuxSystem
package import Policy

/// What became of recorded attempts, and what would become of them under another policy.
///
/// Replayed is what policy decides: names, ports, addresses. What a client said inside a connection is not recorded;
/// where that would count, the answer is `unclear`.
package struct AuditReplay: Sendable {
    package enum Verdict: String, Sendable { case allowed, denied, unclear }

    /// All records of one attempt with one outcome.
    package struct Row: Sendable {
        /// `name example.com`, `example.com port 443`, `192.0.2.1 port 22`.
        package let subject: String
        /// The event of the first one.
        package let event: String
        package internal(set) var count: Int
        package let then: Verdict
        package let now: Verdict
        /// The rule that allows it now, or why it is denied.
        package let why: String

        package var hasChanged: Bool { then != now }
    }

    /// In the order of the audit.
    package let rows: [Row]

    package init(_ records: [JSON], policy: EgressPolicy) {
        var rows: [Row] = []
        var known: [String: Int] = [:]
        for record in records {
            guard let attempt = RecordedAttempt(record) else { continue }
            let (now, why) = attempt.verdict(under: policy)
            let key = "\(attempt.subject)\0\(attempt.then)\0\(now)\0\(why)"
            if let index = known[key] {
                rows[index].count += attempt.count
            } else {
                known[key] = rows.count
                rows.append(
                    Row(
                        subject: attempt.subject, event: attempt.event, count: attempt.count, then: attempt.then,
                        now: now,
                        why: why))
            }
        }
        self.rows = rows
    }

    package var json: JSON {
        .array(
            rows.map {
                .object([
                    .init("subject", .string($0.subject)), .init("event", .string($0.event)),
                    .init("count", .int($0.count)),
                    .init("then", .string($0.then.rawValue)), .init("now", .string($0.now.rawValue)),
                    .init("changed", .bool($0.hasChanged)), .init("why", .string($0.why)),
                ])
            })
    }
}

/// One record of a decision, as far as policy has to do with it.
private struct RecordedAttempt {
    let event: String
    let count: Int
    let subject: String
    let then: AuditReplay.Verdict
    private let isQuestion: Bool
    private let name: HostName?
    private let asked: IPAddress?
    private let port: UInt16
    private let address: IPAddress?
    private let reason: String?
    private let wasRaw: Bool

    /// Nil for what no policy decides: starts and ends, caps, malformed questions, datagrams.
    init?(_ record: JSON) {
        let kind = record["event"]?.stringValue ?? ""
        switch kind {
        case "dns.allow", "tcp.allow", "tcp.fail": then = .allowed
        case "dns.deny", "tcp.deny": then = .denied
        case "packet.refused" where record["transport"]?.stringValue == "tcp": then = .denied
        default: return nil
        }
        event = record["id"]?.stringValue ?? ""
        count = max(1, record["count"]?.intValue ?? 1)
        isQuestion = kind.hasPrefix("dns.")
        name = record["name"]?.stringValue.flatMap { HostName($0) }
        asked = record["asked"]?.stringValue.flatMap { IPAddress(text: $0) }
        port = record["port"]?.intValue.flatMap { UInt16(exactly: $0) } ?? 0
        address = record["address"]?.stringValue.flatMap { IPAddress(text: $0) }
        reason = record["reason"]?.stringValue
        wasRaw = record["rule"]?["rule"]?.stringValue?.contains(" tls raw") ?? false
        if let name {
            subject = isQuestion ? "name \(name)" : "\(name) port \(port)"
        } else {
            guard !isQuestion, let asked else { return nil }
            subject = "\(asked) port \(port)"
        }
    }

    func verdict(under policy: EgressPolicy) -> (AuditReplay.Verdict, String) {
        let decision: EgressPolicy.Decision
        switch (name, asked) {
        case (let name?, _):
            decision = isQuestion ? policy.isResolvable(name) : policy.decide(name: name, port: port)
        case (nil, let asked?): decision = policy.decide(address: asked, port: port)
        case (nil, nil): return (then, "")
        }
        switch decision {
        case .denied(let denial): return (.denied, denial.message)
        case .allowed(let rule):
            if isQuestion { return (.allowed, Self.place(rule)) }
            return inside(rule, policy)
        }
    }

    /// What is decided when the port is open: the real address, and then what the client said.
    private func inside(_ rule: EgressRule, _ policy: EgressPolicy) -> (AuditReplay.Verdict, String) {
        if let address, name != nil {
            switch policy.vet(address, for: rule) {
            case .refused(let denial): return (.denied, denial.message)
            case .allowed(let named):
                // The host's own routes refused it, which only a rule that names the address can overrule.
                if reason == Denial.Code.addressNotPublic.rawValue, !named {
                    return (.denied, "\(address) is the host's own, or on a network that it is attached to")
                }
            }
        }
        let mode = rule.mode(for: port)
        if mode == .raw { return (.allowed, Self.place(rule)) }
        guard then == .denied, let reason, Denial.Code(rawValue: reason) == nil else {
            if wasRaw { return (.unclear, "it was not looked at, and \(Self.place(rule)) expects \(mode.rawValue)") }
            if mode == .http && rule.http != nil && then == .allowed {
                return (.unclear, "requests are not recorded, and \(Self.place(rule)) limits them")
            }
            return (.allowed, Self.place(rule))
        }
        // What the client said was refused, and still is where it is looked at in the same way.
        let limited: [HTTPLimits.Verdict] = [.methodNotAllowed, .pathNotAllowed, .pathAmbiguous]
        guard limited.contains(where: { reason == "http_" + $0.rawValue }) else { return (.denied, reason) }
        if mode == .http && rule.http == nil { return (.allowed, Self.place(rule)) }
        return (.unclear, "requests are not recorded; it was refused as \(reason)")
    }

    private static func place(_ rule: EgressRule) -> String { "\(rule.text) (\(rule.origin))" }
}
