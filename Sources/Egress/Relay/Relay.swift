// SPDX-License-Identifier: Apache-2.0
internal import LinuxSystem

/// Two sockets whose bytes are moved unread in both directions, and when anything last happened there.
struct Relay {
    enum Progress: Equatable {
        /// Until the next event.
        case waits
        /// There is more to be moved, and others have their turn first.
        case goesOn
        /// The server has ended, the client not yet.
        case answered(mayGoOn: Bool)
        /// Both have ended.
        case finished
        /// In words for the record.
        case failed(String)
    }

    private(set) var up = Direction()
    var down = Direction()
    let begun: UInt64
    private var lastActivity: UInt64

    /// - Parameter now: Nanoseconds of the loop's clock.
    init(at now: UInt64) {
        begun = now
        lastActivity = now
    }

    mutating func isActive(at now: UInt64) { lastActivity = now }

    /// One side's descriptor had an event: there may be something to be read.
    mutating func mayRead(client: Bool) {
        if client { up.sourceIsReady() } else { down.sourceIsReady() }
    }

    /// How long it may still be idle; nil when it was for as long as it may.
    func millisecondsLeft(of milliseconds: UInt64, at now: UInt64) -> UInt64? {
        let idle = milliseconds * 1_000_000
        let passed = now - lastActivity
        return passed >= idle ? nil : (idle - passed) / 1_000_000 + 1
    }

    /// Moves what the client has sent.
    mutating func send(
        from client: Int32, to server: Int32, _ pool: PipePool, within allowance: Allowance?
    ) -> Direction.Outcome {
        up.pump(from: client, to: server, pool, within: allowance, isLast: down.isFinished)
    }

    /// Moves what the server has sent, when what the client sent has had its turn.
    mutating func turn(
        sent: Direction.Outcome, from server: Int32, to client: Int32, _ pool: PipePool
    ) -> Progress {
        if case .failed(let errno) = sent { return .failed("up_\(errno)") }
        let mayGoOn = sent == .more
        switch down.pump(from: server, to: client, pool, isLast: up.isFinished) {
        case .failed(let errno): return .failed("down_\(errno)")
        case .more: return .goesOn
        case .finished: return up.isFinished ? .finished : .answered(mayGoOn: mayGoOn)
        case .idle, .blocked, .usedUp: return mayGoOn ? .goesOn : .waits
        }
    }

    /// Lets go of the pipes at the connection's end.
    mutating func end(_ pool: PipePool) {
        up.end(pool)
        down.end(pool)
    }
}
