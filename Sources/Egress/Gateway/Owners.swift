// SPDX-License-Identifier: Apache-2.0
internal import Policy
internal import Wire

/// Asks the supervisor which process holds a socket.
final class Owners {
    private let loop: EventLoop
    private let questions: Questions<SocketOwner>
    private let ask: (UInt32, EgressReport.SocketPair) -> Void
    private var bucket: TokenBucket

    init(_ loop: EventLoop, _ caps: Caps, ask: @escaping (UInt32, EgressReport.SocketPair) -> Void) {
        self.loop = loop
        self.ask = ask
        questions = Questions(loop, milliseconds: caps.ownerMilliseconds)
        bucket = TokenBucket(perSecond: caps.ownersPerSecond, burst: caps.ownerBurst, now: loop.now)
    }

    /// Calls `done` with the owner, or with nil when nobody could say in time.
    func find(_ transport: UInt8, client: Endpoint, server: Endpoint, _ done: @escaping (SocketOwner?) -> Void) {
        let clientBytes = client.address.bytes
        let serverBytes = server.address.bytes
        guard clientBytes.count == serverBytes.count, bucket.take(at: loop.now) else { return done(nil) }
        let pair = EgressReport.SocketPair(
            transport: transport, clientAddress: clientBytes, clientPort: client.port, serverAddress: serverBytes,
            serverPort: server.port)
        questions.ask({ ask($0, pair) }, done)
    }

    func giveUp() { questions.giveUp() }

    func answer(_ query: UInt32, _ owner: SocketOwner?) { questions.answer(query, owner) }
}
