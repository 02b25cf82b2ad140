// SPDX-License-Identifier: Apache-2.0

/// What the supervisor tells a gateway.
///
///     supervisor                                        sallyport-gateway
///        │  start (descriptors by SCM_RIGHTS)  ────────────▶  first, exactly once
///        │  ◀────────────  ready, or refused and exit
///        │  window size                        ────────────▶  any number
///        │  ◀────────────  progress               when a cap is reached or a frame is refused
///        │  close                              ────────────▶  at most once: drain what is there, then end
///        │  ◀────────────  ended                  last, then exit 0
///
/// One datagram of a SOCK_SEQPACKET socket is one message: the header of ``MessageHeader``, then the fields in order,
/// big-endian, no padding. Both sides treat the other as hostile: a wrong size, an unknown kind or a reserved bit ends
/// the conversation.
///
/// The supervisor closes its own copies of what it handed over: the pty's end is seen only when no process has the
/// slave open, and the runner's only when no process holds the inner end of its socket.
package enum GatewayCommand: Equatable, Sendable {
    case start(GatewayStart)
    case window(WindowSize)
    /// The workload is gone: move what is already there without waiting for more, report, exit. A terminal that takes
    /// nothing still delays the end, so the supervisor gives it a time of its own and then kills the gateway.
    case close

    /// No command is longer; a receiver's buffer of this size shows an oversized one by MSG_TRUNC.
    package static let longest = 64

    private enum Kind: UInt8 {
        case start = 1
        case window = 2
        case close = 3
    }

    /// The datagram of this command; a start message's descriptors travel beside it.
    package func encoded() -> [UInt8] {
        var writer = ByteWriter()
        switch self {
        case .start(let start):
            writer.appendHeader(Kind.start)
            start.append(to: &writer)
        case .window(let size):
            writer.appendHeader(Kind.window)
            size.append(to: &writer)
        case .close:
            writer.appendHeader(Kind.close)
        }
        return writer.bytes
    }

    /// Reads one datagram.
    ///
    /// - Parameter descriptors: How many descriptors came with it; only a start message has any.
    package init(decoding bytes: [UInt8], descriptors: Int) throws(MessageError) {
        var reader = ByteReader(bytes)
        let kind = try reader.nextHeader(Kind.self)
        var announced = 0
        switch kind {
        case .start:
            let start = try GatewayStart(from: &reader)
            announced = start.roles.count
            self = .start(start)
        case .window:
            self = .window(try WindowSize(from: &reader))
        case .close:
            self = .close
        }
        try reader.expectEnd()
        guard announced == descriptors else { throw .descriptors(announced: announced, received: descriptors) }
    }
}

/// Rows and columns of a terminal.
package struct WindowSize: Equatable, Sendable {
    package let rows: UInt16
    package let columns: UInt16

    package init(rows: UInt16, columns: UInt16) {
        self.rows = rows
        self.columns = columns
    }

    func append(to writer: inout ByteWriter) {
        writer.append(rows)
        writer.append(columns)
    }

    init(from reader: inout ByteReader) throws(MessageError) {
        rows = try reader.next()
        columns = try reader.next()
    }
}
