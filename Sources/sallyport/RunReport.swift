// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import Policy
internal import Supervisor

/// How a session went, in the lines that its caller reads on stderr.
struct RunReport {
    private(set) var lines: [String] = []

    /// - Parameter json: The record as one line of JSON, and nothing else.
    init(_ result: SessionResult, _ request: RunRequest, json: Bool) {
        if json {
            lines = [result.json.compactText]
            return
        }
        if let error = result.error { say(error) }
        switch result.outcome {
        case .oom: say("the session used up its memory and was ended (limits.memory)")
        case .timedOut: say("the session reached its wall-clock limit and was ended (limits.wall)")
        case .exited, .signalled, .setupFailed, .killed, .policy: break
        }
        if result.limitsHit.contains("log_bytes") { say("output was cut at limits.log_bytes") }
        if result.limitsHit.contains("egress_bytes") {
            say("the session had sent all that it may, and connections were cut or refused (limits.egress_bytes)")
        }
        let left = result.stdout.undelivered + result.stderr.undelivered
        if left > 0 { say("\(left) bytes of output were not delivered: nobody reads them") }
        if !result.denials.isEmpty {
            let list = result.denials.map { "\($0.syscall) x\($0.count)" }.joined(separator: ", ")
            say("refused system calls: \(list)")
        }
        if let egress = result.egress { add(egress, session: result.session) }
        if let lost = result.git?.lost { say(lost) }
        if let lost = result.model?.lost { say(lost) }
        if let lost = result.forge?.lost { say(lost) }
        if let lost = result.packages?.lost { say(lost) }
        if result.leftOutEntries > 0 {
            say(
                "the kept changes are partial: \(result.leftOutEntries) are left out (limits.workspace_bytes), "
                    + "see sallyport session diff --stat \(result.session)")
        }
        guard let entries = result.keptEntries, result.keptDigest != nil, request.disposition == .keep else { return }
        let hasTree = request.workspace != nil
        say(
            "\(entries) changes kept." + (hasTree ? " See them: sallyport session diff \(result.session)" : ""))
        if request.keepsAll { say("Look around: sallyport session shell \(result.session)") }
        if entries > 0 && hasTree { say("Take them: sallyport session apply \(result.session)") }
    }

    private mutating func say(_ text: String) { lines.append("sallyport: " + text) }

    /// What a run was denied by the network's policy and what it did not find outside, most frequent first, with the event to ask about.
    private mutating func add(_ egress: SessionResult.Egress, session: String) {
        if let lost = egress.lost { say(lost) }
        if egress.denied > 0 {
            say("\(egress.denied) attempts to reach the network were denied:")
            list(egress.denials, session)
        }
        if egress.failed > 0 {
            say("\(egress.failed) allowed connections found nobody outside:")
            list(egress.failures, session)
        }
    }

    private mutating func list(_ kinds: [SessionResult.Egress.Denied], _ session: String) {
        for kind in kinds {
            let port = kind.port == 0 ? "" : " port \(kind.port)"
            say(
                "  \(kind.count)x \(kind.subject.displayed)\(port): \(kind.reason.displayed)"
                    + "   sallyport why \(session)-\(kind.event)")
        }
    }
}
