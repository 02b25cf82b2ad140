// SPDX-License-Identifier: Apache-2.0
internal import Policy
internal import Wire

/// Asks the supervisor which process holds a socket, and waits a short while for each answer.
///
/// The gateway cannot see the session's processes, and the supervisor does not read what they send: one typed question
/// is all that passes between them.
final class Owners {
    private let loop: EventLoop
    private let caps: Caps
    private let ask: (UInt32, EgressReport.SocketPair) -> Void
    private var bucket: TokenBucket
    private var lastQuery: UInt32 = 0
    private var waiting: [UInt32: (timer: LoopTimer, done: (SocketOwner?) -> Void)] = [:]

    init(_ loop: EventLoop, _ caps: Caps, ask: @escaping (UInt32, EgressReport.SocketPair) -> Void) {
        self.loop = loop
        self.caps = caps
        self.ask = ask
        bucket = TokenBucket(perSecond: caps.ownersPerSecond, burst: caps.ownerBurst, now: loop.now)
    }

    /// Calls `done` with the owner, or with nil when nobody could say in time.
    func find(_ transport: UInt8, client: Endpoint, server: Endpoint, _ done: @escaping (SocketOwner?) -> Void) {
        let clientBytes = client.address.bytes
        let serverBytes = server.address.bytes
        guard clientBytes.count == serverBytes.count, bucket.take(at: loop.now) else { return done(nil) }
        lastQuery &+= 1
        let query = lastQuery
        let timer = loop.after(milliseconds: caps.ownerMilliseconds) { [weak self] in self?.answer(query, nil) }
        waiting[query] = (timer, done)
        ask(
            query,
            EgressReport.SocketPair(
                transport: transport, clientAddress: clientBytes, clientPort: client.port, serverAddress: serverBytes,
                serverPort: server.port))
    }

    /// Lets everything go on that still waits: the session ends, and nobody will be able to say any more.
    func giveUp() { for query in waiting.keys.sorted() { answer(query, nil) } }

    /// Takes an answer; one that comes too late has nobody to hear it.
    func answer(_ query: UInt32, _ owner: SocketOwner?) {
        guard let entry = waiting.removeValue(forKey: query) else { return }
        entry.timer.cancel()
        entry.done(owner)
    }
}
