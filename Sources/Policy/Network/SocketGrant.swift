// SPDX-License-Identifier: Apache-2.0

/// A Unix socket of the host that a session may talk to, and the name by which it finds it.
///
/// What stands inside is a socket of the session's own, on which its gateway listens; the host's is never shown there.
package struct SocketGrant: Sendable, Hashable {
    /// On the host.
    package let path: RulePath
    /// The file's name inside, in ``directory``; programs may insist on one, such as `.s.PGSQL.5432`.
    package let name: String

    /// Where a session finds its sockets.
    package static let directory = "/run/sockets"
    /// More would crowd the gateway's start message.
    package static let most = 16

    /// Nil for a name that is none of a file, or not plain.
    package init?(path: RulePath, name: String) {
        guard Self.isName(name), !path.components.isEmpty else { return nil }
        self.path = path
        self.name = name
    }

    package static func isName(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count) && text != "." && text != ".."
            && text.utf8.allSatisfy { byte in
                (0x61...0x7A).contains(byte) || (0x41...0x5A).contains(byte) || (0x30...0x39).contains(byte)
                    || "._-".utf8.contains(byte)
            }
    }

    /// The path inside.
    package var inside: String { "\(Self.directory)/\(name)" }
}

extension SocketGrant {
    /// A kind of service that acts for whoever talks to it, far beyond what any session may do.
    package enum Forbidden: Sendable, Hashable, CaseIterable {
        case containerEngine, serviceManager, messageBus

        package var words: String {
            switch self {
            case .containerEngine: "the socket of a container engine, which starts programs with the host's rights"
            case .serviceManager: "a socket of the service manager, which starts programs with the host's rights"
            case .messageBus: "a message bus, which leads to every service on it"
            }
        }
    }

    private static let engineSockets: Set<String> = [
        "docker.sock", "podman.sock", "containerd.sock", "containerd.sock.ttrpc", "crio.sock", "cri-dockerd.sock",
        "dockershim.sock", "buildkitd.sock", "balena-engine.sock",
    ]
    private static let engines: Set<String> = [
        "docker", "podman", "libpod", "containerd", "crio", "cri-dockerd", "buildkit", "lxd", "incus", "libvirt",
    ]

    /// What a socket is that no session may have; nil for any other. A path says so by itself: ask again with the one that it
    /// resolves to.
    package static func forbidden(_ path: RulePath) -> Forbidden? {
        let parts = path.components.map { String(decoding: $0, as: UTF8.self).lowercased() }
        guard let last = parts.last else { return nil }
        if engineSockets.contains(last) || last == "unix.socket" && parts.contains(where: { engines.contains($0) }) {
            return .containerEngine
        }
        if last == "system_bus_socket" { return .messageBus }
        // Beneath the places of sockets, where directories bear the names of services.
        var below = parts[...]
        if below.starts(with: ["var", "run"]) { below = below.dropFirst() }
        guard below.popFirst() == "run" else { return nil }
        let isOfUser = below.starts(with: ["user"])
        if isOfUser { below = below.dropFirst(2) }
        if below.contains(where: { engines.contains($0) }) { return .containerEngine }
        switch below.first {
        case "systemd": return .serviceManager
        case "dbus", "dbus-1": return .messageBus
        case "bus" where isOfUser: return .messageBus
        default: return nil
        }
    }
}

extension EgressRule {
    /// The socket that the rule grants; nil for every other kind of rule.
    package var socket: SocketGrant? { if case .socket(let grant) = target { grant } else { nil } }
}

extension EgressPolicy {
    /// The rules that grant sockets, in their order.
    package var socketRules: [EgressRule] { rules.filter { $0.socket != nil } }

    /// The rule that grants exactly this socket under exactly this name.
    package func rule(for grant: SocketGrant) -> EgressRule? { rules.first { $0.socket == grant } }
}
