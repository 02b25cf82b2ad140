// SPDX-License-Identifier: Apache-2.0
package import Documents

/// One line of the laboratory's record: what a server, or the link, saw arrive.
package struct LabEvent: Sendable, CustomStringConvertible {
    /// What was seen; each is recorded before it is answered.
    package enum Kind: String, Sendable {
        /// The first packet of anything that came over the link, to whatever address and port.
        case packet
        /// A query to the name server.
        case dns
        /// An accepted TCP connection.
        case connection
        /// A TLS handshake, finished or not.
        case tls
        /// An HTTP request with its body.
        case request
        /// A connection's end, with the first 64 KiB that came over it.
        case closed
        /// A server's own error on a connection.
        case fault
    }

    package let kind: Kind
    package let fields: JSON

    init(_ fields: JSON) throws(HarnessError) {
        guard let kind = fields["kind"]?.stringValue.flatMap(Kind.init(rawValue:)) else {
            throw HarnessError("a line of the laboratory's record has no known kind: \(fields.compactText)")
        }
        self.kind = kind
        self.fields = fields
    }

    package var description: String { String(fields.compactText.prefix(400)) }

    /// True for what the host's own servers saw, which stand for the services of the machine and its neighbours.
    package var atHost: Bool { fields["side"]?.stringValue == "host" }
    /// The queried name of `dns`, the server name of `tls`.
    package var name: String? { fields["name"]?.stringValue }
    /// The kind of record that a query asks for.
    package var recordType: Int? { kind == .dns ? fields["type"]?.intValue : nil }
    package var host: String? { fields["host"]?.stringValue }
    package var port: Int? { fields["port"]?.intValue }
    /// The address that was reached, whichever kind the event is of.
    package var address: String? { (fields["local"] ?? fields["target"] ?? fields["asked"])?.stringValue }
    package var method: String? { fields["method"]?.stringValue }
    /// The path of a request.
    package var target: String? { kind == .request ? fields["target"]?.stringValue : nil }
    package var networkProtocol: String? { fields["protocol"]?.stringValue }
    /// A request's head as it arrived; each character is one byte.
    package var head: String { fields["head"]?.stringValue ?? "" }
    /// What arrived, cut at 64 KiB; each character is one byte.
    package var data: String { fields["data"]?.stringValue ?? "" }
    package var body: String { fields["body"]?.stringValue ?? "" }
    package var bodyBytes: Int { fields["body_bytes"]?.intValue ?? 0 }
    package var received: Int { fields["received"]?.intValue ?? 0 }
}

extension [LabEvent] {
    package func of(_ kind: LabEvent.Kind) -> [LabEvent] { filter { $0.kind == kind } }

    /// What left the host, but for questions to its own name server.
    ///
    /// A query of the gateway's resolver is no connection; it is judged by its name, in ``queries``.
    package var departures: [LabEvent] { filter { $0.kind == .packet && $0.port != 53 } }

    /// The names that any name server was asked for, each once.
    package var queries: Set<String> { Set(of(.dns).compactMap { $0.name?.lowercased() }) }

    /// Everything that any server received, as one text, to look for bytes that must not have come.
    package var received: String { map { $0.head + $0.body + $0.data + ($0.name ?? "") }.joined(separator: "\n") }
}
