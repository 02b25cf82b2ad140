// SPDX-License-Identifier: Apache-2.0

/// What an egress gateway tells its supervisor; see ``EgressCommand`` for the order and the form.
package enum EgressReport: Equatable, Sendable {
    /// Confined and answering. The workload may start.
    case ready
    case refused(GatewayReport.Refusal)
    case whoIs(query: UInt32, SocketPair)
    /// A task has connected to the session's side of a socket: the grant of this number, counted from 1.
    case connect(query: UInt32, socket: UInt16)
    /// The policy of this generation decides from now on; so many connections that it does not allow were cut.
    case applied(generation: UInt32, cut: UInt32)
    /// The policy document of this generation could not be read; the one before stays in force.
    case unusable(generation: UInt32)
    /// A task has asked so often for the addresses of a name that no rule names; only with ``EgressStart/Options/tellsNames``.
    case wanted(name: String, times: UInt16)
    /// One kind of denial and how often it happened, at the end.
    case denial(Denial)
    /// The same of an allowed connection that nobody outside took.
    case failure(Denial)
    case ended(Totals)

    /// Both ends of a socket inside the session.
    package struct SocketPair: Equatable, Sendable {
        /// 6 (TCP) or 17 (UDP).
        package let transport: UInt8
        /// 4 or 16 bytes each, in network order.
        package let clientAddress: [UInt8]
        package let clientPort: UInt16
        package let serverAddress: [UInt8]
        package let serverPort: UInt16

        package init(
            transport: UInt8, clientAddress: [UInt8], clientPort: UInt16, serverAddress: [UInt8], serverPort: UInt16
        ) {
            self.transport = transport
            self.clientAddress = clientAddress
            self.clientPort = clientPort
            self.serverAddress = serverAddress
            self.serverPort = serverPort
        }
    }

    /// One kind of attempt that came to nothing.
    package struct Denial: Equatable, Sendable {
        /// A host name or an address, of letters, digits and `-._:` only.
        package let subject: String
        package let port: UInt16
        /// The stable name of the reason, letters and `_` only.
        package let reason: String
        package let count: UInt64
        /// The event to ask `sallyport why` about.
        package let event: UInt64

        package init(subject: String, port: UInt16, reason: String, count: UInt64, event: UInt64) {
            self.subject = subject
            self.port = port
            self.reason = reason
            self.count = count
            self.event = event
        }
    }

    package struct Totals: Equatable, Sendable {
        package var allowed: UInt64 = 0
        package var denied: UInt64 = 0
        /// Allowed, but nobody answered outside.
        package var failed: UInt64 = 0
        package var bytesUp: UInt64 = 0
        package var bytesDown: UInt64 = 0
        /// Audit records that were not written because the file reached its cap or could not be written.
        package var recordsLost: UInt64 = 0
        /// Connections that were cut or refused since the session had sent all that it may.
        package var capped: UInt64 = 0
        package init() {}
    }

    /// No report is longer.
    package static let longest = 512
    /// No end has more denials before it, and no more failures.
    package static let mostDenials = 8

    private enum Kind: UInt8 {
        case ready = 0x91
        case refused = 0x92
        case whoIs = 0x93
        case applied = 0x94
        case unusable = 0x95
        case denial = 0x96
        case ended = 0x97
        case connect = 0x98
        case failure = 0x99
        case wanted = 0x9A
    }

    /// The datagram of this report.
    package func encoded() -> [UInt8] {
        var writer = ByteWriter()
        switch self {
        case .ready: writer.appendHeader(Kind.ready)
        case .refused(let refusal):
            writer.appendHeader(Kind.refused)
            refusal.append(to: &writer)
        case .whoIs(let query, let pair):
            writer.appendHeader(Kind.whoIs)
            writer.append(query)
            pair.append(to: &writer)
        case .connect(let query, let socket):
            writer.appendHeader(Kind.connect)
            writer.append(query)
            writer.append(socket)
        case .applied(let generation, let cut):
            writer.appendHeader(Kind.applied)
            writer.append(generation)
            writer.append(cut)
        case .unusable(let generation):
            writer.appendHeader(Kind.unusable)
            writer.append(generation)
        case .wanted(let name, let times):
            writer.appendHeader(Kind.wanted)
            writer.append(counted: Array(name.utf8.prefix(SessionWord.longestName)))
            writer.append(times)
        case .denial(let denial):
            writer.appendHeader(Kind.denial)
            denial.append(to: &writer)
        case .failure(let failure):
            writer.appendHeader(Kind.failure)
            failure.append(to: &writer)
        case .ended(let totals):
            writer.appendHeader(Kind.ended)
            for value in [
                totals.allowed, totals.denied, totals.failed, totals.bytesUp, totals.bytesDown, totals.recordsLost,
                totals.capped,
            ] {
                writer.append(value)
            }
        }
        return writer.bytes
    }

    /// Reads one datagram.
    package init(decoding bytes: [UInt8]) throws(MessageError) {
        guard bytes.count <= Self.longest else { throw .size(bytes.count) }
        var reader = ByteReader(bytes)
        let kind = try reader.nextHeader(Kind.self)
        switch kind {
        case .ready: self = .ready
        case .refused: self = .refused(try GatewayReport.Refusal(from: &reader))
        case .whoIs: self = .whoIs(query: try reader.next(), try SocketPair(from: &reader))
        case .connect: self = .connect(query: try reader.next(), socket: try reader.next())
        case .applied: self = .applied(generation: try reader.next(), cut: try reader.next())
        case .unusable: self = .unusable(generation: try reader.next())
        case .wanted: self = .wanted(name: try reader.nextHostName(), times: try reader.next())
        case .denial: self = .denial(try Denial(from: &reader))
        case .failure: self = .failure(try Denial(from: &reader))
        case .ended:
            var totals = Totals()
            totals.allowed = try reader.next()
            totals.denied = try reader.next()
            totals.failed = try reader.next()
            totals.bytesUp = try reader.next()
            totals.bytesDown = try reader.next()
            totals.recordsLost = try reader.next()
            totals.capped = try reader.next()
            self = .ended(totals)
        }
        try reader.expectEnd()
    }
}

extension EgressReport.SocketPair {
    func append(to writer: inout ByteWriter) {
        writer.append(transport)
        writer.append(counted: clientAddress)
        writer.append(clientPort)
        writer.append(counted: serverAddress)
        writer.append(serverPort)
    }

    init(from reader: inout ByteReader) throws(MessageError) {
        transport = try reader.next()
        clientAddress = try reader.nextCounted(most: 16)
        clientPort = try reader.next()
        serverAddress = try reader.nextCounted(most: 16)
        serverPort = try reader.next()
        let isWhole = [4, 16].contains(clientAddress.count) && clientAddress.count == serverAddress.count
        guard transport == 6 || transport == 17, isWhole else { throw .value }
    }
}

extension EgressReport.Denial {
    private static let longestSubject = 253
    private static let longestReason = 64

    func append(to writer: inout ByteWriter) {
        writer.append(counted: Array(subject.utf8.prefix(Self.longestSubject)))
        writer.append(port)
        writer.append(counted: Array(reason.utf8.prefix(Self.longestReason)))
        writer.append(count)
        writer.append(event)
    }

    init(from reader: inout ByteReader) throws(MessageError) {
        let subject = try reader.nextCounted(most: Self.longestSubject)
        port = try reader.next()
        let reason = try reader.nextCounted(most: Self.longestReason)
        count = try reader.next()
        event = try reader.next()
        func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte) }
        guard subject.allSatisfy({ isLetter($0) || (0x30...0x39).contains($0) || "-._:".utf8.contains($0) }),
            reason.allSatisfy({ isLetter($0) || $0 == UInt8(ascii: "_") })
        else { throw .value }
        self.subject = String(decoding: subject, as: UTF8.self)
        self.reason = String(decoding: reason, as: UTF8.self)
    }
}
