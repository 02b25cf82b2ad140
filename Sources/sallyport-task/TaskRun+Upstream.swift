// SPDX-License-Identifier: Apache-2.0
internal import Delivery
internal import Documents
internal import LinuxSystem
internal import Workspace

/// A task's repository where it is none of this host: read before anything runs, written when every gate has spoken.
extension TaskRun {
    mutating func prepareFromUpstream() throws(TaskFailure) -> ObjectID {
        guard var upstream else { throw TaskFailure(message: "the task has no upstream") }
        let reference = "refs/heads/\(branch)"
        let store = try upstream.copy()
        try upstream.read(store, step, branch: reference)
        try keep(upstream)
        // One that is there already is somebody's: the forge says whether a task may move it. Of a pull request it was asked.
        if upstream.found != nil, order.pull == nil, order.deliver != .patch {
            try order.forge?.requireUnprotected(branch)
        }
        try audit.record(.upstreamRead(evidence.json(files: [])))
        let base = try prepare(
            from: [MirrorStore.repositoryName, "--within", store.copy, "--become", store.owner])
        // Until here nobody else has moved what was read.
        _ = store.lock.number
        try upstream.requireStart(base, branch: reference)
        return base
    }

    /// Brings the delivered branch to the upstream; the evidence holds the outcome where that does not come off.
    mutating func pushToUpstream(_ delivered: Delivered) throws(TaskFailure) {
        guard var upstream else { return }
        guard try askForCredential(), try ask({ .push($0) }) else { return }
        Progress.say("task \(identifier): bringing \(branch) to \(upstream.url.text)")
        let arrival = upstream.push(
            delivered.commit, as: "refs/heads/\(branch)", from: delivery.repository, processes,
            identity: delivery.quarantineOwner)
        try keep(upstream)
        switch arrival {
        case .arrived: evidence.pushed = true
        case .moved(let reason): (evidence.outcome, evidence.refusal) = (.upstreamMoved, reason)
        case .failed(let failure):
            (evidence.outcome, evidence.refusal) = (.pushFailed, failure.description)
            evidence.blockedAtUpstream = failure.blocked
        case .interrupted: evidence.outcome = .interrupted
        }
        try audit.record(.upstreamPushed(evidence.json(files: [])))
    }

    private mutating func keep(_ upstream: TaskUpstream) throws(TaskFailure) {
        self.upstream = upstream
        evidence.upstream = upstream.json
    }

    /// Writes down each use of the credential so far, in the order in which it was noted. What comes after the seal, a digest
    /// that is told to the forge and the end of a token, is in the host's own ledger alone.
    mutating func recordUses() throws(TaskFailure) {
        let ledgers = [upstream?.ledger, order.forge?.ledger].compactMap { $0 }
        evidence.credentialUses = order.forge?.ledger.uses.count ?? 0
        let lines = TransferLedger.merged(ledgers, of: evidence.correlation)
        if !lines.isEmpty { try delivery.write(Manifest.usesName, lines) }
    }
}
