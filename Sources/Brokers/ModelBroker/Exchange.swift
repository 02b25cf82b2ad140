// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Egress
internal import Glibc
internal import LinuxSystem
internal import Policy
internal import Wire

/// One admitted request, from its reservation to its line in the ledger.
///
/// It is settled once, whatever happens: by what the vendor counted where that is believed, and else by the estimate. A
/// client that went away does not end it: what the upstream sends is read on for its count, up to a bound.
final class Exchange {
    private unowned let client: ModelClient
    private let broker: ModelBroker
    private let request: ModelRequest
    private let admitted: AdmittedRequest
    private let upstream: ModelSite.Upstream
    private var reservation: ModelBudget.Reservation?
    private var transfer: Transfer?
    private var meter: UsageMeter?
    private var sieve: SecretSieve
    private var record = ModelRecord()
    private var kept: ExchangeRecord
    private var failure: UpstreamFailure?
    private var hasAnswered = false
    private var isGone = false
    private var unread: UInt64 = 0
    private var timer: LoopTimer?
    private(set) var isUnderWay = false

    private static let mostSeconds: UInt64 = 3600
    private static let drainSeconds: UInt64 = 120
    private static let drainBytes: UInt64 = 32 << 20
    private static let mostBytes: UInt64 = 512 << 20

    /// Reserves what the request may cost.
    init(
        _ client: ModelClient, _ route: ModelRoute, _ request: ModelRequest, _ admitted: AdmittedRequest
    ) throws(ModelRefusal) {
        guard let upstream = client.broker.site[route.api] else {
            throw ModelRefusal(.api, "\(route.api.rawValue) is not served", remedy: "Use an API that is.")
        }
        self.client = client
        broker = client.broker
        self.request = request
        self.admitted = admitted
        self.upstream = upstream
        sieve = SecretSieve(upstream.credential.secrets)
        kept = ExchangeRecord(route, request, admitted)
        if route.isMetered {
            reservation = try broker.reserve(admitted)
        } else {
            try broker.call()
        }
        isUnderWay = true
        record.number = broker.nextNumber()
        record.method = request.method
        record.target = request.target
        record.api = route.api.rawValue
        record.model = admitted.model
        record.isStreaming = admitted.isStreaming
        record.changes = admitted.changes
        record.turn = reservation?.turn
        record.reserved = reservation?.amount
        record.estimate = route.isMetered ? admitted.estimate : nil
    }

    /// Finds an address and sends the request there.
    func begin() {
        timer = broker.loop.after(milliseconds: Self.mostSeconds * 1000) { [weak self] in
            self?.give(up: UpstreamFailure(.cut, "the answer took longer than an hour"))
        }
        broker.names.find(upstream.name, known: upstream.known, rule: upstream.rule, policy: broker.site.egress) {
            [weak self] answer in
            guard let self, isUnderWay else { return }
            switch answer {
            case .failure(let reason):
                failure = UpstreamFailure(.name, "the upstream cannot be dialled: \(reason.detail)")
                ended(.notSent(reason.reason))
            case .success(let addresses): send(addresses)
            }
        }
    }

    private func send(_ addresses: [IPAddress]) {
        guard !isGone else { return ended(.notSent("the client went away")) }
        let made = Transfer(
            upstream.settings, addresses, method: admitted.method, path: admitted.path, fields: admitted.fields,
            body: admitted.body,
            credential: upstream.credential.lines(
                for: admitted, to: upstream.settings.origin, at: sp_clock_ns(CLOCK_REALTIME) / 1_000_000_000), self)
        guard let made, broker.pool.add(made) else {
            failure = UpstreamFailure(.ending, "there is no memory for the request")
            return ended(.notSent("no memory"))
        }
        transfer = made
    }

    // MARK: Client

    /// The client has taken what waited for it.
    func clientTakesMore() { transfer?.goOn() }

    /// Nobody hears the answer any more.
    func clientIsGone() {
        guard isUnderWay, !isGone else { return }
        isGone = true
        record.isAbandoned = true
        guard transfer != nil else { return }
        timer?.cancel()
        timer = broker.loop.after(milliseconds: Self.drainSeconds * 1000) { [weak self] in
            self?.give(
                up: UpstreamFailure(.cut, "the client went away, and the answer took longer than was waited for"))
        }
        transfer?.goOn()
    }

    /// Ends it as it stands; nothing is sent any more.
    func cutNow() { give(up: UpstreamFailure(.ending, "the session ended first")) }

    private func give(up reason: UpstreamFailure) {
        guard isUnderWay else { return }
        failure = failure ?? reason
        if let transfer {
            broker.pool.remove(transfer)
            ended(.ended)
        } else {
            ended(.notSent(reason.detail))
        }
    }

    // MARK: End

    /// Settles, writes down, and lets the client go.
    private func conclude(_ result: Transfer.Result) {
        guard isUnderWay else { return }
        isUnderWay = false
        timer?.cancel()
        transfer = nil
        let isWhole = result == .complete && failure == nil
        settle(result, isWhole: isWhole)
        if isGone {
            client.release()
        } else if hasAnswered {
            // An answer that is not whole must not look as if it were: its last chunk never comes.
            client.finish(with: isWhole && client.knowsChunks ? HTTPResponse.lastChunk : [])
        } else {
            let failure = failure ?? UpstreamFailure(.cut, "the upstream gave no answer")
            record.clientStatus = 502
            client.finish(with: failure.response(for: admitted.route.api.family))
        }
        write(isWhole: isWhole)
    }

    private func settle(_ result: Transfer.Result, isWhole: Bool) {
        let isSent = if case .notSent = result { false } else { true }
        var outcome = ModelBudget.Outcome.failed
        if var meter {
            let reading = meter.end(cut: !isWhole)
            outcome = admitted.outcome(of: reading)
            record.usage = reading.usage
            record.answeredModel = reading.answeredModel
            record.flaws = reading.flaws.map { $0.rawValue }.sorted()
            if case .charged(let cost) = outcome {
                add(reading.usage)
                if !reading.isBelieved { broker.totals.estimated += UInt64(cost.count) }
            }
        } else if isSent {
            // Asked and not answered: the upstream may charge for it all the same, unless its answer says otherwise.
            outcome = (record.status ?? 0) >= 300 ? .failed : .charged(admitted.estimate)
            if case .charged(let cost) = outcome, reservation != nil { broker.totals.estimated += UInt64(cost.count) }
        }
        if let reservation {
            broker.settle(reservation, outcome)
            if case .charged(let cost) = outcome { record.settled = cost } else { record.settled = .zero }
        }
        if isWhole { broker.totals.answered += 1 } else { broker.totals.failed += 1 }
        // Where it is not heard, the supervisor goes on from what was held, which is more.
        _ = broker.tellTotals()
    }

    private func add(_ usage: TokenUsage) {
        broker.totals.inputTokens += UInt64(max(0, usage.prompt))
        broker.totals.cachedTokens += UInt64(max(0, usage.cacheRead))
        broker.totals.outputTokens += UInt64(max(0, usage.output))
    }

    private func write(isWhole: Bool) {
        record.event = isWhole ? .answered : .failed
        record.code = failure?.code
        record.reason = failure?.detail
        record.spent = broker.budget.spent
        record.bytesUp = client.bytesReceived
        record.bytesDown = client.bytesSent
        record.milliseconds = (broker.loop.now - client.begunNanoseconds) / 1_000_000
        broker.ledger.append(record)
        broker.totals.bytesUp += record.bytesUp
        broker.totals.bytesDown += record.bytesDown
        kept.write(number: record.number, isWhole: isWhole, to: broker)
    }
}

// MARK: Answers

extension Exchange: TransferTaker {
    func take(head: ModelAnswerHead) -> Bool {
        record.status = head.status
        do throws(UpstreamFailure) {
            let fields = try AnswerHead.passed(head, sieve)
            meter = UsageMeter(admitted, head)
            kept.begin(head.status, fields)
            hasAnswered = true
            record.clientStatus = head.status
            if !isGone { client.send(AnswerHead.bytes(head.status, fields, isChunked: client.knowsChunks)) }
            return true
        } catch {
            failure = error
            return false
        }
    }

    func take(body: UnsafeRawBufferPointer) -> Transfer.Taken {
        guard isUnderWay else { return .never }
        if !isGone, client.isFull { return .later }
        if record.firstMilliseconds == nil {
            record.firstMilliseconds = (broker.loop.now - client.begunNanoseconds) / 1_000_000
        }
        unread += UInt64(body.count)
        let most = isGone ? Self.drainBytes : Self.mostBytes
        guard unread <= most else {
            failure = UpstreamFailure(.tooLarge, "the answer is larger than \(most >> 20) MiB")
            return .never
        }
        let passed = sieve.take(body)
        guard !sieve.isFound else {
            failure = Self.leak
            return .never
        }
        body.withMemoryRebound(to: UInt8.self) { meter?.feed($0.span) }
        pass(passed)
        return .taken
    }

    private static let leak = UpstreamFailure(.leak, "the upstream's answer has the credential in it")

    private func pass(_ bytes: [UInt8]) {
        guard !bytes.isEmpty else { return }
        kept.append(bytes)
        guard !isGone else { return }
        client.send(client.knowsChunks ? HTTPResponse.chunk(bytes[...]) : bytes)
    }

    func ended(_ result: Transfer.Result) {
        switch result {
        case .complete:
            pass(sieve.end())
            if sieve.isFound { failure = failure ?? Self.leak }
        case .notSent(let reason):
            failure = failure ?? UpstreamFailure(.unreachable, "the upstream cannot be reached (\(reason))")
        case .cut(let reason): failure = failure ?? UpstreamFailure(.cut, "the upstream's answer was cut (\(reason))")
        case .ended: failure = failure ?? UpstreamFailure(.format, "the upstream's answer has a malformed head")
        }
        conclude(result)
    }
}
