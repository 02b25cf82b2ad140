// SPDX-License-Identifier: Apache-2.0

/// Where an API's requests go: scheme, host, port and the path before the API's own.
///
/// One spelling for each: small letters, no user, no query, no slash at the end.
package struct ModelOrigin: Sendable, Hashable, CustomStringConvertible {
    package enum Host: Sendable, Hashable {
        case name(HostName)
        case address(IPAddress)
    }

    package let isTLS: Bool
    package let host: Host
    package let port: UInt16
    /// Empty, or "/" and parts of plain letters.
    package let path: String

    /// The same without its path.
    package var root: ModelOrigin { ModelOrigin(isTLS: isTLS, host: host, port: port, path: "") }

    private init(isTLS: Bool, host: Host, port: UInt16, path: String) {
        self.isTLS = isTLS
        self.host = host
        self.port = port
        self.path = path
    }

    /// Why a text is no origin.
    package enum Flaw: String, Error, Sendable {
        case scheme = "begins with neither https:// nor http://"
        case host = "has no plain host"
        case port = "has a port that is none"
        case path = "has a path that is not plain, or a query"
        case user = "has a name or a password in it"
        case unencrypted = "is http, which is taken for this machine and its own networks only"
    }

    package init(_ text: String) throws(Flaw) {
        let rest: Substring
        if text.hasPrefix("https://") {
            (isTLS, rest) = (true, text.dropFirst(8))
        } else if text.hasPrefix("http://") {
            (isTLS, rest) = (false, text.dropFirst(7))
        } else {
            throw .scheme
        }
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        let path = rest[slash...].hasSuffix("/") ? rest[slash...].dropLast() : rest[slash...]
        guard path.utf8.count <= 200, path.isEmpty || Self.isPlain(path) else { throw .path }
        self.path = String(path)
        let authority = rest[..<slash]
        guard !authority.contains("@") else { throw .user }
        guard !authority.contains("?"), !authority.contains("#") else { throw .path }
        let (name, number) = Self.split(authority)
        if let number {
            guard let port = UInt16(number), port > 0, String(port) == number else { throw .port }
            self.port = port
        } else {
            port = isTLS ? 443 : 80
        }
        if name.hasPrefix("["), name.hasSuffix("]"), let address = IPAddress(text: String(name.dropFirst().dropLast()))
        {
            host = .address(address)
        } else if let address = IPAddress(text: String(name)), case .v4 = address {
            host = .address(address)
        } else if let found = HostName(String(name)), found.text == name {
            host = .name(found)
        } else {
            throw .host
        }
        guard isTLS || isNear else { throw .unencrypted }
    }

    private static func split(_ authority: Substring) -> (Substring, Substring?) {
        guard let colon = authority.lastIndex(of: ":"), authority.last != "]" else { return (authority, nil) }
        return (authority[..<colon], authority[authority.index(after: colon)...])
    }

    private static func isPlain(_ path: Substring) -> Bool {
        path.dropFirst().split(separator: "/", omittingEmptySubsequences: false).allSatisfy { part in
            !part.isEmpty && part != "." && part != ".."
                && part.utf8.allSatisfy { byte in
                    switch byte {
                    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
                        true
                    default: false
                    }
                }
        }
    }

    /// The name that means this machine without being looked up. RFC 6761 6.3
    private static let loopbackName = "localhost"

    /// Whether a key in plain text stays on this machine or a network of its owner.
    private var isNear: Bool {
        switch host {
        case .name(let name): name.text == Self.loopbackName
        case .address(let address): [.loopback, .private, .uniqueLocal].contains(AddressClass.of(address))
        }
    }

    /// The host as a URL has it.
    package var authority: String {
        switch host {
        case .name(let name): name.text
        case .address(.v4(let bits)): IPAddress.v4(bits).description
        case .address(let address): "[\(address)]"
        }
    }

    /// The Host that requests there have: with a port where it is not the scheme's own.
    package var hostField: String { port == (isTLS ? 443 : 80) ? authority : "\(authority):\(port)" }

    /// The addresses that need no look-up; nil for a name of the network.
    package var fixedAddresses: [IPAddress]? {
        switch host {
        case .address(let address): [address]
        case .name(let name): name.text == Self.loopbackName ? [.v4(0x7F00_0001), .v6(0, 1)] : nil
        }
    }

    package var description: String {
        "\(isTLS ? "https" : "http")://\(authority):\(port)\(path)"
    }

    /// The rule by which its addresses are judged: public ones, unless the operator has written others down.
    ///
    /// - Parameter addresses: Blocks that the file names; nil leaves what the origin itself says.
    package func rule(
        addresses: [AddressBlock]?, origin: String = VirtualHost.model.origin, reason: String = "Models answer there."
    ) -> EgressRule {
        let own = fixedAddresses.map { list in
            list.map { AddressBlock(containing: $0, prefixLength: $0.bitCount) }
        }
        let target: EgressRule.Target =
            switch host {
            case .name(let name): .host(HostPattern(.exact, name))
            case .address(let address): .cidr(AddressBlock(containing: address, prefixLength: address.bitCount))
            }
        return EgressRule(
            origin: origin, reason: reason, target: target, ports: .list([port]),
            tls: .raw, addresses: addresses ?? own)
    }
}
