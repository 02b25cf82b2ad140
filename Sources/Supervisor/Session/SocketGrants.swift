// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import Isolation
internal import LinuxSystem
internal import Policy

/// The sockets of the host that a session may talk to: its own sides of them, and the connections that its gateway asks for.
///
///     task ── /run/sockets/NAME (ours, one per session) ── gateway ── asks ──▶ supervisor ── connect ──▶ the host's socket
///                                                                   ◀── SCM_RIGHTS ──┘
///
/// The host's socket is never shown inside, so neither its other clients nor its place can be seen there; the gateway can
/// reach no path, so that whoever took it over could have the granted ones only. The connection is made as the gateway's
/// own id, which nothing else has: the service must not take the session for root. unix(7), SO_PEERCRED
final class SocketGrants {
    let grants: [SocketGrant]
    /// The gateway's ends of the session's sides, in the order of ``grants``.
    private(set) var listeners: [Int32] = []
    private var held = DescriptorSet()
    private let place: String
    private let paths: HostPaths
    /// Whom services see; nil is the caller.
    private let identity: UInt32?
    /// How many connections may be asked for now, and when they were last counted.
    private var credit = SocketGrants.burst
    private var counted = sp_clock_ns(CLOCK_MONOTONIC)

    private static let name = "sockets"
    private static let backlog: Int32 = 128
    /// What the gateway takes from its session; more is asked by none that is still ours.
    private static let burst: UInt64 = 256
    private static let nanosecondsPerConnection: UInt64 = 10_000_000

    /// Makes the session's sides; nil for a policy that grants none.
    ///
    /// - Parameters:
    ///   - directory: The session's own, in which nobody else can make a name.
    ///   - identity: The gateway's id on the host; nil in rootless mode.
    init?(
        _ policy: EgressPolicy, _ directory: borrowing Directory, _ paths: HostPaths, identity: UInt32?
    ) throws(SystemError) {
        grants = policy.socketRules.compactMap { $0.socket }
        place = directory.path + "/" + Self.name
        self.paths = paths
        self.identity = identity
        if grants.isEmpty { return nil }
        // A socket that is not there, or that no session may have, is better known before anything runs.
        for grant in grants { _ = try HostSocket.open(grant, paths) }
        try directory.make(Self.name, mode: 0o755)
        let own = try directory.directory(Self.name)
        let parent = own.fd.number
        // Whatever the caller's umask is, a task has to pass.
        try checked("open up", "\"\(place)\"") { sp_fchmod(parent, 0o755) }
        for grant in grants {
            let listener = try checked("listen on", "\"\(place)/\(grant.name)\"") {
                sp_open_listen(parent, grant.name, Self.backlog)
            }
            listeners.append(held.keep(Descriptor(owning: Int32(listener))))
        }
    }

    /// Where they stand inside: their directory, read-only, which keeps nobody from connecting.
    func tree(_ trees: Trees) throws(SystemError) -> SandboxSpec.Tree {
        try trees.open(place, at: String(SocketGrant.directory.dropFirst()))
    }

    /// Lets go of the gateway's ends, so that they end with it.
    func handedOver() {
        held.closeAll()
        listeners = []
    }

    /// Connects to the socket of a grant, by its number from 1.
    ///
    /// Looked up anew each time, since a service that starts again makes a new file, and judged anew with it.
    func connect(_ number: UInt16) throws(SystemError) -> Descriptor {
        guard number > 0, Int(number) <= grants.count else {
            throw SystemError("connect to", "socket \(number)", .invalid)
        }
        let grant = grants[Int(number) - 1]
        guard take() else { throw SystemError("connect to", "socket \"\(grant.path)\"", .again) }
        let file = try HostSocket.open(grant, paths)
        let target = file.number
        return Descriptor(
            owning: Int32(
                try checked("connect to", "socket \"\(grant.path)\" of the host") {
                    identity.map { sp_connect_local_as(target, $0) } ?? sp_connect_local(target)
                }))
    }

    private func take() -> Bool {
        let now = sp_clock_ns(CLOCK_MONOTONIC)
        let earned = (now - counted) / Self.nanosecondsPerConnection
        counted += earned * Self.nanosecondsPerConnection
        credit = min(Self.burst, credit + earned)
        guard credit > 0 else { return false }
        credit -= 1
        return true
    }
}
