// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import LinuxSystem
internal import Policy

/// The session's resolver: answers from policy alone, with addresses that stand for names. Nothing goes upstream, so
/// a name is no way to send anything anywhere (threat E05).
final class Responder {
    private unowned let gateway: EgressGateway
    private var bucket: TokenBucket
    /// Names that each wildcard rule already stands for.
    private var wildcardNames: [Int: Int] = [:]
    private let ipv6: Bool

    init(_ gateway: EgressGateway, ipv6: Bool) {
        self.gateway = gateway
        self.ipv6 = ipv6
        bucket = TokenBucket(
            perSecond: gateway.caps.questionsPerSecond, burst: gateway.caps.questionBurst, now: gateway.loop.now)
    }

    /// Names keep their addresses under a new policy; what the wildcards may still add is counted anew by rule.
    func policyChanged() { wildcardNames = [:] }

    /// Answers one message.
    ///
    /// - Parameters:
    ///   - limit: The longest answer that the transport takes; nil for a stream.
    ///   - send: Called at most once, now or a moment later.
    func answer(
        _ message: Span<UInt8>, transport: UInt8, from client: Endpoint, to server: Endpoint,
        send: @escaping ([UInt8]) -> Void
    ) {
        guard bucket.take(at: gateway.loop.now) else {
            var record = AuditRecord(.limit)
            record.transport = transport == 6 ? "tcp" : "udp"
            record.port = 53
            record.reason = "question_rate"
            record.remedy = "The session may ask \(gateway.caps.questionsPerSecond) names a second."
            gateway.audit.record(record)
            return
        }
        let question: DNSQuestion
        do throws(DNSRefusal) { question = try DNSQuestion(parsing: message) } catch {
            return refuse(error, transport, client, server, send)
        }
        let limit = transport == 6 ? nil : question.datagramLimit
        guard let name = question.host else {
            let denial = Denial(
                .invalidName, "\(question.name) is no host name", remedy: "Ask for the host by its name.")
            return deny(denial, question, transport, client, server, limit, send)
        }
        switch gateway.policy.isResolvable(name) {
        case .denied(let denial):
            if denial.code == .nameNotAllowed { gateway.want(name, type: question.type) }
            deny(denial, question, transport, client, server, limit, send)
        case .allowed(let rule): allow(rule, name, question, limit, send)
        }
    }

    private func allow(
        _ rule: EgressRule, _ name: HostName, _ question: DNSQuestion, _ limit: Int?,
        _ send: ([UInt8]) -> Void
    ) {
        var record = AuditRecord(.nameAllowed)
        record.name = name.text
        record.recordType = Self.typeName(question.type)
        record.rule = rule
        let isNew = gateway.names.knownIndex(of: name) == nil
        let used = wildcardNames[rule.id] ?? 0
        let hasRoom = !isNew || used < rule.maxNames ?? .max
        guard hasRoom, let index = gateway.names.index(of: name) else {
            record.event = .limit
            record.reason = hasRoom ? "name_table_full" : "wildcard_names"
            record.remedy =
                hasRoom
                ? "A session has \(gateway.names.limit) names." : "Name the hosts one by one, or raise max_names."
            let event = gateway.audit.record(record)
            return send(
                question.reply(
                    .unavailable(explanation: "no more names; event \(gateway.audit.name(of: event))"), limit: limit))
        }
        if isNew { wildcardNames[rule.id] = used + 1 }
        gateway.audit.record(record)
        send(
            question.reply(
                .addresses(v4: gateway.names.v4(index), v6: ipv6 ? gateway.names.v6(index) : nil), limit: limit))
    }

    private func deny(
        _ denial: Denial, _ question: DNSQuestion, _ transport: UInt8, _ client: Endpoint, _ server: Endpoint,
        _ limit: Int?, _ send: @escaping ([UInt8]) -> Void
    ) {
        var record = AuditRecord(.nameDenied, denial)
        record.name = question.name
        record.recordType = Self.typeName(question.type)
        gateway.record(record, transport: transport, client: client, server: server) { event in
            send(question.reply(.denied(explanation: "\(denial.message); sallyport why \(event)"), limit: limit))
        }
    }

    private func refuse(
        _ refusal: DNSRefusal, _ transport: UInt8, _ client: Endpoint, _ server: Endpoint,
        _ send: @escaping ([UInt8]) -> Void
    ) {
        var record = AuditRecord(.nameDenied)
        record.reason = "malformed_question"
        record.detail = refusal.reason.rawValue
        record.remedy = "Ask one question of class IN with a host name of letters, digits, \"-\" and \"_\"."
        gateway.record(record, transport: transport, client: client, server: server) { _ in
            if let reply = refusal.reply { send(reply) }
        }
    }

    private static func typeName(_ type: UInt16) -> String {
        let names: [UInt16: String] = [
            1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 10: "NULL", 12: "PTR", 15: "MX", 16: "TXT", 28: "AAAA", 33: "SRV",
            35: "NAPTR", 64: "SVCB", 65: "HTTPS", 252: "AXFR", 255: "ANY",
        ]
        return names[type] ?? "TYPE\(type)"
    }
}
