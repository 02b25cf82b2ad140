// SPDX-License-Identifier: Apache-2.0
internal import Policy
internal import Wire

/// How far the conversation with one session's egress gateway has come: which report may come next, and what the accepted
/// ones add up to.
///
///     starting ──ready──▶ serving ──close()──▶ closing ──ended──▶ ended
///        └──────────────────┴──────refused────────┴─────────────────▲
///
/// The gateway reads hostile bytes, so each of its reports is taken as if the sandbox had written it. One that does not
/// fit changes nothing and is thrown back; the caller then ends the gateway. Pure: no clock, no descriptor, no trap.
struct DoorState {
    enum Phase: Equatable { case starting, serving, closing, ended }

    /// What a report asks the caller to do.
    enum Step: Equatable {
        case nothing
        /// Names are answered; the workload may start.
        case ready
        case answer(query: UInt32, EgressReport.SocketPair)
        /// A task wants a connection to the granted socket of this number.
        case connect(query: UInt32, socket: UInt16)
        /// A name that no rule names was asked for so often.
        case wanted(HostName, times: UInt16)
        case changed(generation: UInt32, cut: UInt32)
        /// The policy before stays in force.
        case unchanged
        /// It could not go on, and said why.
        case refused(GatewayReport.Refusal)
        /// No more will come.
        case ended
    }

    /// A report that does not fit what was said before.
    enum Disorder: Error, Equatable {
        case unexpected(String, Phase)
        /// About a policy of which nothing was asked, or not that.
        case generation(UInt32, pending: UInt32?)
        /// Of what is no name, or not written in its one form.
        case noName
        /// Of a name, and nobody can be asked about it.
        case untold
        case tooManyDenials
        case tooManyFailures
    }

    private(set) var phase = Phase.starting
    /// Whether the gateway was asked to tell of names.
    var isTold = false
    /// Of the policy in force.
    private(set) var generation: UInt32 = 1
    /// Of the policy that was handed over and not answered for yet.
    private(set) var pending: UInt32?
    private(set) var totals = EgressReport.Totals()
    private(set) var denials: [EgressReport.Denial] = []
    private(set) var failures: [EgressReport.Denial] = []

    // MARK: What the supervisor does

    /// The generation that the next policy gets; nil when there is none left.
    var next: UInt32? { generation == .max ? nil : generation + 1 }

    /// A policy of the ``next`` generation is on its way.
    mutating func propose() { pending = next }

    /// It never went out.
    mutating func withdraw() { pending = nil }

    /// The gateway is told to end. Reports that crossed this word are still in order.
    mutating func close() { if phase == .serving { phase = .closing } }

    // MARK: What the gateway reports

    /// Takes one report, or leaves everything as it was.
    mutating func take(_ report: EgressReport) throws(Disorder) -> Step {
        switch (report, phase) {
        case (.ready, .starting):
            phase = .serving
            return .ready
        case (.whoIs(let query, let pair), .serving), (.whoIs(let query, let pair), .closing):
            return .answer(query: query, pair)
        case (.connect(let query, let socket), .serving), (.connect(let query, let socket), .closing):
            return .connect(query: query, socket: socket)
        case (.applied(let generation, let cut), .serving), (.applied(let generation, let cut), .closing):
            try conclude(generation)
            self.generation = generation
            return .changed(generation: generation, cut: cut)
        case (.unusable(let generation), .serving), (.unusable(let generation), .closing):
            try conclude(generation)
            return .unchanged
        case (.wanted(let text, let times), .serving), (.wanted(let text, let times), .closing):
            guard isTold else { throw .untold }
            guard let name = HostName(text), name.text == text, times > 0 else { throw .noName }
            return .wanted(name, times: times)
        case (.denial(let denial), .closing):
            guard denials.count < EgressReport.mostDenials else { throw .tooManyDenials }
            denials.append(denial)
            return .nothing
        case (.failure(let failure), .closing):
            guard failures.count < EgressReport.mostDenials else { throw .tooManyFailures }
            failures.append(failure)
            return .nothing
        case (.ended(let totals), .closing):
            phase = .ended
            self.totals = totals
            return .ended
        case (.refused(let refusal), .starting), (.refused(let refusal), .serving), (.refused(let refusal), .closing):
            phase = .ended
            return .refused(refusal)
        case (.ready, _), (.whoIs, _), (.connect, _), (.applied, _), (.unusable, _), (.wanted, _), (.denial, _),
            (.failure, _), (.ended, _), (.refused, _):
            throw .unexpected(report.name, phase)
        }
    }

    private mutating func conclude(_ generation: UInt32) throws(Disorder) {
        guard let pending, pending == generation else { throw .generation(generation, pending: pending) }
        self.pending = nil
    }
}

extension DoorState.Disorder: CustomStringConvertible {
    /// Numbers and words of ours only: nothing here is text that the gateway wrote.
    var description: String {
        switch self {
        case .unexpected(let report, let phase): "reported \"\(report)\" while it was \(phase)"
        case .generation(let generation, let pending?):
            "answered for generation \(generation) of the policy and was asked for \(pending)"
        case .generation(let generation, nil):
            "answered for generation \(generation) of the policy and was asked for none"
        case .noName: "asked about what is no name"
        case .untold: "asked about a name, which it was not to do"
        case .tooManyDenials: "summed up more than \(EgressReport.mostDenials) denials"
        case .tooManyFailures: "summed up more than \(EgressReport.mostDenials) failures"
        }
    }
}

extension EgressReport {
    /// The word for its kind.
    fileprivate var name: String {
        switch self {
        case .ready: "ready"
        case .refused: "refused"
        case .whoIs: "who is"
        case .connect: "connect"
        case .applied: "applied"
        case .unusable: "unusable"
        case .wanted: "wanted"
        case .denial: "denial"
        case .failure: "failure"
        case .ended: "ended"
        }
    }
}
