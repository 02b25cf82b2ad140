// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import Supervisor

extension RunVerb {
    /// What a run was denied by the network's policy and what it did not find outside, most frequent first, with the event to ask about.
    static func report(_ egress: SessionResult.Egress, session: String) {
        if let lost = egress.lost { Output.error(lost) }
        if egress.denied > 0 {
            Output.error("\(egress.denied) attempts to reach the network were denied:")
            list(egress.denials, session)
        }
        if egress.failed > 0 {
            Output.error("\(egress.failed) allowed connections found nobody outside:")
            list(egress.failures, session)
        }
    }

    private static func list(_ kinds: [SessionResult.Egress.Denied], _ session: String) {
        for kind in kinds {
            let port = kind.port == 0 ? "" : " port \(kind.port)"
            Output.error(
                "  \(kind.count)x \(kind.subject.displayed)\(port): \(kind.reason.displayed)"
                    + "   sallyport why \(session)-\(kind.event)")
        }
    }
}
