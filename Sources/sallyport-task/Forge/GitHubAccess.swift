// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Delivery
internal import Documents
internal import Glibc
internal import LinuxSystem
internal import Workspace

/// GitHub for one task: who the task is there, and the process that speaks for it.
///
///     sallyport-task ── call, credential (memory files) ──▶ step-forge: an id of its own, the network, no file of ours
///          ▲                                                     │ HTTPS
///          └───────────── answer as JSON, read strictly ─────────┘
///
/// A token of an App is minted here for one task, renewed when a long task outlives it, and revoked at the end. The App's
/// key itself is read, used and forgotten in this process, which parses nothing that GitHub says.
final class GitHubAccess {
    enum Source {
        case token(CredentialReference)
        case app(number: Int, key: CredentialReference, installation: Int?)

        /// What a ledger names: where the secret lies.
        var reference: CredentialReference {
            switch self {
            case .token(let reference): reference
            case .app(_, let key, _): key
            }
        }
    }

    let address: GitHubAddress
    let source: Source
    private let scope: AppToken.Scope
    private let step: ConfinedStep
    private let credentials: HostCredentials
    private let authorities: String?
    private let state: String
    /// Each call so far that a credential went along with.
    private(set) var ledger = TransferLedger()
    /// Tokens that are not revoked yet; the last is in use.
    private var minted: [AppToken] = []

    /// A token with less time left is replaced.
    private static let leastLeft = 10 * 60_000
    /// Longest time for one call with all its waits.
    private static let seconds = 600
    private static let longestAnswer = 16 << 20

    init(
        _ address: GitHubAddress, _ source: Source, scope: AppToken.Scope, authorities: String?,
        processes: ChildProcess, environment: [String], state: String
    ) {
        self.address = address
        self.source = source
        self.scope = scope
        self.authorities = authorities
        credentials = HostCredentials(environment: environment)
        self.state = state
        step = ConfinedStep(processes: processes, seconds: Self.seconds)
    }

    var forge: RelayedForge {
        RelayedForge { (call) throws(ForgeError) in
            do throws(TaskFailure) { return try self.ask(call, with: try self.secret()) } catch {
                throw ForgeError(relaying: error.description, at: self.address)
            }
        }
    }

    // MARK: Who the task is

    /// The token, for GitHub and for git; one of an App is minted when there is none, or none that lasts.
    func secret() throws(TaskFailure) -> Secret {
        switch source {
        case .token(let reference): return try credentials.read(reference)
        case .app(let number, let key, let installation):
            if let last = minted.last, last.expires - now > Self.leastLeft { return last.token }
            let statement = try statement(number, key)
            let app = RelayedForge { (call) throws(ForgeError) in
                do throws(TaskFailure) { return try self.ask(call, with: statement) } catch {
                    throw ForgeError(relaying: error.description, at: self.address)
                }
            }
            let token = try reaching { () throws(ForgeError) in try app.mint(installation: installation, scope: scope) }
            minted.append(token)
            return token.token
        }
    }

    /// Revokes what was minted. What cannot be revoked ends by itself within the hour, and the operator is told.
    func end() {
        for token in minted where token.expires > now {
            let relay = RelayedForge { (call) throws(ForgeError) in
                do throws(TaskFailure) { return try self.ask(call, with: token.token) } catch {
                    throw ForgeError(relaying: error.description, at: self.address)
                }
            }
            do throws(ForgeError) { try relay.revoke() } catch {
                Progress.say("note: \(error)")
                Progress.say("note: the task's token ends by itself in \((token.expires - now) / 60_000 + 1) minutes")
            }
        }
        minted = []
    }

    private var now: Int { Int(sp_clock_ns(CLOCK_REALTIME) / 1_000_000) }

    private func statement(_ number: Int, _ reference: CredentialReference) throws(TaskFailure) -> Secret {
        let pem = try credentials.read(reference, asLines: true)
        return try reaching { () throws(ForgeError) in
            try AppKey(pem: pem, reference: reference.text).statement(app: number, seconds: now / 1000)
        }
    }

    // MARK: Asking

    private func ask(_ call: ForgeCall, with credential: Secret) throws(TaskFailure) -> [UInt8] {
        let order: JSON = [
            "repository": .string(address.fullName), "server": .optional(address.server),
            "authorities": .bool(authorities != nil), "call": call.json,
        ]
        let input = try MemoryFile.make(JSONWriter().write(order))
        let answer = try MemoryFile.make()
        let secret = try MemoryFile.sealed(credential, name: "credential")
        let trusted = try MemoryFile.sealed(
            try credentials.certificates(authorities).map { Secret(copying: $0) }, name: "certificates")
        let report: StepReport
        do throws(TaskFailure) {
            report = try step.run(
                ["step-forge", "--become", identity?.text ?? "-"], input: input.number,
                outputs: [answer.number, secret.number, trusted.number])
        } catch {
            // It had the credential, and says nothing of what it did with it.
            try note([.init(method: "?", target: "/", status: nil)])
            throw error
        }
        try note(
            report.all("use").map { line in
                let use = ForgeUses.Use(line)
                return .init(method: use?.method ?? "?", target: use?.target ?? "/", status: use?.status)
            })
        MemoryFile.rewind(answer)
        return try host { () throws(SystemError) in
            try answer.readAll(limit: Self.longestAnswer, subject: "the answer of step-forge")
        }
    }

    /// Writes uses of the credential down, beside those of git's.
    private func note(_ uses: [TransferUse]) throws(TaskFailure) {
        let lines = ledger.add(uses, of: address.repository, with: source.reference)
        try MirrorStore.note(lines, of: .remote(address.repository), state: state)
    }

    private var identity: Confinement.Identity? {
        guard geteuid() == 0 else { return nil }
        let number = OwnIdentities.of(process: getpid(), in: OwnIdentities.forgeSteps)
        return .init(user: number, group: number)
    }
}

extension ForgeError {
    /// A step that did not come to an answer at all.
    fileprivate init(relaying reason: String, at address: GitHubAddress) {
        self.init(.unreachable, "ask", address.text, reason, remedy: "Nothing is known of what was asked for.")
    }
}
