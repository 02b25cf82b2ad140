// SPDX-License-Identifier: Apache-2.0
import Policy
import Testing

@testable import Supervisor
@testable import Wire

/// What the supervisor believes of an egress gateway, which may have been taken over by what it reads.
@Suite("conversation with an egress gateway")
struct DoorStateTests {
    private static let pair = EgressReport.SocketPair(
        transport: 6, clientAddress: [198, 18, 0, 1], clientPort: 40_000, serverAddress: [198, 18, 1, 0],
        serverPort: 443)
    private static let denial = EgressReport.Denial(
        subject: "a.test", port: 443, reason: "name_not_allowed", count: 1, event: 2)
    private static let refusal = GatewayReport.Refusal(check: .descriptors, errno: 9)
    private static var totals: EgressReport.Totals {
        var totals = EgressReport.Totals()
        totals.denied = .max
        return totals
    }
    static let reports: [EgressReport] = [
        .ready, .refused(refusal), .whoIs(query: 1, pair), .connect(query: 2, socket: 1),
        .applied(generation: 1, cut: 0),
        .applied(generation: 2, cut: 0), .applied(generation: .max, cut: .max), .unusable(generation: 2),
        .wanted(name: "a.test", times: 1), .denial(denial), .failure(denial), .ended(totals),
    ]

    static func state(_ phase: DoorState.Phase, pending: Bool = false) throws -> DoorState {
        var state = DoorState()
        if phase != .starting { #expect(try state.take(.ready) == .ready) }
        if pending { state.propose() }
        if phase == .closing || phase == .ended { state.close() }
        if phase == .ended { #expect(try state.take(.ended(totals)) == .ended) }
        #expect(state.phase == phase)
        return state
    }

    /// Everything that is in order when nothing was asked; all else must be thrown back.
    private static let inOrder: [DoorState.Phase: [EgressReport]] = [
        .starting: [.ready, .refused(refusal)],
        .serving: [.refused(refusal), .whoIs(query: 1, pair), .connect(query: 2, socket: 1)],
        .closing: [
            .refused(refusal), .whoIs(query: 1, pair), .connect(query: 2, socket: 1), .denial(denial),
            .failure(denial), .ended(totals),
        ],
        .ended: [],
    ]

    @Test(
        "only what fits the phase is taken, and what does not changes nothing",
        arguments: [DoorState.Phase.starting, .serving, .closing, .ended], reports)
    func order(_ phase: DoorState.Phase, _ report: EgressReport) throws {
        var state = try Self.state(phase)
        let before = state
        if Self.inOrder[phase]?.contains(report) == true {
            _ = try state.take(report)
        } else {
            #expect(throws: DoorState.Disorder.self) { try state.take(report) }
            #expect(state.phase == before.phase && state.generation == 1 && state.next == 2)
            #expect(
                state.totals == before.totals && state.denials.isEmpty && state.failures.isEmpty && state.pending == nil
            )
        }
    }

    @Test("a policy is in force only when the gateway answers for the very one that it was handed")
    func generations() throws {
        for wrong in [0, 1, 3, UInt32.max] {
            var state = try Self.state(.serving, pending: true)
            #expect(throws: DoorState.Disorder.generation(wrong, pending: 2)) {
                try state.take(.applied(generation: wrong, cut: 0))
            }
            #expect(throws: DoorState.Disorder.generation(wrong, pending: 2)) {
                try state.take(.unusable(generation: wrong))
            }
            #expect(state.generation == 1 && state.pending == 2 && state.next == 2)
        }
        var state = try Self.state(.serving, pending: true)
        #expect(try state.take(.applied(generation: 2, cut: 7)) == .changed(generation: 2, cut: 7))
        #expect(state.generation == 2 && state.next == 3)
        // The same answer again would be an answer to nothing.
        #expect(throws: DoorState.Disorder.generation(2, pending: nil)) {
            try state.take(.applied(generation: 2, cut: 0))
        }
        state.propose()
        #expect(try state.take(.unusable(generation: 3)) == .unchanged)
        #expect(state.generation == 2 && state.next == 3 && state.pending == nil)
    }

    @Test("a name is taken in its one form, while anybody can be asked about it, and not otherwise")
    func names() throws {
        for phase in [DoorState.Phase.serving, .closing] {
            var state = try Self.state(phase)
            #expect(throws: DoorState.Disorder.untold) { try state.take(.wanted(name: "a.test", times: 1)) }
            state.isTold = true
            #expect(
                try state.take(.wanted(name: "a.test", times: 2)) == .wanted(try #require(HostName("a.test")), times: 2)
            )
            for (name, times) in [("A.test", 1), ("a..test", 1), ("1.2.3.4", 1), ("-a.test", 1), ("a.test", 0)]
                as [(String, UInt16)]
            {
                #expect(throws: DoorState.Disorder.noName) { try state.take(.wanted(name: name, times: times)) }
            }
        }
        var early = try Self.state(.starting)
        early.isTold = true
        #expect(throws: DoorState.Disorder.self) { try early.take(.wanted(name: "a.test", times: 1)) }
    }

    @Test("an answer that crosses the word to end still counts")
    func crossing() throws {
        var state = try Self.state(.closing, pending: true)
        #expect(try state.take(.applied(generation: 2, cut: 0)) == .changed(generation: 2, cut: 0))
        #expect(try state.take(.ended(Self.totals)) == .ended)
        #expect(state.generation == 2 && state.totals == Self.totals)
    }

    @Test("a policy that never went out is not waited for")
    func withdrawn() throws {
        var state = try Self.state(.serving, pending: true)
        state.withdraw()
        #expect(throws: DoorState.Disorder.self) { try state.take(.applied(generation: 2, cut: 0)) }
    }

    @Test("a summary has an end")
    func denials() throws {
        var state = try Self.state(.closing)
        for _ in 0..<EgressReport.mostDenials { #expect(try state.take(.denial(Self.denial)) == .nothing) }
        #expect(throws: DoorState.Disorder.tooManyDenials) { try state.take(.denial(Self.denial)) }
        for _ in 0..<EgressReport.mostDenials { #expect(try state.take(.failure(Self.denial)) == .nothing) }
        #expect(throws: DoorState.Disorder.tooManyFailures) { try state.take(.failure(Self.denial)) }
        #expect(state.denials.count == EgressReport.mostDenials && state.failures.count == EgressReport.mostDenials)
    }

    @Test("what is said of a gateway that lies is one line", arguments: reports)
    func words(_ report: EgressReport) throws {
        var state = try Self.state(.ended)
        let disorder = try #require(throws: DoorState.Disorder.self) { try state.take(report) }
        #expect(disorder.description.hasPrefix("reported \"") && !disorder.description.contains("\n"))
    }
}
