// SPDX-License-Identifier: Apache-2.0
package import Documents
internal import Policy

/// What an observed session reached that no rule of its profile allows, gathered from its audit.
package struct ObservedUse: Sendable {
    /// One host, or one address that was dialled as such.
    package struct Host: Sendable {
        package internal(set) var isAddress: Bool
        package internal(set) var ports: [UInt16: Port] = [:]
        /// The programs that connected, as they call themselves.
        package internal(set) var programs: Set<String> = []

        package var connections: Int { ports.values.reduce(0) { $0 + $1.connections } }
    }

    package struct Port: Sendable {
        package internal(set) var connections = 0
        package internal(set) var bytesUp = 0
        package internal(set) var bytesDown = 0
        /// What was spoken there: `tls`, `http`, `other`.
        package internal(set) var spoken: Set<String> = []
    }

    package private(set) var hosts: [String: Host] = [:]
    /// Names that were looked up and never connected to.
    package private(set) var onlyAsked: Set<String> = []
    /// Attempts that were refused all the same, with the reason and how often.
    package private(set) var refused: [String: Int] = [:]

    package init(_ records: [JSON]) {
        for record in records { take(record) }
        onlyAsked.subtract(hosts.keys)
    }

    private mutating func take(_ record: JSON) {
        let kind = record["event"]?.stringValue ?? ""
        let count = max(1, record["count"]?.intValue ?? 1)
        let isObserved = record["rule"]?["origin"]?.stringValue == EgressRule.observerOrigin
        switch kind {
        case "dns.allow" where isObserved:
            if let name = Self.host(record) { onlyAsked.insert(name.text) }
        case "tcp.allow" where isObserved, "tcp.fail" where isObserved, "tcp.close" where isObserved:
            add(record, count, isEnd: kind == "tcp.close")
        case "tcp.deny", "packet.refused", "dns.deny":
            let subject = Self.host(record)?.text ?? "a name that is none"
            let port = record["port"]?.intValue.map { " port \($0)" } ?? ""
            let transport = record["transport"]?.stringValue == "udp" && kind == "packet.refused" ? " (UDP)" : ""
            refused["\(subject)\(port)\(transport): \(Self.word(record["reason"]?.stringValue))", default: 0] += count
        default: break
        }
    }

    private mutating func add(_ record: JSON, _ count: Int, isEnd: Bool) {
        guard let (name, isAddress) = Self.host(record),
            let port = record["port"]?.intValue.flatMap({ UInt16(exactly: $0) })
        else { return }
        var host = hosts[name] ?? Host(isAddress: isAddress)
        var use = host.ports[port] ?? Port()
        if isEnd {
            use.bytesUp += record["bytes_up"]?.intValue ?? 0
            use.bytesDown += record["bytes_down"]?.intValue ?? 0
        } else {
            use.connections += count
        }
        if let spoken = record["speaks"]?.stringValue { use.spoken.insert(Self.word(spoken)) }
        if let program = record["process"]?["claimed"]?["name"]?.stringValue {
            host.programs.insert(Self.word(program))
        }
        host.ports[port] = use
        hosts[name] = host
    }

    /// The host of a record as a profile writes it; nil for a text that is none.
    private static func host(_ record: JSON) -> (text: String, isAddress: Bool)? {
        if let name = record["name"]?.stringValue { return HostName(name).map { ($0.text, false) } }
        return record["asked"]?.stringValue.flatMap { IPAddress(text: $0) }.map { ($0.description, true) }
    }

    /// A text of the sandbox's choosing, reduced to what can stand in a comment without saying anything else.
    private static func word(_ text: String?) -> String {
        let kept = (text ?? "").utf8.prefix(64).filter {
            (0x61...0x7A).contains($0) || (0x41...0x5A).contains($0) || (0x30...0x39).contains($0)
                || "._+-".utf8.contains($0)
        }
        return kept.isEmpty ? "a program" : String(decoding: kept, as: UTF8.self)
    }
}
