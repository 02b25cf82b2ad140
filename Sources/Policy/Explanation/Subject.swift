// SPDX-License-Identifier: Apache-2.0

/// Something that a profile decides about, as people write it: `/workspace/src`, `api.example.com:443`,
/// `169.254.169.254`, `[2001:db8::1]:443`, `unix:/run/db.sock`, `mount`.
package enum Subject: Sendable, Hashable {
    case path(RulePath)
    /// Without a port: whether the name resolves.
    case host(HostName, UInt16?)
    /// Without a port: any port.
    case address(IPAddress, UInt16?)
    /// A Unix socket of the host.
    case socket(RulePath)
    case syscall(String)

    /// Why a text names nothing that a profile decides about.
    package struct Flaw: Error, Sendable, Hashable {
        package var reason: String
        package var remedy: String
    }

    package init(_ text: String) throws(Flaw) {
        if text.hasPrefix("/") {
            self = .path(try Self.path(text))
            return
        }
        if text.hasPrefix(Self.socketPrefix) {
            self = .socket(try Self.path(String(text.dropFirst(Self.socketPrefix.count))))
            return
        }
        if SyscallTable.number(of: text) != nil {
            self = .syscall(text)
            return
        }
        if let address = IPAddress(text: text) {
            self = .address(address, nil)
            return
        }
        let (host, port) = try Self.split(text)
        if let address = IPAddress(text: host) {
            self = .address(address, port)
        } else if let name = HostName(host) {
            self = .host(name, port)
        } else {
            throw Flaw(
                reason: "is neither a path, nor a host or address, nor a socket, nor a system call",
                remedy: "Write /path, host:port, address:port, unix:/path or the name of a system call.")
        }
    }

    private static let socketPrefix = "unix:"

    private static func path(_ text: String) throws(Flaw) -> RulePath {
        do throws(RulePath.Flaw) { return try RulePath(text) } catch {
            throw Flaw(reason: error.explanation.reason, remedy: error.explanation.remedy)
        }
    }

    private static func split(_ text: String) throws(Flaw) -> (String, UInt16?) {
        var host = text[...]
        var tail = text[text.endIndex...]
        if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
            host = text[..<end].dropFirst()
            tail = text[text.index(after: end)...]
        } else if let colon = text.lastIndex(of: ":") {
            host = text[..<colon]
            tail = text[colon...]
        }
        if tail.isEmpty { return (String(host), nil) }
        guard tail.hasPrefix(":"), let number = Units.count(String(tail.dropFirst())),
            let port = UInt16(exactly: number), port > 0
        else { throw Flaw(reason: "has no port number behind its colon", remedy: "Write a port from 1 to 65535.") }
        return (String(host), port)
    }

    package var description: String {
        switch self {
        case .path(let path): path.text
        case .host(let name, let port): name.text + (port.map { ":\($0)" } ?? "")
        case .address(let address, nil): address.description
        case .address(let address, let port?):
            if case .v6 = address { "[\(address)]:\(port)" } else { "\(address):\(port)" }
        case .socket(let path): Self.socketPrefix + path.text
        case .syscall(let name): name
        }
    }
}
