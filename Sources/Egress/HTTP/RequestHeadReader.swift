// SPDX-License-Identifier: Apache-2.0

/// Collects the first bytes of a connection until they are the head of one HTTP/1 request or certainly none.
///
/// Strict RFC 9112: each leniency of that document is a way to make two parsers disagree (threats E14, E15). The verdict
/// depends on the bytes alone, never on how they arrived.
package struct RequestHeadReader: Sendable {
    package enum State: Equatable, Sendable {
        case needMore
        case head(RequestHead)
        case refused(HTTPRefusal)
    }

    package static let longest = 65_536
    package static let mostFields = 100

    package private(set) var state = State.needMore
    /// What came behind the head in the same piece: the beginning of the body.
    package private(set) var rest: [UInt8] = []

    private var collector = LineCollector()
    private var size = 0
    private var requestLine: RequestLine?
    private var fields: [HTTPField] = []

    package init() {}

    /// Takes the next bytes of the connection. After a verdict nothing more is taken and the verdict stays.
    package mutating func append(_ bytes: Span<UInt8>) -> State {
        guard state == .needMore else { return state }
        do throws(HTTPRefusal) {
            for index in bytes.indices {
                guard let head = try take(bytes[index]) else { continue }
                state = .head(head)
                rest = bytes.copy(index + 1..<bytes.count)
                break
            }
        } catch {
            state = .refused(error)
        }
        if state != .needMore { (collector, requestLine, fields) = (LineCollector(), nil, []) }
        return state
    }

    private mutating func take(_ byte: UInt8) throws(HTTPRefusal) -> RequestHead? {
        size += 1
        guard size <= Self.longest else { throw .oversized }
        guard try collector.take(byte, allowsTab: requestLine != nil) else { return nil }
        defer { collector.next() }
        guard let requestLine else {
            self.requestLine = try RequestLine(collector.line)
            return nil
        }
        if collector.line.isEmpty { return try RequestHead(requestLine, fields: fields) }
        guard fields.count < Self.mostFields else { throw .oversized }
        fields.append(try HTTPField(collector.line))
        return nil
    }
}
