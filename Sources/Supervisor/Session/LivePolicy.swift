// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import Glibc
internal import Isolation
internal import LinuxSystem
internal import Policy
internal import Wire

/// Changes of a running session's egress policy: read, checked, written down, handed to its gateway, answered.
///
/// The policy of a generation is a file of the session's directory before any decision is made by it, so that every
/// line of the audit can be explained. Whether the operator's ceiling allows it was decided by the command that asks:
/// whoever can connect could lift the ceiling as well.
final class LivePolicy {
    /// Who wants a change.
    enum Asker {
        /// A command, on the control socket.
        case guest
        /// An answer about a name.
        case host
    }

    private let session: SessionID
    private let directory: Directory
    private let network: NetworkPlan
    private let door: EgressDoor
    /// What the session was started with stays, whatever the new policy says.
    private let serves: [VirtualHost]
    private let packages: PackageService?
    private let mostBytesUp: UInt64?
    /// In force.
    private(set) var current: EgressPolicy
    /// Handed to the gateway, which has not answered yet.
    private var proposed: (policy: EgressPolicy, asker: Asker)?

    init(
        _ session: SessionID, _ directory: consuming Directory, _ network: NetworkPlan, _ door: EgressDoor,
        begun: EgressPolicy, serves: [VirtualHost], packages: PackageService?, mostBytesUp: UInt64?
    ) {
        current = begun
        self.packages = packages
        self.mostBytesUp = mostBytesUp
        self.serves = serves
        self.session = session
        self.directory = directory
        self.network = network
        self.door = door
    }

    /// Begins a change. Returns the refusal, or nil when the gateway will answer.
    func begin(_ document: borrowing Descriptor) -> SessionReply? {
        let policy: EgressPolicy
        do {
            let json = try SealedDocument.read(document, limit: SessionRequest.longestDocument, name: "egress policy")
            let sent = try EgressPolicy(json: json)
            if let packages, let refusal = sent.wayAround(packages) { throw refusal }
            policy = serves.isEmpty ? sent : try sent.withoutVirtualHosts().serving(serves)
        } catch { return Self.refused(.document, "\(error)") }
        return begin(policy, .guest)
    }

    /// The same with a policy of ours.
    func begin(_ policy: EgressPolicy, _ asker: Asker) -> SessionReply? {
        if door.failure != nil { return Self.refused(.gateway, Self.gone) }
        if proposed != nil {
            return Self.refused(
                .busy,
                "cannot change the session: another change is under way (EBUSY). Try again when it has ended.")
        }
        if let reason = unusable(policy) { return reason }
        do throws(SystemError) {
            guard let generation = door.state.next else {
                throw SystemError(
                    "change", "the policy of session \(session)", Errno(EOVERFLOW), remedy: "Start a new session.")
            }
            let configuration = EgressConfiguration(
                session: session.text, generation: generation, hosts: try HostsFile.lines(for: policy),
                policy: policy, mostBytesUp: mostBytesUp)
            try directory.replace(
                SessionAudit.policyFile(Int(generation)), with: Array(configuration.json.prettyText.utf8) + [10])
            try door.change(configuration)
            proposed = (policy, asker)
            return nil
        } catch { return Self.refused(.system, error.description) }
    }

    /// A change has ended; who wanted it, or nil where there was none.
    func conclude(_ outcome: EgressDoor.Change) -> Asker? {
        defer { proposed = nil }
        if case .applied = outcome, let proposed { current = proposed.policy }
        return proposed?.asker
    }

    /// The answer for what the gateway made of a change.
    static func reply(to outcome: EgressDoor.Change) -> SessionReply {
        switch outcome {
        case .applied(let generation, let cut): .applied(generation: generation, cut: cut)
        case .unusable:
            refused(
                .gateway,
                "cannot change the policy: the gateway could not read it (EBADMSG). Use sallyport and sallyport-gateway of "
                    + "the same build.")
        case .gone: refused(.gateway, gone)
        }
    }

    private static let gone =
        "cannot change the policy: the session's gateway has ended (EPIPE). Nothing leaves the session any more; start a "
        + "new one."

    private static func refused(_ reason: SessionReply.Refusal.Reason, _ text: String) -> SessionReply {
        .refused(SessionReply.Refusal(reason, text))
    }

    // MARK: What this session cannot do

    private func unusable(_ policy: EgressPolicy) -> SessionReply? {
        if policy.observes {
            return Self.refused(
                .document,
                "cannot read the egress policy: it observes (EINVAL). Only `sallyport profile learn` starts such a session."
            )
        }
        if let rule = policy.rules.first(where: { if case .registry = $0.target { true } else { false } }) {
            return Self.refused(
                .document,
                "cannot read the egress policy: \"\(rule.subject)\" has no hosts (EINVAL). Send the rules it stands for."
            )
        }
        let sockets = door.grants?.grants ?? []
        if let rule = policy.socketRules.first(where: { $0.socket.map { !sockets.contains($0) } ?? false }) {
            return Self.refused(
                .socket,
                "cannot grant \"\(rule.subject)\" (\(rule.origin)) to session \(session), which was not started with it "
                    + "(EADDRNOTAVAIL). Start a new session: a running one can lose a socket and have it back, and no more."
            )
        }
        guard !network.transparent, let (rule, ports) = unheard(policy) else { return nil }
        return Self.refused(
            .port,
            "cannot open \(ports) for \"\(rule.subject)\" (\(rule.origin)) in session \(session): it listens on port "
                + "\(network.ports.map { String($0) }.joined(separator: ", ")) only (EADDRNOTAVAIL). Start a new session; "
                + "one whose rules name a port of 1024 or above from the start listens on all of them.")
    }

    /// The first rule with a port that nothing listens on. The sockets were made before the session gave up the right to.
    private func unheard(_ policy: EgressPolicy) -> (rule: EgressRule, ports: String)? {
        for rule in policy.rules where !rule.isDeny {
            switch rule.ports {
            case .any: return (rule, "any port")
            case .list(let ports):
                if let port = ports.first(where: { !network.ports.contains($0) }) { return (rule, "port \(port)") }
            }
        }
        return nil
    }
}
