// SPDX-License-Identifier: Apache-2.0
internal import Egress
internal import LinuxSystem

/// How a connection's process ended by itself; its exit status.
enum GitOutcome: Int32 {
    case fetched = 0
    case pushed
    case pushRefused
    case requestRefused
    /// Nothing to count: what is there before a push, a probe, a client that went away.
    case told

    /// Added to the status when the ledger had no room for the line.
    static let lineLost: Int32 = 64
}

/// One connection from its first byte to its end, in a process of its own: one request, one answer.
///
///     head ──▶ one of five requests? ──▶ narrowed to what that one takes ──▶ served
///       └──────────────┴──▶ told why not
///
/// Code that a hostile pack breaks, libgit2's or git's own, breaks this process and no other.
final class GitConnection {
    let site: GitSite
    var client: ClientConnection
    private let ledger: GitLedger
    private var record = GitRecord(.requestRefused)
    private let confinement = BrokerConfinement()
    private static let headSeconds: UInt64 = 5

    init(_ site: GitSite, _ client: consuming ClientConnection, _ ledger: GitLedger) {
        self.site = site
        self.client = client
        self.ledger = ledger
    }

    /// Serves the connection, and returns the exit status of this process.
    func serve() -> Int32 {
        let begun = ClientConnection.now
        let outcome = answer()
        // Before the wait for the client's end, which can be cut short.
        let status = write(outcome, begun)
        client.finish()
        return status
    }

    private func write(_ outcome: GitOutcome, _ begun: UInt64) -> Int32 {
        guard let event = outcome.event else { return outcome.rawValue }
        record.event = event
        record.bytesUp = client.received
        record.bytesDown = client.sent
        record.milliseconds = (ClientConnection.now - begun) / 1_000_000
        return ledger.append(record) ? outcome.rawValue : outcome.rawValue | GitOutcome.lineLost
    }

    private func answer() -> GitOutcome {
        let head: RequestHead
        let rest: [UInt8]
        do throws(MissingHead) { (head, rest) = try client.head(within: Self.headSeconds) } catch {
            switch error {
            case .nothing: return .told
            case .timedOut: return refuse(.requestTimeout, "the request's head did not come in time")
            case .malformed(let reason): return refuse(.badRequest, "the request is malformed (\(reason.rawValue))")
            }
        }
        record.method = head.method
        record.target = head.target
        let request: GitRequest
        do throws(GitRequest.Refusal) { request = try site.address.read(head) } catch {
            return refuse(error.status, error.reason)
        }
        record.service = request.service.rawValue
        record.version = request.version
        do throws(SystemError) {
            switch (request.service, request.action) {
            case (.uploadPack, _):
                // Besides the ledger it writes the request, into memory.
                try confinement.narrow(
                    to: .fetch, fileBytes: max(site.ledgerBytes, UInt64(Self.mostRequestBytes)))
                return fetch(request, head, rest)
            case (.receivePack, .advertise):
                try confinement.narrow(to: .look, fileBytes: site.ledgerBytes)
                return advertise()
            case (.receivePack, .call):
                try confinement.narrow(
                    to: .push, processorSeconds: site.processorSeconds(pack: site.packBytes),
                    fileBytes: max(site.ledgerBytes, site.repositoryBytes))
                BrokerConfinement.allow(processorSeconds: site.processorSeconds(pack: 0))
                return push(head, rest)
            }
        } catch {
            return refuse(
                .internalError, "the repository cannot be served; see the session's record", because: "\(error)")
        }
    }

    // MARK: Answers

    /// Refuses the request in words.
    ///
    /// - Parameter detail: For the ledger, where it says more than the client is told.
    func refuse(_ status: HTTPStatus, _ reason: String, because detail: String? = nil) -> GitOutcome {
        record.reason = detail ?? reason
        send(status, HTTPResponse.refusal(status, reason))
        return .requestRefused
    }

    /// Refuses it for its body.
    func refuse(_ failure: IncomingBody.Failure) -> GitOutcome {
        switch failure {
        case .body(let flaw): return refuse(flaw.status, flaw.reason)
        case .connection(.timedOut): return refuse(.requestTimeout, "the request's body did not come in time")
        case .connection(.gone):
            record.reason = "the client went away"
            return .requestRefused
        }
    }

    func send(_ status: HTTPStatus, _ bytes: [UInt8]) {
        record.status = status.rawValue
        do throws(ClientConnection.Failure) { try client.send(bytes) } catch {
            // What it was told it need not hear.
        }
    }

    func note(_ commands: [(text: PushCommand, refusal: String?)], reason: String? = nil) {
        record.commands = commands
        record.reason = reason
    }

    func note(status: HTTPStatus, reason: String? = nil) {
        record.status = status.rawValue
        record.reason = reason ?? record.reason
    }
}

extension GitOutcome {
    /// What the ledger calls it; nil for what has no line.
    var event: GitRecord.Event? {
        switch self {
        case .fetched: .fetch
        case .pushed: .push
        case .pushRefused: .pushRefused
        case .requestRefused: .requestRefused
        case .told: nil
        }
    }
}
