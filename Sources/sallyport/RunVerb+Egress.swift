// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import Supervisor

extension RunVerb {
    /// What a run was denied by the network's policy, most frequent first, with the event to ask about.
    static func report(_ egress: SessionResult.Egress, session: String) {
        if let lost = egress.lost { Output.error(lost) }
        guard egress.denied > 0 else { return }
        Output.error("\(egress.denied) attempts to reach the network were denied:")
        for denial in egress.denials {
            let port = denial.port == 0 ? "" : " port \(denial.port)"
            Output.error(
                "  \(denial.count)x \(denial.subject.displayed)\(port): \(denial.reason.displayed)"
                    + "   sallyport why \(session)-\(denial.event)")
        }
    }
}
