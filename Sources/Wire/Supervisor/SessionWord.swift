// SPDX-License-Identifier: Apache-2.0

/// What a session's supervisor tells and asks whoever attends it, on descriptor 3 of `sallyport run --attend`.
///
///     supervisor                                    sallyport task run
///        │  wanted(name, port, times)  ──────────▶  nothing of the sandbox runs from here on
///        │  ◀──────────  open, or leave             the answer; to each question one
///        │  opened, or kept(why)  ───────────────▶  after `open`; either way the sandbox runs again, or the next is asked
///        │  spent(percent)  ─────────────────────▶  each once, whatever is asked meanwhile
///
/// Datagrams of a SOCK_SEQPACKET socket with the header of ``MessageHeader``. A side that hangs up ends the asking for good:
/// the sandbox runs, and what was not answered stays denied.
package enum SessionWord: Equatable, Sendable {
    case wanted(name: String, port: UInt16, times: UInt16)
    /// The name is let through at that port from now on, by the policy of this generation.
    case opened(generation: UInt32)
    /// It is not, for all that was answered.
    case kept(String)
    /// Its models cost so much of its budget, in micro-dollars: it came to 80 or to 100 in a hundred.
    case spent(percent: UInt8, amount: UInt64, budget: UInt64)

    /// Of a budget, in a hundred.
    package static let marks: [UInt8] = [80, 100]
    package static let longestName = 253
    private static let longestText = 1024
    /// No message is longer.
    package static let longest = 2048

    private enum Kind: UInt8 {
        case wanted = 0xC1
        case opened, kept, spent
    }

    /// The datagram of this message.
    package func encoded() -> [UInt8] {
        var writer = ByteWriter()
        switch self {
        case .wanted(let name, let port, let times):
            writer.appendHeader(Kind.wanted)
            writer.append(counted: Array(name.utf8))
            writer.append(port)
            writer.append(times)
        case .opened(let generation):
            writer.appendHeader(Kind.opened)
            writer.append(generation)
        case .kept(let text):
            writer.appendHeader(Kind.kept)
            var kept = text
            while kept.utf8.count > Self.longestText { kept.removeLast() }
            writer.append(counted: Array(kept.utf8))
        case .spent(let percent, let amount, let budget):
            writer.appendHeader(Kind.spent)
            writer.append(percent)
            writer.append(amount)
            writer.append(budget)
        }
        return writer.bytes
    }

    /// Reads one datagram.
    package init(decoding bytes: [UInt8]) throws(MessageError) {
        guard bytes.count <= Self.longest else { throw .size(bytes.count) }
        var reader = ByteReader(bytes)
        switch try reader.nextHeader(Kind.self) {
        case .wanted: self = .wanted(name: try reader.nextHostName(), port: try reader.next(), times: try reader.next())
        case .opened: self = .opened(generation: try reader.next())
        case .kept:
            let text = String(validating: try reader.nextCounted(most: Self.longestText), as: UTF8.self)
            guard let text else { throw .value }
            self = .kept(text)
        case .spent:
            let percent = try reader.next(UInt8.self)
            guard Self.marks.contains(percent) else { throw .value }
            self = .spent(percent: percent, amount: try reader.next(), budget: try reader.next())
        }
        try reader.expectEnd()
    }
}

/// The answer to ``SessionWord/wanted(name:port:times:)``.
package enum HostAnswer: UInt8, Equatable, Sendable, CaseIterable {
    case open = 0x41
    case leave = 0x42

    /// Every answer has this size; one that is longer is none.
    package static let size = 4

    /// The datagram of this answer.
    package func encoded() -> [UInt8] {
        var writer = ByteWriter()
        writer.appendHeader(self)
        return writer.bytes
    }

    /// Reads one datagram.
    package init(decoding bytes: [UInt8]) throws(MessageError) {
        var reader = ByteReader(bytes)
        self = try reader.nextHeader(Self.self)
        try reader.expectEnd()
    }
}

extension ByteReader {
    /// Small letters, digits and `-._`, of which a name in its one form is made; whether it is one is for the reader to say.
    mutating func nextHostName() throws(MessageError) -> String {
        let bytes = try nextCounted(most: SessionWord.longestName)
        let isPlain = bytes.allSatisfy {
            (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || "-._".utf8.contains($0)
        }
        guard !bytes.isEmpty, isPlain else { throw .value }
        return String(decoding: bytes, as: UTF8.self)
    }
}
