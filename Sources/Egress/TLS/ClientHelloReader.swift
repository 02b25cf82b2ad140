// SPDX-License-Identifier: Apache-2.0

/// Collects the first bytes of a connection until they are a ClientHello or certainly none.
///
/// Records and TCP segments may cut the hello anywhere (clients with post-quantum keys need two segments, and a hostile
/// one sends a byte per record, threat E13). The verdict depends on the bytes alone, never on how they arrived: a hello
/// is judged by the same rules as a server that reads it whole. Nothing is rewritten; the relay sends ``received``.
package struct ClientHelloReader: Sendable {
    package enum State: Equatable, Sendable {
        case needMore
        case hello(ClientHello)
        case refused(TLSRefusal)
    }

    /// The hello ends within this many bytes of the connection, record headers included.
    package static let longest = 65_536
    /// The handshake message itself. A hello with post-quantum keys and a session ticket has about 4 KiB.
    package static let longestHello = 16_384
    package static let mostRecords = 4096

    /// Every byte taken so far, up to the end of the hello, for sending onwards.
    package private(set) var received: [UInt8] = []
    /// What came behind the hello in the same piece. It is for ``SecondHelloReader``: a client can guess that the
    /// server will ask for a second hello, and send it at once.
    package private(set) var rest: [UInt8] = []
    package private(set) var state = State.needMore

    private let allowsEncryptedHello: Bool
    /// The handshake message without record headers.
    private var message: [UInt8] = []
    private var records = 0
    /// Bytes of `received` that were looked at.
    private var position = 0
    /// Bytes of the current record that have not come yet; zero between records.
    private var recordRemaining = 0

    /// - Parameter allowsEncryptedHello: A rule's word that the outer name alone decides.
    package init(allowsEncryptedHello: Bool = false) {
        self.allowsEncryptedHello = allowsEncryptedHello
    }

    /// Takes the next bytes of the connection. After a verdict nothing more is taken and the verdict stays.
    package mutating func append(_ bytes: Span<UInt8>) -> State {
        guard state == .needMore else { return state }
        for index in bytes.indices { received.append(bytes[index]) }
        do throws(TLSRefusal) {
            if let hello = try advance() {
                state = .hello(hello)
                message = []
                rest = Array(received[position...])
                received.removeSubrange(position...)
            }
        } catch {
            state = .refused(error)
            message = []
            received = []
        }
        return state
    }

    private mutating func advance() throws(TLSRefusal) -> ClientHello? {
        while true {
            if recordRemaining == 0, try !startRecord() { return nil }
            let count = min(recordRemaining, received.count - position)
            guard count > 0 else { return nil }
            message += received[position..<position + count]
            position += count
            recordRemaining -= count
            guard let length = try messageLength() else { continue }
            // Judged before the record is whole: another message behind the hello would reach the server unread.
            guard message.count + recordRemaining <= length else { throw .trailing }
            if message.count == length {
                return try ClientHello(parsing: message, allowsEncryptedHello: allowsEncryptedHello)
            }
        }
    }

    /// Reads a record header, or as much of it as is there; false when it is not whole.
    private mutating func startRecord() throws(TLSRefusal) -> Bool {
        let header = received[position...]
        let start = position
        guard let type = header.first else { return false }
        if type != 22 {
            guard records == 0 else { throw .interrupted }
            guard type & 0x80 != 0 else { throw .notTLS }
            // SSL 2: two bytes of length with the upper bit set, then 1 for CLIENT-HELLO.
            guard header.count >= 3 else { return false }
            throw header[start + 2] == 1 ? .sslv2 : .notTLS
        }
        if header.count >= 2, header[start + 1] != 3 { throw .version }
        if header.count >= 3, !(1...3).contains(header[start + 2]) { throw .version }
        guard header.count >= 5 else { return false }
        let length = Int(header[start + 3]) << 8 | Int(header[start + 4])
        guard length > 0 else { throw .interrupted }
        guard length <= 16_384, records < Self.mostRecords, start + 5 + length <= Self.longest else {
            throw .oversized
        }
        records += 1
        position += 5
        recordRemaining = length
        return true
    }

    /// The length of the handshake message with its header; nil until that header is whole.
    private func messageLength() throws(TLSRefusal) -> Int? {
        guard message[0] == 1 else { throw .notClientHello }
        guard message.count >= 4 else { return nil }
        let length = 4 + message.span.number24(at: 1)
        guard length <= Self.longestHello else { throw .oversized }
        return length
    }
}
