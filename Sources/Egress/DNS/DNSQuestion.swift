// SPDX-License-Identifier: Apache-2.0
package import Policy

/// The question of a well-formed query for one name.
///
/// The parser keeps to what stub resolvers send: one question, no record but OPT, no compression. Whatever else a
/// message could say is refused, so no second reading of it exists (threat E08).
package struct DNSQuestion: Equatable, Sendable {
    /// What an OPT record said; RFC 6891 6.1.
    package struct Extensions: Equatable, Sendable {
        /// The longest datagram that the client takes.
        package let datagramSize: Int
    }

    package static let typeA: UInt16 = 1
    package static let typeAAAA: UInt16 = 28
    static let headerSize = 12

    package let id: UInt16
    package let recursionDesired: Bool
    /// Name, type and class as they were sent: a client that mixes upper and lower case as a secret looks for its own
    /// spelling in the answer (draft-vixie-dnsext-dns0x20).
    package let question: [UInt8]
    /// In small letters, dotted; of the characters that host names have.
    package let name: String
    /// The same as what rules are compared with; nil for what is no host name all the same, such as an address.
    package let host: HostName?
    package let type: UInt16
    /// Nil when the query had no OPT record; then the answer has none either.
    package let extensions: Extensions?

    /// Reads one message.
    ///
    /// - Throws: ``DNSRefusal``, which holds what to send back.
    package init(parsing message: Span<UInt8>) throws(DNSRefusal) {
        guard message.count >= Self.headerSize else { throw DNSRefusal(reason: .tooShort, reply: nil) }
        let flags = message.number16(at: 2)
        guard flags & 0x8000 == 0 else { throw DNSRefusal(reason: .response, reply: nil) }
        id = UInt16(message.number16(at: 0))
        recursionDesired = flags & 0x0100 != 0
        // AA, Z, AD, CD and the response code say nothing in a query; dig sets AD, validating stubs CD.
        let header = DNSHeader(id: id, flags: UInt16(flags))
        guard flags & 0x7800 == 0 else { throw header.refusal(.opcode, DNSResponseCode.notImplemented) }
        guard flags & 0x0200 == 0 else { throw header.refusal(.truncated, DNSResponseCode.formatError) }
        let additional = message.number16(at: 10)
        guard message.number16(at: 4) == 1, message.number16(at: 6) == 0, message.number16(at: 8) == 0 else {
            throw header.refusal(.counts, DNSResponseCode.formatError)
        }

        let labels = try DNSLabels(parsing: message, header: header)
        let end = labels.end + 4
        guard end <= message.count else { throw header.refusal(.name, DNSResponseCode.formatError) }
        question = message.copy(Self.headerSize..<end)
        type = UInt16(message.number16(at: labels.end))
        let recordClass = message.number16(at: labels.end + 2)
        extensions = try DNSOptRecord.parse(message, from: end, count: additional, header: header)

        // From here on the message is well-formed: what is refused is what it asks, and the question is echoed.
        let answer = DNSReply(header: header, question: question, hasExtensions: extensions != nil)
        guard recordClass == 1 else {
            throw DNSRefusal(reason: .recordClass, reply: answer.plain(DNSResponseCode.refused))
        }
        guard !labels.text.isEmpty else {
            throw DNSRefusal(reason: .root, reply: answer.plain(DNSResponseCode.refused))
        }
        // Such a name is in no rule, and clients that let it through (musl sends raw UTF-8) would wait five seconds on any
        // other code.
        let characters = DNSRefusal(
            reason: .characters, reply: answer.negative(DNSResponseCode.nameError, explanation: nil))
        guard !labels.holdDot else { throw characters }
        name = String(decoding: labels.text.map(\.asciiLowercased), as: UTF8.self)
        do throws(HostName.Flaw) { host = try HostName(bytes: labels.text.span) } catch {
            if case .character = error { throw characters }
            host = nil
        }
    }
}

/// The parts of a query's header that its answer repeats.
struct DNSHeader: Equatable {
    let id: UInt16
    let flags: UInt16

    /// Identifier and flags of a response: QR and RA set, opcode and RD as asked.
    func response(_ code: UInt16) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append16(id)
        bytes.append16(0x8080 | flags & 0x7900 | code & 0x000f)
        return bytes
    }

    /// A refusal of a message whose question cannot be echoed, since it was not understood.
    func refusal(_ reason: DNSRefusal.Reason, _ code: UInt16) -> DNSRefusal {
        DNSRefusal(reason: reason, reply: response(code) + [UInt8](repeating: 0, count: 8))
    }
}

/// The name of a question: labels, one after the other, up to the empty one.
struct DNSLabels {
    /// As they were sent, dotted; another reading of them exists where ``holdDot``.
    private(set) var text: [UInt8] = []
    private(set) var holdDot = false
    /// The offset behind the empty label.
    private(set) var end = DNSQuestion.headerSize

    init(parsing message: Span<UInt8>, header: DNSHeader) throws(DNSRefusal) {
        text.reserveCapacity(HostName.longest)
        while true {
            guard end < message.count else { throw header.refusal(.name, DNSResponseCode.formatError) }
            let length = Int(message[end])
            end += 1
            if length == 0 { return }
            guard length & 0xc0 == 0 else { throw header.refusal(.compression, DNSResponseCode.formatError) }
            let separator = text.isEmpty ? 0 : 1
            guard end + length <= message.count, text.count + separator + length <= HostName.longest else {
                throw header.refusal(.name, DNSResponseCode.formatError)
            }
            if separator == 1 { text.append(UInt8(ascii: ".")) }
            for index in end..<end + length {
                if message[index] == UInt8(ascii: ".") { holdDot = true }
                text.append(message[index])
            }
            end += length
        }
    }
}

/// The one record that a query may carry; RFC 6891 6.1.2.
enum DNSOptRecord {
    private static let type = 41
    private static let fixedSize = 11

    static func parse(
        _ message: Span<UInt8>, from start: Int, count: Int, header: DNSHeader
    ) throws(DNSRefusal) -> DNSQuestion.Extensions? {
        if count == 0 {
            guard start == message.count else { throw header.refusal(.trailing, DNSResponseCode.formatError) }
            return nil
        }
        // A second record is a second OPT, a signature or something nobody asked for.
        guard count == 1, start + fixedSize <= message.count,
            message[start] == 0, message.number16(at: start + 1) == type
        else { throw header.refusal(.additional, DNSResponseCode.formatError) }
        let size = message.number16(at: start + 3)
        let version = message[start + 6]
        var index = start + fixedSize
        let end = index + message.number16(at: start + 9)
        guard end <= message.count else { throw header.refusal(.additional, DNSResponseCode.formatError) }
        while index < end {
            guard index + 4 <= end else { throw header.refusal(.additional, DNSResponseCode.formatError) }
            index += 4 + message.number16(at: index + 2)
        }
        guard index == end else { throw header.refusal(.additional, DNSResponseCode.formatError) }
        guard end == message.count else { throw header.refusal(.trailing, DNSResponseCode.formatError) }
        guard version == 0 else {
            let reply = DNSReply(header: header, question: [], hasExtensions: true)
            throw DNSRefusal(reason: .ednsVersion, reply: reply.plain(DNSResponseCode.badVersion))
        }
        return DNSQuestion.Extensions(datagramSize: max(512, size))
    }
}
