// SPDX-License-Identifier: Apache-2.0

/// Follows a client behind its accepted ClientHello until no second one can come.
///
/// A TLS 1.3 server that finds no usable key in the hello asks for another one (HelloRetryRequest, RFC 8446 4.1.4), and
/// OpenSSL, with it nginx and Python, then takes the server name of the second. A client that provokes this on purpose
/// would pass the look at the first hello and reach another name behind the same address, so the second is held back and
/// judged like the first.
///
/// What may come before it are change_cipher_spec records, alerts (a server that waits for the second hello passes over a
/// warning, RFC 8446 6.1 `user_canceled`), and encrypted early data if the first hello offered it. None of them says that
/// no second hello can come any more.
package struct SecondHelloReader: Sendable {
    private enum Phase {
        case header
        /// Bytes left of a record that passes unread.
        case passing(Int)
        case hello(ClientHelloReader)
        case done
    }

    /// No encrypted Finished of TLS 1.2 is shorter: 12 bytes of verify_data and a tag of 16; or longer: its header, the
    /// longest tag and initialization vector, and all padding that CBC allows.
    private static let encryptedFinished = 24...512

    private let first: ClientHello
    private let allowsEncryptedHello: Bool
    private var phase: Phase
    /// Bytes of a record header, and of the handshake message behind it, that are not judged yet.
    private var pending: [UInt8] = []
    private var sawChangeCipherSpec = false
    /// A record went by that is an encrypted Finished, or the first piece of a hello longer than any that is read here.
    private var isInDoubt = false

    package init(after first: ClientHello, allowsEncryptedHello: Bool = false) {
        self.first = first
        self.allowsEncryptedHello = allowsEncryptedHello
        phase = first.offersTLS13 ? .header : .done
    }

    /// True when everything that comes may be moved unread.
    package var isDone: Bool { if case .done = phase { true } else { false } }

    /// Takes the next bytes of the client and returns those that may be sent now.
    ///
    /// - Throws: ``TLSRefusal``; the connections are then to be closed.
    package mutating func take(_ bytes: Span<UInt8>) throws(TLSRefusal) -> [UInt8] {
        if case .hello(var reader) = phase {
            let state = reader.append(bytes)
            phase = .hello(reader)
            return try judge(reader, state)
        }
        for index in bytes.indices { pending.append(bytes[index]) }
        var output: [UInt8] = []
        while true {
            switch phase {
            case .done:
                output += pending
                pending = []
                return output
            case .passing(let left):
                let count = min(left, pending.count)
                output += pending[..<count]
                pending.removeSubrange(..<count)
                phase = count < left ? .passing(left - count) : .header
                if pending.isEmpty { return output }
            case .header:
                guard let next = try nextPhase() else { return output }
                phase = next
            case .hello(var reader):
                let state = reader.append(pending.span)
                pending = []
                phase = .hello(reader)
                return output + (try judge(reader, state))
            }
        }
    }

    /// What the record at the front of `pending` leads to; nil when more of it has to come first.
    private mutating func nextPhase() throws(TLSRefusal) -> Phase? {
        guard let type = pending.first else { return nil }
        switch type {
        case 20, 21, 22: break
        // A handshake that is under way with its keys.
        case 23: if !first.offersEarlyData { return .done }
        default: throw .interrupted
        }
        guard pending.count >= 5 else { return nil }
        let length = pending.span.number16(at: 3)
        if type != 22 {
            if type == 20 { sawChangeCipherSpec = true }
            return .passing(5 + length)
        }
        guard length > 0 else { throw .interrupted }
        guard !isInDoubt else { throw .oversized }
        guard pending.count >= 6 else { return nil }
        guard pending[5] == 1 else { return .done }
        let fresh = ClientHelloReader(allowsEncryptedHello: allowsEncryptedHello)
        // Behind a change_cipher_spec this may also be the encrypted Finished of a TLS 1.2 session that is taken up
        // again. Its bytes look like the header of a short hello once in 2^18 times; then it is refused as one.
        guard sawChangeCipherSpec, length >= Self.encryptedFinished.lowerBound else { return .hello(fresh) }
        guard pending.count >= 9 else { return nil }
        guard pending.span.number24(at: 6) > ClientHelloReader.longestHello else { return .hello(fresh) }
        // A hello of that length takes more than one record, a Finished is followed by no other of its kind.
        guard length <= Self.encryptedFinished.upperBound else { throw .oversized }
        isInDoubt = true
        return .passing(5 + length)
    }

    private mutating func judge(
        _ reader: ClientHelloReader, _ state: ClientHelloReader.State
    ) throws(TLSRefusal) -> [UInt8] {
        switch state {
        case .needMore: return []
        case .refused(let reason): throw reason
        case .hello(let second):
            guard second.serverName == first.serverName else { throw .otherSecondName }
            // No server asks twice.
            phase = .done
            return reader.received + reader.rest
        }
    }
}
