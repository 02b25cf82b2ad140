// SPDX-License-Identifier: Apache-2.0

/// What a client asks of the listening supervisor.
///
///     client                                        listening supervisor
///        │  run (a document and files by SCM_RIGHTS)  ──────▶  first and only request; starts the session's own supervisor
///        │  ◀──────────────  refused, or started              which answers from here on
///        │  stop                                      ──────▶  each time the client is asked to stop
///        │  ◀──────────────  ended                            and hangs up
///
/// Datagrams of a SOCK_SEQPACKET socket with the header of ``MessageHeader``. A client that hangs up ends its session.
package enum ListenerRequest: Equatable, Sendable {
    /// A session; the first descriptor is its document, a sealed memfd, and the document names the others.
    case run
    /// The sessions of the client's user.
    case list
    /// One of them is to end: a document with its name.
    case stop
    /// Returns when no session of a client that is gone is left, nor what such a session left.
    case settle

    /// Every request has this size; one that is longer is none.
    package static let size = 4
    package static let longestDocument = 1 << 20
    package static let mostDescriptors = 64

    private enum Kind: UInt8 {
        case run = 0x71
        case list, stop, settle
    }

    package func encoded() -> [UInt8] {
        var writer = ByteWriter()
        switch self {
        case .run: writer.appendHeader(Kind.run)
        case .list: writer.appendHeader(Kind.list)
        case .stop: writer.appendHeader(Kind.stop)
        case .settle: writer.appendHeader(Kind.settle)
        }
        return writer.bytes
    }

    /// Reads one datagram.
    package init(decoding bytes: [UInt8]) throws(MessageError) {
        guard bytes.count == Self.size else { throw .size(bytes.count) }
        var reader = ByteReader(bytes)
        let kind = try reader.nextHeader(Kind.self)
        try reader.expectEnd()
        switch kind {
        case .run: self = .run
        case .stop: self = .stop
        case .list: self = .list
        case .settle: self = .settle
        }
    }

    /// Looked at apart from the bytes, by the one who takes the descriptors.
    ///
    /// - Throws: where another number came along than belongs to the request.
    package func check(descriptors: Int) throws(MessageError) {
        let announced =
            switch self {
            case .run: max(1, descriptors)
            case .stop: 1
            case .list, .settle: 0
            }
        guard descriptors == announced else { throw .descriptors(announced: announced, received: descriptors) }
    }
}

/// What it is answered.
package enum ListenerReply: Equatable, Sendable {
    /// The session has a name from here on, and a process of its own.
    case started(session: String)
    /// The session ended, with what `sallyport run` exits with.
    case ended(status: Int32)
    /// A document comes along: what was asked for.
    case document
    case done
    /// Nothing of what was asked was done.
    case refused(String)

    private static let longestText = 3072
    private static let longestName = 64
    /// No reply is longer.
    package static let longest = 4096

    private enum Kind: UInt8 {
        case started = 0xF1
        case ended, document, done, refused
    }

    package func encoded() -> [UInt8] {
        var writer = ByteWriter()
        switch self {
        case .started(let session):
            writer.appendHeader(Kind.started)
            writer.append(counted: Array(session.utf8))
        case .ended(let status):
            writer.appendHeader(Kind.ended)
            writer.append(UInt32(bitPattern: status))
        case .document: writer.appendHeader(Kind.document)
        case .done: writer.appendHeader(Kind.done)
        case .refused(let text):
            writer.appendHeader(Kind.refused)
            var kept = text
            while kept.utf8.count > Self.longestText { kept.removeLast() }
            writer.append(counted: Array(kept.utf8))
        }
        return writer.bytes
    }

    package init(decoding bytes: [UInt8]) throws(MessageError) {
        guard bytes.count <= Self.longest else { throw .size(bytes.count) }
        var reader = ByteReader(bytes)
        func text(_ most: Int, _ reader: inout ByteReader) throws(MessageError) -> String {
            guard let text = String(validating: try reader.nextCounted(most: most), as: UTF8.self) else { throw .value }
            return text
        }
        switch try reader.nextHeader(Kind.self) {
        case .started: self = .started(session: try text(Self.longestName, &reader))
        case .ended: self = .ended(status: Int32(bitPattern: try reader.next()))
        case .document: self = .document
        case .done: self = .done
        case .refused: self = .refused(try text(Self.longestText, &reader))
        }
        try reader.expectEnd()
    }
}
