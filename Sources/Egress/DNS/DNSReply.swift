// SPDX-License-Identifier: Apache-2.0
package import Policy

/// What a session's resolver says to a question.
package enum DNSAnswer: Equatable, Sendable {
    /// The name's address in the family asked for; any other type of question gets an answer without records, so
    /// that no key, service hint or text ever comes from outside (HTTPS and SVCB records carry ECH keys).
    case addresses(v4: IPAddress?, v6: IPAddress?)
    /// The name exists and has nothing of this type.
    case noData
    /// No rule allows the name. NXDOMAIN: on any other code musl waits five seconds and others try again.
    case denied(explanation: String)
    /// Nothing can be said now, such as when the session has used up its names.
    case unavailable(explanation: String)
}

extension DNSQuestion {
    /// Seconds that an answer may be kept. Short enough to look alive; an address is never reused in a session.
    package static let addressTTL: UInt32 = 60
    /// Seconds that a denial may be kept, since a live change of policy can lift it.
    package static let negativeTTL: UInt32 = 5
    /// The longest datagram that is sent or asked for; the size agreed on at the DNS flag day of 2020.
    package static let datagramSize = 1232

    /// The bytes of an answer.
    ///
    /// - Parameter limit: The longest message that the transport takes; nil for a stream. Every answer fits 512 bytes
    ///   once its explanation is cut, so none is ever marked as truncated.
    package func reply(_ answer: DNSAnswer, limit: Int? = nil) -> [UInt8] {
        let flags: UInt16 = recursionDesired ? 0x0100 : 0
        let reply = DNSReply(
            header: DNSHeader(id: id, flags: flags), question: question, hasExtensions: extensions != nil,
            limit: limit ?? .max)
        switch answer {
        case .addresses(let v4, let v6):
            let address = type == Self.typeA ? v4 : type == Self.typeAAAA ? v6 : nil
            guard let address, address.bytes.count == (type == Self.typeA ? 4 : 16) else {
                return reply.negative(DNSResponseCode.noError, explanation: nil)
            }
            return reply.address(address.bytes, type: type)
        case .noData: return reply.negative(DNSResponseCode.noError, explanation: nil)
        case .denied(let text):
            return reply.negative(DNSResponseCode.nameError, explanation: .init(.blocked, text))
        case .unavailable(let text):
            return reply.plain(DNSResponseCode.refused, explanation: .init(.notReady, text))
        }
    }

    /// The longest datagram that may answer this question.
    package var datagramLimit: Int { min(extensions?.datagramSize ?? 512, Self.datagramSize) }
}

/// Puts the bytes of one response together.
struct DNSReply {
    /// An extended error, RFC 8914: the only place in DNS where a reason can stand.
    struct Explanation {
        enum Code: UInt16 {
            case notReady = 14
            case blocked = 15
        }
        let code: Code
        let text: [UInt8]

        /// Long enough for a name and a reason; cut between two characters.
        private static let longest = 320

        init(_ code: Code, _ text: String) {
            self.code = code
            self.text = Self.prefix(of: text, bytes: Self.longest)
        }

        static func prefix(of text: String, bytes: Int) -> [UInt8] {
            var result: [UInt8] = []
            for scalar in text.unicodeScalars {
                let encoded = Array(UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
                guard result.count + encoded.count <= bytes else { break }
                result += encoded
            }
            return result
        }
    }

    let header: DNSHeader
    /// Empty where the question was not understood.
    let question: [UInt8]
    let hasExtensions: Bool
    var limit = Int.max

    /// One address record.
    func address(_ bytes: [UInt8], type: UInt16) -> [UInt8] {
        var message = start(code: DNSResponseCode.noError, answers: 1)
        // A pointer to the question's own name, byte 12 of the message.
        message.append16(0xc00c)
        message.append16(type)
        message.append16(1)
        message.append32(DNSQuestion.addressTTL)
        message.append16(UInt16(bytes.count))
        message += bytes
        return finish(message, code: DNSResponseCode.noError, explanation: nil)
    }

    /// No record of the kind: a response code with the SOA record that says how long this holds; RFC 2308 3.
    func negative(_ code: UInt16, explanation: Explanation?) -> [UInt8] {
        var message = start(code: code, authorities: 1)
        // The root is above every name, so the record is in place whatever was asked.
        message.append(0)
        message.append16(6)
        message.append16(1)
        message.append32(DNSQuestion.negativeTTL)
        message.append16(22)
        message += [0, 0]
        for number: UInt32 in [1, 3600, 600, 86_400, DNSQuestion.negativeTTL] { message.append32(number) }
        return finish(message, code: code, explanation: explanation)
    }

    /// A response code without any record.
    func plain(_ code: UInt16, explanation: Explanation? = nil) -> [UInt8] {
        finish(start(code: code), code: code, explanation: explanation)
    }

    private func start(code: UInt16, answers: UInt16 = 0, authorities: UInt16 = 0) -> [UInt8] {
        var message: [UInt8] = []
        message.reserveCapacity(128 + question.count)
        message += header.response(code)
        message.append16(question.isEmpty ? 0 : 1)
        message.append16(answers)
        message.append16(authorities)
        message.append16(hasExtensions ? 1 : 0)
        return message + question
    }

    private func finish(_ message: [UInt8], code: UInt16, explanation: Explanation?) -> [UInt8] {
        guard hasExtensions else { return message }
        var message = message
        message.append(0)
        message.append16(41)
        message.append16(UInt16(DNSQuestion.datagramSize))
        message.append32(UInt32(code >> 4) << 24)
        // Six bytes of option header and code stand before the text.
        let room = limit - message.count - 2 - 6
        guard let explanation, room >= 0 else {
            message.append16(0)
            return message
        }
        let text = DNSReply.Explanation.prefix(of: String(decoding: explanation.text, as: UTF8.self), bytes: room)
        message.append16(UInt16(6 + text.count))
        message.append16(15)
        message.append16(UInt16(2 + text.count))
        message.append16(explanation.code.rawValue)
        return message + text
    }
}
