// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Egress
internal import Glibc
internal import LinuxSystem
internal import Policy

/// `sallyport model replay`: answers as a session's models did, from its record, and says where a request differs.
///
/// A request is answered by the first unused exchange of the same route and body, so that requests which ran side by side
/// may come in another order. It ends when every exchange was used, or with the first request that none fits.
package final class ReplayServer {
    private var left: [ReplayRecord]
    private let listener: Descriptor
    private let address: String
    private let say: (String) -> Void
    private static let mostBody = 64 << 20
    private static let mostFile = 1 << 30
    private static let patienceSeconds: UInt64 = 60

    /// Opens what it needs, confines this process for good, and only then reads what the record says.
    ///
    /// - Parameters:
    ///   - file: A session's model-record.jsonl.
    ///   - place: An address of this machine, as 127.0.0.1:0.
    ///   - say: Takes a line for people.
    package init(file: String, listen place: String, say: @escaping (String) -> Void) throws {
        guard var endpoint = Self.endpoint(place) else {
            throw SystemError(
                "listen on", "\"\(place)\"", .invalid, remedy: "Write a loopback address and a port, as 127.0.0.1:0.")
        }
        let record = try Descriptor.open(file, O_RDONLY)
        listener = Descriptor(
            owning: Int32(try checked("listen on", "\"\(place)\"") { sp_listen_stream(&endpoint) }))
        address = "\(endpoint.length == 16 ? "[::1]" : "127.0.0.1"):\(endpoint.port)"
        self.say = say
        try ReplayConfinement.enter()
        left = try ReplayRecord.read(
            try record.readAll(limit: Self.mostFile, subject: "\"\(file)\""), file: file)
    }

    /// Serves until the record has ended.
    ///
    /// - Returns: 0 when all was asked as it was recorded, 1 otherwise.
    package func run() throws -> Int32 {
        say("listening on http://\(address) with \(left.count) exchanges")
        while !left.isEmpty {
            var peer = sp_endpoint()
            let fd = listener.number
            let client = Int32(try checked("accept", "a connection") { sp_accept(fd, &peer) })
            guard serve(ClientConnection(Descriptor(owning: client))) else { return 1 }
        }
        say("every exchange was replayed")
        return 0
    }

    /// Loopback only: whoever reaches it reads what was said in a session.
    private static func endpoint(_ place: String) -> sp_endpoint? {
        guard let colon = place.lastIndex(of: ":"), let port = UInt16(place[place.index(after: colon)...]) else {
            return nil
        }
        var raw = sp_endpoint()
        raw.port = port
        switch place[..<colon] {
        case "127.0.0.1", "localhost":
            raw.length = 4
            raw.bytes.0 = 127
            raw.bytes.3 = 1
        case "[::1]":
            raw.length = 16
            raw.bytes.15 = 1
        default: return nil
        }
        return raw
    }

    // MARK: One connection

    private func serve(_ connection: consuming ClientConnection) -> Bool {
        var client = connection
        var reader = RequestHeadReader()
        let deadline = ClientConnection.now + Self.patienceSeconds * 1_000_000_000
        do {
            while true {
                let bytes = try client.receive(until: deadline)
                if bytes.isEmpty { return true }
                switch reader.append(bytes.span) {
                case .needMore: continue
                case .refused(let reason):
                    try client.send(HTTPResponse.refusal(.badRequest, "the request is malformed (\(reason.rawValue))"))
                    client.finish()
                    return true
                case .head(let head):
                    var body = try IncomingBody(head, rest: reader.rest, limit: Self.mostBody)
                    var content: [UInt8] = []
                    while let piece = try body.next(&client) { content += piece }
                    let isKnown = try answer(head, content, &client)
                    client.finish()
                    return isKnown
                }
            }
        } catch {
            // A client that went away has used up nothing but its own answer.
            return true
        }
    }

    private func answer(
        _ head: RequestHead, _ body: [UInt8], _ client: inout ClientConnection
    ) throws(ClientConnection.Failure) -> Bool {
        let fitting = left.firstIndex {
            $0.method == head.method && $0.target == head.target
                && $0.divergence(asked: body) == nil
        }
        guard let fitting else {
            let words = difference(head, body)
            say(words)
            let family = left[0].family
            try client.send(UpstreamFailure(.replay, words).response(for: family))
            return false
        }
        let record = left.remove(at: fitting)
        try client.send(AnswerHead.bytes(record.status, record.fields, isChunked: head.minorVersion == 1))
        for piece in record.pieces {
            try client.send(head.minorVersion == 1 ? HTTPResponse.chunk(piece) : Array(piece))
        }
        if record.isWhole, head.minorVersion == 1 { try client.send(HTTPResponse.lastChunk) }
        return true
    }

    /// Against the exchange that would be next.
    private func difference(_ head: RequestHead, _ body: [UInt8]) -> String {
        let next = left.first { $0.target == head.target && $0.method == head.method } ?? left[0]
        let asked = "\(head.method) \(head.target)"
        guard next.method == head.method, next.target == head.target else {
            return "request \(next.number) differs: recorded \(next.method) \(next.target), asked \(asked)"
        }
        let found = next.divergence(asked: body)
        return "request \(next.number) differs at \(found.map { "\($0)" } ?? "its head")"
    }
}
