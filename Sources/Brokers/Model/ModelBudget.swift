// SPDX-License-Identifier: Apache-2.0

/// What a session has spent, and what its requests under way may still cost: reserve, send, settle.
///
/// A request holds its ceiling. Where the rest of the budget is less than that, a request whose estimate fits goes
/// alone and holds the rest. So the budget is overshot by one answer at most, and only by what that answer costs
/// beyond its estimate. A plain value without a lock: one process or one actor keeps it.
package struct ModelBudget: Sendable, Equatable {
    /// What a request holds until it is settled.
    package struct Reservation: Sendable, Hashable {
        package let id: UInt64
        package let amount: MicroDollars
        /// Which turn of the session this is, from one.
        package let turn: Int
    }

    /// How a request ended.
    package enum Outcome: Sendable, Equatable {
        /// The vendor answered; this is what it costs.
        case charged(MicroDollars)
        /// Refused by the vendor, or never sent: no turn, but an attempt, of which there are not endlessly many.
        case failed
    }

    package let limit: MicroDollars
    package let turnLimit: Int
    /// Calls that cost nothing, and requests that the vendor refused, for each turn that a session may have.
    package static let spareCallsPerTurn = 20

    package private(set) var spent = MicroDollars.zero
    /// Requests that were answered or are under way.
    package private(set) var turns = 0
    package private(set) var spareCalls = 0
    package private(set) var reservations: [UInt64: Reservation] = [:]
    private var nextID: UInt64 = 1

    package init(limit: MicroDollars, turns: Int) {
        self.limit = limit
        turnLimit = turns
    }

    package init(_ policy: ModelPolicy) { self.init(limit: policy.budget, turns: policy.turns) }

    package var held: MicroDollars { reservations.values.reduce(.zero) { $0 + $1.amount } }

    /// Makes room for a request that is metered, or says why there is none.
    package mutating func reserve(
        estimate: MicroDollars, ceiling: MicroDollars
    ) throws(ModelRefusal) -> Reservation {
        guard turns < turnLimit else {
            // One that the vendor refuses gives its turn back.
            guard turns - reservations.count >= turnLimit else {
                throw ModelRefusal(
                    .budgetHeld, "the last of this session's \(turnLimit) answers are under way",
                    remedy: "Try again when one of them has ended.")
            }
            throw ModelRefusal(
                .turns, "this session had its \(turnLimit) answers of a model",
                remedy: "Finish with what there is, or ask the operator for more turns.")
        }
        try refuseSpareCalls()
        guard spent + estimate <= limit else { throw over(estimate) }
        let amount: MicroDollars
        if spent + held + ceiling <= limit {
            amount = max(ceiling, estimate)
        } else if reservations.isEmpty {
            amount = limit - spent
        } else {
            throw ModelRefusal(
                .budgetHeld,
                "\(held) of the \(limit - spent) USD that are left are held by \(reservations.count) requests under way",
                remedy: "Try again when one of them has ended.")
        }
        let reservation = Reservation(id: nextID, amount: amount, turn: turns + 1)
        nextID += 1
        turns += 1
        reservations[reservation.id] = reservation
        return reservation
    }

    /// Counts a call that costs nothing.
    package mutating func call() throws(ModelRefusal) {
        try refuseSpareCalls()
        spareCalls += 1
    }

    /// Ends a reservation.
    ///
    /// - Returns: False when there is no such reservation, or none any more; nothing changes then.
    @discardableResult
    package mutating func settle(_ reservation: Reservation, _ outcome: Outcome) -> Bool {
        guard reservations.removeValue(forKey: reservation.id) != nil else { return false }
        switch outcome {
        case .charged(let cost): spent = spent + cost
        case .failed:
            turns -= 1
            spareCalls += 1
        }
        return true
    }

    private func refuseSpareCalls() throws(ModelRefusal) {
        guard spareCalls < turnLimit * Self.spareCallsPerTurn else {
            throw ModelRefusal(
                .calls, "this session made \(spareCalls) calls that were free or failed",
                remedy: "Repeat no call that fails; start a new session.")
        }
    }

    private func over(_ estimate: MicroDollars) -> ModelRefusal {
        ModelRefusal(
            .budget, "\(spent) of \(limit) USD are spent and this request may cost \(estimate)",
            remedy: "Ask for less output or send less, finish with what there is, or ask the operator for more budget.")
    }
}
