// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import Egress

/// One connection from its first byte to its end: one request, one answer.
///
///     head ──▶ one of the routes? ──▶ an answer that was there before
///                     │          └──▶ body ──▶ a proposal of that form, of this task? ──▶ taken down ──▶ 202
///                     └── refused, in GitHub's own form of an error
struct ForgeConnection: ~Copyable {
    private let site: ForgeSite
    private var client: ClientConnection
    private(set) var record = ForgeRecord()
    /// Something of the request may not have been read.
    private var isUnread = true

    private static let headSeconds: UInt64 = 5
    private static let bodySeconds: UInt64 = 20
    private static let longestBody = 1 << 20

    init(_ site: ForgeSite, _ client: consuming ClientConnection) {
        self.site = site
        self.client = client
    }

    /// Serves the connection.
    ///
    /// - Parameter take: Takes a proposal down, and returns its number; nil when there is no room for more.
    mutating func serve(_ take: (JSON) -> Int?) {
        let begun = ClientConnection.now
        do throws(ForgeRefusal) {
            if let answer = try answer(take) { send(answer.status, answer.json, link: answer.link) }
        } catch {
            record.code = error.code
            send(error.status, error.json)
        }
        record.bytesUp = client.received
        record.bytesDown = client.sent
        record.milliseconds = (ClientConnection.now - begun) / 1_000_000
        // Unread bytes would turn the end into a reset, which could overtake the answer.
        if isUnread { client.finish() }
    }

    private struct Answer {
        let status: HTTPStatus
        let json: JSON
        var link: String?
    }

    /// Nil when nobody is there to be answered.
    private mutating func answer(_ take: (JSON) -> Int?) throws(ForgeRefusal) -> Answer? {
        let head: RequestHead
        let rest: [UInt8]
        do throws(MissingHead) { (head, rest) = try client.head(within: Self.headSeconds) } catch {
            switch error {
            case .nothing: return nil
            case .timedOut: throw Self.slow
            case .malformed(let reason):
                throw ForgeRefusal(
                    .badRequest, .malformed, "the request is malformed (\(reason.rawValue))",
                    remedy: "Send plain HTTP/1.1.")
            }
        }
        record.method = head.method
        record.target = head.target
        let route = try ForgeRoute(head, at: site)
        guard route.isProposal else {
            isUnread = !rest.isEmpty
            record.event = .read
            return answer(route)
        }
        let proposal = try ForgeProposal(route, try body(head, rest), at: site)
        guard let number = take(proposal.json) else {
            throw ForgeRefusal(
                .forbidden, .tooMany, "this task has proposed as much as it may", remedy: "Say it all in one proposal.")
        }
        record.event = .proposal
        record.proposal = number
        return Answer(
            status: .accepted,
            json: [
                "state": "proposed", "proposal": .int(number), "accepted": proposal.json,
                "message": "It was taken down. The host carries it out after every gate has spoken, or says why not.",
            ])
    }

    private func answer(_ route: ForgeRoute) -> Answer {
        switch route {
        case .read(let json): return Answer(status: .ok, json: json)
        case .page(let json, let path, let next, let size):
            let link = next.map { "<http://\(ForgeSite.host)\(path)?per_page=\(size)&page=\($0)>; rel=\"next\"" }
            return Answer(status: .ok, json: json, link: link)
        case .overview, .open, .update, .review, .status: return Answer(status: .ok, json: site.overview)
        }
    }

    /// The whole body, bounded in bytes and in time.
    private mutating func body(_ head: RequestHead, _ rest: [UInt8]) throws(ForgeRefusal) -> [UInt8] {
        do throws(IncomingBody.Failure) {
            var body = try IncomingBody(
                head, rest: rest, limit: Self.longestBody,
                until: ClientConnection.now + Self.bodySeconds * 1_000_000_000)
            var bytes: [UInt8] = []
            while let piece = try body.next(&client) { bytes += piece }
            isUnread = false
            return bytes
        } catch {
            switch error {
            case .body(.tooLarge):
                throw ForgeRefusal(
                    .contentTooLarge, .tooLarge, "the body is larger than \(Self.longestBody) bytes",
                    remedy: "Say it in fewer words.")
            case .body(let flaw):
                throw ForgeRefusal(.badRequest, .malformed, flaw.reason, remedy: "Send one JSON object.")
            case .connection: throw Self.slow
            }
        }
    }

    private static var slow: ForgeRefusal {
        ForgeRefusal(.requestTimeout, .tooSlow, "the request did not come in time", remedy: "Send it at once.")
    }

    private mutating func send(_ status: HTTPStatus, _ json: JSON, link: String? = nil) {
        record.status = status
        let bytes = JSONWriter().write(json) + [0x0A]
        let head = HTTPResponse.head(
            status, type: "application/json; charset=utf-8", length: .known(bytes.count),
            fields: link.map { [("Link", $0)] } ?? [])
        do throws(ClientConnection.Failure) { try client.send(head + bytes) } catch {
            // What it was told it need not hear.
        }
    }
}
