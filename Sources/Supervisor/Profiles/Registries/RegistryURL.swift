// SPDX-License-Identifier: Apache-2.0
internal import Policy

/// The part of a client's URL that a rule can be made of. User names and passwords in it are dropped unread.
struct RegistryURL {
    private enum Host {
        case name(HostName)
        case address(IPAddress)
    }

    private let host: Host
    private let port: UInt16
    private let isEncrypted: Bool

    /// Schemes that reach no network.
    private static let local: Set<String> = ["file", "cdrom", "copy", "rsh", "ssh-local"]

    /// The endpoint of a location; nil for a file of the host.
    static func read(_ location: Registries.Location, of client: RegistryClient) throws(PolicyError) -> RegistryURL? {
        func refused(_ why: String) -> PolicyError {
            PolicyError(
                "\(client.rawValue) is configured for a place that \(why)", file: location.origin,
                remedy: "Correct it there, or name the host in a rule of its own.", operation: "expand")
        }
        let text = location.url
        if text.hasPrefix("/") || text.hasPrefix("./") || text.hasPrefix("~") { return nil }
        guard !text.contains("$") else { throw refused("is written with a variable") }
        guard let colon = text.firstIndex(of: ":") else { throw refused("is no URL") }
        // "sparse+https" and "mirror+http" name a protocol and, behind the plus, how it is carried.
        let scheme = text[..<colon].split(separator: "+").last.map { $0.lowercased() } ?? ""
        if local.contains(scheme) { return nil }
        guard scheme == "http" || scheme == "https" else { throw refused("is neither http nor https") }
        let rest = text[text.index(after: colon)...]
        guard rest.hasPrefix("//") else { throw refused("is no URL") }
        let authority = rest.dropFirst(2).prefix { !"/?#".contains($0) }
        let endpoint = authority.lastIndex(of: "@").map { authority[authority.index(after: $0)...] } ?? authority
        guard let parts = split(endpoint) else { throw refused("names no host") }
        let standard: UInt16 = scheme == "https" ? 443 : 80
        guard let port = parts.port.map({ UInt16($0) }) ?? standard, port > 0 else {
            throw refused("has no port number")
        }
        if let address = IPAddress(text: parts.host) {
            return RegistryURL(host: .address(address), port: port, isEncrypted: scheme == "https")
        }
        guard let name = HostName(parts.host) else { throw refused("names no host") }
        return RegistryURL(host: .name(name), port: port, isEncrypted: scheme == "https")
    }

    private static func split(_ text: Substring) -> (host: String, port: String?)? {
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { return nil }
            let host = String(text[..<end].dropFirst())
            let tail = text[end...].dropFirst()
            if tail.isEmpty { return (host, nil) }
            return tail.hasPrefix(":") ? (host, String(tail.dropFirst())) : nil
        }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count <= 2 else { return nil }
        return (String(parts[0]), parts.count == 2 ? String(parts[1]) : nil)
    }

    func rule(
        of client: RegistryClient, origin: String, reason: String, addresses: [AddressBlock]?
    ) -> EgressRule {
        switch host {
        case .name(let name):
            EgressRule(
                origin: origin, reason: reason, target: .host(HostPattern(.exact, name)), ports: .list([port]),
                // Written out only where the port does not say it.
                tls: isEncrypted ? (port == 443 ? nil : .sni) : (port == 80 ? nil : .plain), addresses: addresses,
                madeFrom: client)
        case .address(let address):
            EgressRule(
                origin: origin, reason: reason,
                target: .cidr(AddressBlock(containing: address, prefixLength: address.bytes.count * 8)),
                ports: .list([port]), addresses: addresses, madeFrom: client)
        }
    }
}
