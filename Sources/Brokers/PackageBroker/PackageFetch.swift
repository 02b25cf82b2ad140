// SPDX-License-Identifier: Apache-2.0
internal import Egress
internal import Glibc
internal import LinuxSystem
internal import Policy

/// Hears of one fetch: once how its body begins, then its pieces, then its end.
protocol PackageTaker: AnyObject {
    func begins(type: String, length: Int?)
    func take(_ piece: [UInt8])
    /// Whether a piece can be taken now; when it can again, ``PackageFetch/goOn()`` says so.
    var takesMore: Bool { get }
    func ended(_ failure: PackageFetch.Failure?)
}

/// One GET at an index, redirects followed here: to hosts of that index, over the same kind of connection, and to no other.
///
/// Nothing of the session's request goes out but a name of a project or a path that the index itself had written.
final class PackageFetch {
    /// Why there is no answer, or no whole one.
    struct Failure: Error {
        /// The index says that there is no such thing; else it, or the way to it, is at fault.
        var isMissing = false
        /// In words, without anything secret.
        let detail: String
    }

    private let names: VettedNames
    private let pool: TransferPool
    private let egress: EgressPolicy
    private let index: PackageSite.Index
    private let accept: String
    private let mostBytes: UInt64
    private weak var taker: (any PackageTaker)?
    private(set) var location: PackageLocation
    private var transfer: Transfer?
    private var redirects = 0
    private var next: PackageLocation?
    private var received: UInt64 = 0
    private var sieve: SecretSieve
    private var failure: Failure?
    private var isOver = false
    private var isInCallback = false

    private static let mostRedirects = 4

    /// - Parameter mostBytes: What the body may have.
    init(
        _ broker: PackageBroker, _ index: PackageSite.Index, _ location: PackageLocation, accept: String,
        mostBytes: UInt64, _ taker: any PackageTaker
    ) {
        names = broker.names
        pool = broker.pool
        egress = broker.site.egress
        self.index = index
        self.location = location
        self.accept = accept
        self.mostBytes = mostBytes
        self.taker = taker
        sieve = SecretSieve(index.secrets)
    }

    func begin() {
        guard let host = index.hosts[location.origin] else {
            return end(
                Failure(
                    detail: "index \"\(index.name)\" sends to \(location.origin.authority), which is none of its hosts")
            )
        }
        names.find(host.name, known: host.known, rule: host.rule, policy: egress) { [weak self] answer in
            guard let self, !isOver else { return }
            switch answer {
            case .failure(let reason): end(Failure(detail: "index \"\(index.name)\": \(reason.detail)"))
            case .success(let addresses): send(host, addresses)
            }
        }
    }

    private func send(_ host: PackageSite.Host, _ addresses: [IPAddress]) {
        let made = Transfer(
            host.settings, addresses, method: "GET", path: location.path,
            fields: [ModelField("Accept", accept), ModelField("User-Agent", "sallyport")], body: [],
            credential: host.credential.map { [$0] } ?? [], self)
        guard let made, pool.add(made) else { return end(Failure(detail: "there is no memory for the request")) }
        transfer = made
    }

    /// The taker takes more.
    func goOn() { transfer?.goOn() }

    /// Nobody waits for it any more; nothing is heard of it.
    func cancel() {
        isOver = true
        // Within a call of its own it ends by what that call returns. curl_multi_remove_handle(3)
        if let transfer, !isInCallback { pool.remove(transfer) }
        transfer = nil
    }

    private func end(_ failure: Failure?) {
        guard !isOver else { return }
        isOver = true
        transfer = nil
        taker?.ended(failure)
    }
}

extension PackageFetch: TransferTaker {
    func take(head: ModelAnswerHead) -> Bool {
        isInCallback = true
        defer { isInCallback = false }
        do throws(Failure) {
            try judge(head)
            // The body of a redirect is nobody's.
            return next == nil && !isOver
        } catch {
            failure = error
            return false
        }
    }

    private func judge(_ head: ModelAnswerHead) throws(Failure) {
        func values(_ name: String) -> [String] { head.fields.filter { $0.name == name }.map(\.value) }
        switch head.status {
        case 200: break
        case 301, 302, 303, 307, 308:
            guard redirects < Self.mostRedirects, values("location").count == 1,
                let target = location.resolving(values("location")[0])
            else { throw Failure(detail: "index \"\(index.name)\" redirects to nowhere") }
            next = target
            return
        case 404, 410: throw Failure(isMissing: true, detail: "index \"\(index.name)\" has no such package or file")
        case 401, 403:
            throw Failure(
                detail: "index \"\(index.name)\" does not let the operator in, or has it not (\(head.status))")
        default: throw Failure(detail: "index \"\(index.name)\" answered with status \(head.status)")
        }
        guard values("content-encoding").allSatisfy({ $0.lowercased() == "identity" }) else {
            throw Failure(detail: "index \"\(index.name)\" answered compressed, though that was not asked for")
        }
        let length = values("content-length").first.flatMap { Int($0) }.flatMap { $0 < 0 ? nil : $0 }
        guard UInt64(length ?? 0) <= mostBytes else { throw tooLarge }
        let type = values("content-type").first?.split(separator: ";").first.map { $0.lowercased() } ?? ""
        taker?.begins(type: String(type.filter { $0 != " " }), length: length)
    }

    private var tooLarge: Failure {
        Failure(detail: "index \"\(index.name)\" sends more than \(mostBytes >> 20) MiB")
    }

    func take(body: UnsafeRawBufferPointer) -> Transfer.Taken {
        guard let taker, !isOver else { return .never }
        isInCallback = true
        defer { isInCallback = false }
        guard taker.takesMore else { return .later }
        received += UInt64(body.count)
        guard received <= mostBytes else {
            failure = tooLarge
            return .never
        }
        let passed = sieve.take(body)
        guard !sieve.isFound else {
            failure = Failure(detail: "index \"\(index.name)\" repeats the credential in its answer")
            return .never
        }
        if !passed.isEmpty { taker.take(passed) }
        return isOver ? .never : .taken
    }

    func ended(_ result: Transfer.Result) {
        if let failure { return end(failure) }
        if let next {
            location = next
            self.next = nil
            redirects += 1
            return begin()
        }
        switch result {
        case .complete: break
        case .notSent(let reason):
            return end(Failure(detail: "index \"\(index.name)\" cannot be reached (\(reason))"))
        case .cut(let reason): return end(Failure(detail: "the answer of index \"\(index.name)\" was cut (\(reason))"))
        case .ended: return end(Failure(detail: "the answer of index \"\(index.name)\" has a malformed head"))
        }
        let rest = sieve.end()
        guard !sieve.isFound else {
            return end(Failure(detail: "index \"\(index.name)\" repeats the credential in its answer"))
        }
        if !rest.isEmpty { taker?.take(rest) }
        end(nil)
    }
}
