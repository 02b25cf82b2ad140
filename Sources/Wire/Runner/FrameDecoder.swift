// SPDX-License-Identifier: Apache-2.0

/// Cuts a hostile stream into frames; holds at most one unfinished frame and reads nothing past the first bad one.
package struct FrameDecoder: Sendable {
    private var pending: [UInt8] = []
    private var isRefused = false

    /// Bytes of the stream that belong to complete, accepted frames.
    package private(set) var acceptedBytes: UInt64 = 0

    package init() {}

    /// Bytes of an unfinished frame that are held; never more than 65,540.
    package var pendingBytes: Int { pending.count }

    /// Takes the next piece of the stream and hands over each frame that it completes, in order.
    ///
    /// The length word is judged as soon as it is there, so a length that is too large allocates nothing.
    ///
    /// - Throws: ``FrameError`` at the first malformed frame, after the frames before it were handed over; every
    ///   later call throws `.streamRefused`.
    package mutating func take(
        _ bytes: Span<UInt8>, accept: (Frame) -> Void
    ) throws(FrameError) {
        guard !isRefused else { throw .streamRefused }
        var index = 0
        while index < bytes.count {
            let wanted = try bytesMissing()
            let available = min(wanted, bytes.count - index)
            for offset in 0..<available { pending.append(bytes[index + offset]) }
            index += available
            if available == wanted, let frame = try completeFrame() { accept(frame) }
        }
    }

    /// Takes the next piece of the stream; see ``take(_:accept:)``.
    package mutating func take(_ bytes: [UInt8], accept: (Frame) -> Void) throws(FrameError) {
        try take(bytes.span, accept: accept)
    }

    /// Says that the stream ended.
    ///
    /// - Throws: ``FrameError/truncated(_:)`` when it ended inside a frame.
    package mutating func finish() throws(FrameError) {
        guard !isRefused else { throw .streamRefused }
        guard pending.isEmpty else { throw refuse(.truncated(pending.count)) }
    }

    /// How many bytes complete the length word or, once that is known, the frame.
    private mutating func bytesMissing() throws(FrameError) -> Int {
        guard let length = announcedLength else { return 4 - pending.count }
        guard Frame.acceptedLengths.contains(Int(length)) else { throw refuse(.length(length)) }
        return 4 + Int(length) - pending.count
    }

    private var announcedLength: UInt32? {
        guard pending.count >= 4 else { return nil }
        return pending[..<4].reduce(0) { $0 << 8 | UInt32($1) }
    }

    private mutating func completeFrame() throws(FrameError) -> Frame? {
        guard let length = announcedLength else { return nil }
        guard Frame.acceptedLengths.contains(Int(length)) else { throw refuse(.length(length)) }
        guard pending.count == 4 + Int(length) else { return nil }
        guard pending[4] == Frame.version else { throw refuse(.version(pending[4])) }
        guard let kind = Frame.Kind(rawValue: pending[5]) else { throw refuse(.kind(pending[5])) }
        let fields: [Frame.Field]
        do throws(FrameError) {
            fields = try FramePayload.decode(pending.span.extracting(droppingFirst: 6))
        } catch {
            throw refuse(error)
        }
        acceptedBytes += UInt64(pending.count)
        pending.removeAll(keepingCapacity: true)
        return Frame(kind: kind, fields: fields)
    }

    private mutating func refuse(_ error: FrameError) -> FrameError {
        isRefused = true
        pending = []
        return error
    }
}
