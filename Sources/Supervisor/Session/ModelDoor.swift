// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import Isolation
internal import LinuxSystem
internal import Policy
internal import Wire

/// The files of a session that its model broker writes.
enum ModelFiles {
    /// One line for each request: what it was, what it used, what it cost.
    static let ledger = "model.jsonl"
    /// What was said, without what looks like a secret.
    static let transcript = "model-transcript.jsonl"
    /// The same to the byte, which a replay is made from: nobody's but root's, and copied nowhere.
    static let record = "model-record.jsonl"
}

/// One session's model broker, as its supervisor sees it.
///
/// It is the only process with the secrets of the upstreams. When it ends early no model is served any more; the session
/// goes on, and its record says so.
final class ModelDoor {
    private enum Phase { case starting, serving, closing, ended }

    /// What it appends to, in the order in which it gets them.
    struct Files: ~Copyable {
        fileprivate let ledger: Descriptor
        fileprivate let transcript: Descriptor
        fileprivate let record: Descriptor

        init(_ directory: borrowing Directory) throws(SystemError) {
            let flags = O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW
            let ledger = try directory.open(ModelFiles.ledger, flags, mode: 0o600)
            let transcript = try directory.open(ModelFiles.transcript, flags, mode: 0o600)
            record = try directory.open(ModelFiles.record, flags, mode: 0o600)
            self.ledger = ledger
            self.transcript = transcript
        }
    }

    private let process: GatewayProcess
    private var phase = Phase.starting
    /// As it told last; ``failure`` says whether that was its end.
    private(set) var totals = ModelReport.Totals()
    /// What went wrong with it.
    private(set) var failure: SystemError?
    private var connections: Descriptor?
    private var brokersEnd: Descriptor?

    /// The socket to wait on; ``heed()`` takes what is there.
    var number: Int32 { process.number }

    /// Where the egress gateway hands connections over; nil once it has its copy.
    var door: Int32? { connections?.number }

    /// Starts the program; ``begin(_:session:hosts:environment:files:options:)`` comes next.
    ///
    /// - Parameter groups: What limits it; nil where the session has none either.
    init(
        _ programs: Programs, _ paths: HostPaths, identity: ConfinedProgram.Identity, groups: ConfinedProgram.Groups?
    ) throws(SystemError) {
        process = try GatewayProcess.start(.model, programs, paths, identity: identity, groups: groups)
        // What the session makes it hold is the session's; a caller without root shares one id, and may not lower it again.
        if case .host = identity { try FirstToGo.mark([process.identifier()]) }
        let pair = try Channel.messages()
        connections = try pair.first.duplicate()
        brokersEnd = try pair.second.duplicate()
    }

    // MARK: Start

    /// Hands over what is served and the secrets, which are read here and overwritten, also where the caller had put them
    /// into variables; ``ready()`` comes next.
    func begin(
        _ access: ModelAccess, session: String, hosts: [EgressConfiguration.HostLine],
        environment: CallerEnvironment, files: consuming Files, options: ModelStart.Options
    ) throws(SystemError) {
        guard let end = brokersEnd.take() else { return }
        let configuration = ModelConfiguration(
            session: session, hosts: hosts, service: access.service, prices: access.prices.text,
            pricesFile: access.prices.file)
        let document = try SealedDocument.make(configuration.json, name: "model configuration")
        let secrets = DescriptorSet()
        var numbers = [document.number, end.number, files.ledger.number, files.transcript.number, files.record.number]
        for reference in access.credentials {
            let secret: Secret
            do throws(CredentialError) { secret = try environment.secret(reference) } catch {
                throw SystemError("serve", "models", .accessDenied, remedy: error.description)
            }
            numbers.append(secrets.keep(try SealedDocument.make(secret, name: "secret")))
        }
        for reference in access.credentials { environment.forget(reference) }
        let start = ModelStart(options: options, secrets: access.credentials.count)
        try process.send(ModelCommand.start(start).encoded(), descriptors: numbers)
    }

    /// The egress gateway has its end: with this copy open, its death would go unnoticed by the broker.
    func handedOver() { connections = nil }

    /// Waits until connections are served.
    func ready() throws(SystemError) {
        let isInTime = process.wait(until: { phase != .starting || failure != nil }, heed: { _ = heed() })
        if let failure { throw failure }
        guard isInTime else { throw process.late }
    }

    // MARK: While the session runs

    /// Takes one report; false when no more will come.
    func heed() -> Bool {
        do throws(SystemError) {
            guard let report = try process.receive(limit: ModelReport.longest, ModelReport.init(decoding:)) else {
                return true
            }
            switch (report, phase) {
            case (.ready, .starting):
                phase = .serving
                return true
            case (.refused(let refusal), .starting): throw process.failure(refusal)
            case (.unusable(let reason), .starting):
                throw SystemError("serve", "models", .invalid, remedy: reason)
            case (.running(let totals), .serving), (.running(let totals), .closing):
                self.totals = totals
                return true
            case (.ended(let totals), .closing):
                self.totals = totals
                phase = .ended
                return false
            case (.ready, _), (.refused, _), (.unusable, _), (.running, _), (.ended, _):
                throw SystemError(
                    "go on with", "the model broker, whose report is out of order", Errno(EPROTO),
                    remedy: "It was ended; no model is served any more.")
            }
        } catch {
            failure = failure ?? error
            process.dismiss()
            return false
        }
    }

    // MARK: End

    /// Tells it to end, as soon as nobody is left inside; ``finish()`` has what it reports meanwhile.
    func close() {
        connections = nil
        guard failure == nil && phase == .serving else { return }
        phase = .closing
        process.tell(ModelCommand.close.encoded())
    }

    /// Takes the last report and ends it. Nothing happens the second time.
    func finish() {
        close()
        if !process.wait(until: { phase != .closing || failure != nil }, heed: { _ = heed() }) {
            failure = SystemError(
                "end", "the model broker", Errno(ETIMEDOUT), remedy: "It gave no account of itself, and was killed.")
        }
        process.dismiss()
    }

    /// Returns when nothing of it can use its id or the secrets any more.
    func leave() { process.leave() }
}
