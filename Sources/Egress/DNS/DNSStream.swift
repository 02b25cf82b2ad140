// SPDX-License-Identifier: Apache-2.0

/// Cuts a TCP connection to the resolver into messages: two bytes of length, then the message (RFC 1035 4.2.2).
///
/// Holds at most one unfinished message of ``longestMessage`` bytes; a longer one is refused by its length alone,
/// before anything is kept.
package struct DNSStream: Sendable {
    package enum Refusal: String, Error, Sendable {
        /// A length below a header's or above ``longestMessage``.
        case length
        /// An earlier message was refused; the stream has no known message boundary any more.
        case ended
    }

    /// A question is at most 271 bytes; the rest is room for OPT options such as padding.
    package static let longestMessage = 1232

    private var pending: [UInt8] = []
    private var isRefused = false

    package init() {}

    /// True between two messages: the client may close here.
    package var isEmpty: Bool { pending.isEmpty }

    /// Takes the next bytes and hands over each message that they complete, in order.
    ///
    /// - Throws: ``Refusal`` after the messages before it were handed over; the connection is then to be closed.
    package mutating func take(_ bytes: Span<UInt8>, accept: (Span<UInt8>) -> Void) throws(Refusal) {
        guard !isRefused else { throw .ended }
        var index = 0
        while index < bytes.count {
            pending.append(bytes[index])
            index += 1
            guard pending.count >= 2 else { continue }
            let length = pending.span.number16(at: 0)
            guard (DNSQuestion.headerSize...Self.longestMessage).contains(length) else {
                isRefused = true
                pending = []
                throw .length
            }
            let available = min(2 + length - pending.count, bytes.count - index)
            for offset in index..<index + available { pending.append(bytes[offset]) }
            index += available
            if pending.count == 2 + length {
                accept(pending.span.extracting(droppingFirst: 2))
                pending.removeAll(keepingCapacity: true)
            }
        }
    }

    /// A message with its length in front.
    package static func framed(_ message: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append16(UInt16(truncatingIfNeeded: message.count))
        return bytes + message
    }
}
