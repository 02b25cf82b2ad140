// SPDX-License-Identifier: Apache-2.0
internal import Egress
internal import LinuxSystem
internal import Wire
internal import Workspace

/// Push: the commands judged, the pack taken by libgit2 into a place of its own, its history compared, and only then a
/// branch moved. Nothing of a push that breaks a rule stays, and nothing runs that could be told to do anything else.
extension GitConnection {
    private static let resultType = "application/x-git-receive-pack-result"
    private static let turnSeconds: UInt32 = 300

    /// What is there, before a push.
    func advertise() -> GitOutcome {
        do throws(GitError) {
            let references = try Self.quarantine().references()
            send(
                .ok,
                HTTPResponse.whole(
                    .ok, type: "application/x-git-receive-pack-advertisement", body: Advertisement.encoded(references)))
            return .told
        } catch {
            return refuse(
                .internalError, "the repository cannot be read; see the session's record", because: "\(error)")
        }
    }

    private static func quarantine() throws(GitError) -> Quarantine {
        try Quarantine(at: BrokerView.quarantine, sharing: BrokerView.mirror + "/objects")
    }

    func push(_ head: RequestHead, _ rest: [UInt8]) -> GitOutcome {
        do throws(IncomingBody.Failure) {
            var body = try IncomingBody(head, rest: rest, limit: site.packBytes + PushRequestReader.mostBytes)
            var reader = PushRequestReader()
            while reader.state == .needMore {
                guard let piece = try body.next(&client) else { throw .body(.cut) }
                _ = reader.append(piece.span)
            }
            switch reader.state {
            case .needMore: return .told
            case .refused(let flaw): return refuse(.badRequest, "the push is malformed: \(flaw.reason)")
            case .probe:
                guard reader.rest.isEmpty, try body.next(&client) == nil else {
                    return refuse(.badRequest, "the push is malformed: \(PushFlaw.noCommands.reason)")
                }
                send(.ok, HTTPResponse.whole(.ok, type: Self.resultType, body: []))
                return .told
            case .request(let request):
                var pack = PackSource(first: reader.rest, body: body)
                return conclude(request, judge(request, &pack))
            }
        } catch { return refuse(error) }
    }

    /// What became of the references, and the reason for the ledger where it is not the client's business.
    private func judge(_ request: PushRequest, _ pack: inout PackSource) -> PushReport {
        func refused(_ reasons: [String]) -> PushReport {
            PushReport(results: zip(request.commands, reasons).map { ($0.reference, $1) })
        }
        func refused(unpack reason: String) -> PushReport {
            PushReport(
                unpackFailure: reason, results: request.commands.map { ($0.reference, "the pack was not taken") })
        }
        do throws(GitError) {
            let quarantine = try Self.quarantine()
            let references = try quarantine.references()
            if let reasons = site.rules.refusals(of: request, references: references) {
                try pack.drain(&client)
                return refused(reasons)
            }
            if let reasons = try take(request, &pack, quarantine) { return refused(reasons) }
            return PushReport(results: request.commands.map { ($0.reference, nil) })
        } catch {
            // The rest is read, or the client would not listen.
            do throws(GitError) { try pack.drain(&client) } catch {}
            return refused(unpack: error.code == .refused ? error.reason : "the session's repository cannot be written")
        }
    }

    /// Takes the pack and moves the branches. The reasons when their history does not allow it.
    private func take(_ request: PushRequest, _ pack: inout PackSource, _ quarantine: borrowing Quarantine)
        throws(GitError) -> [String]?
    {
        let turn = try quarantine.turn(within: Self.turnSeconds)
        let (size, full) = (try quarantine.size(), Self.full)
        guard size < site.repositoryBytes else { throw full }
        if try pack.isEmpty(&client) {
            if let reasons = try flaws(request, quarantine) { return reasons }
            try move(request, quarantine)
            return nil
        }
        var budget = Budget()
        budget.bundleBytes = site.packBytes
        var intake = try quarantine.intake(turn, budget: budget)
        let room = site.repositoryBytes - size
        var taken = 0
        while let piece = try pack.next(&client) {
            if taken >> 20 != (taken + piece.count) >> 20 {
                BrokerConfinement.allow(processorSeconds: site.processorSeconds(pack: taken + piece.count))
            }
            taken += piece.count
            guard taken <= room else { throw full }
            try intake.append(piece)
        }
        try intake.check()
        // With its index, and with what a thin pack left out.
        guard try intake.size() <= room else { throw full }
        if let reasons = try flaws(request, quarantine) { return reasons }
        try intake.keep()
        try move(request, quarantine)
        return nil
    }

    private static let full = GitError(
        .refused, "take", "the push", "the session's repository is full", remedy: "Push less.")

    private func flaws(_ request: PushRequest, _ quarantine: borrowing Quarantine) throws(GitError) -> [String]? {
        var reasons: [String?] = []
        for command in request.commands {
            guard let new = command.new else {
                reasons.append("a branch may not be deleted")
                continue
            }
            reasons.append(try quarantine.flaw(moving: command.old, to: new))
        }
        guard reasons.contains(where: { $0 != nil }) else { return nil }
        return reasons.map { $0 ?? PushRules.refusedWithOthers }
    }

    private func move(_ request: PushRequest, _ quarantine: borrowing Quarantine) throws(GitError) {
        var moves: [Quarantine.Move] = []
        for command in request.commands {
            guard let new = command.new else { continue }
            moves.append(Quarantine.Move(reference: command.reference, old: command.old, new: new))
        }
        try quarantine.move(moves)
    }

    private func conclude(_ request: PushRequest, _ report: PushReport) -> GitOutcome {
        note(
            zip(request.commands, report.results).map { ($0, $1.refusal) }, reason: report.unpackFailure)
        // A client that wants no report would take silence for success.
        if report.isRefusal && !request.capabilities.contains(.reportStatus) {
            let reason = report.unpackFailure ?? report.results.compactMap(\.refusal).first ?? "refused"
            send(.forbidden, HTTPResponse.refusal(.forbidden, "the push is refused: \(reason)"))
            return .pushRefused
        }
        let body = report.encoded(for: request.capabilities)
        send(.ok, HTTPResponse.whole(.ok, type: Self.resultType, body: body))
        return report.isRefusal ? .pushRefused : .pushed
    }
}

/// The pack of a push as it comes: what followed the commands first.
private struct PackSource {
    private var held: [UInt8]
    private var body: IncomingBody
    private static let headerBytes = 12
    private static let emptyBytes = 32

    init(first: [UInt8], body: IncomingBody) {
        held = first
        self.body = body
    }

    mutating func next(_ client: inout ClientConnection) throws(GitError) -> [UInt8]? {
        if !held.isEmpty {
            defer { held = [] }
            return held
        }
        do throws(IncomingBody.Failure) { return try body.next(&client) } catch { throw Self.error(error) }
    }

    /// Whether it is a whole pack of no objects, which git sends when everything is there already and which libgit2's
    /// indexer refuses. gitformat-pack(5)
    mutating func isEmpty(_ client: inout ClientConnection) throws(GitError) -> Bool {
        do throws(IncomingBody.Failure) {
            while held.count < Self.headerBytes, let piece = try body.next(&client) { held += piece }
            let none: [UInt8] = Array("PACK".utf8) + [0, 0, 0, 2, 0, 0, 0, 0]
            guard held.starts(with: none) else { return false }
            while held.count <= Self.emptyBytes, let piece = try body.next(&client) { held += piece }
        } catch { throw Self.error(error) }
        guard held.count == Self.emptyBytes else {
            throw GitError(.refused, "read", "the pack", "something follows an empty pack", remedy: "Push again.")
        }
        return true
    }

    /// Reads the rest and drops it: a client that still sends does not read an answer.
    mutating func drain(_ client: inout ClientConnection) throws(GitError) {
        while try next(&client) != nil {}
    }

    private static func error(_ failure: IncomingBody.Failure) -> GitError {
        let reason =
            switch failure {
            case .connection(.timedOut): "the pack did not come in time"
            case .connection(.gone): "the client went away"
            case .body(.tooLarge): "the pack is larger than a push may be"
            case .body(let flaw): flaw.reason
            }
        return GitError(.refused, "read", "the pack", reason, remedy: "Push again.")
    }
}
