// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

/// Tells a client why its connection does not come about, and lets it read that.
///
/// Waits for the first bytes where nothing is known of the client's protocol, answers in it, and then reads on until the
/// client has ended too: bytes that are still unread here would turn the close into a reset that overtakes the answer.
struct Farewell {
    enum Step: Equatable {
        /// Nothing to do before the client says more.
        case wait
        /// There may be more to read, but others have their turn first.
        case goOn
        case close(resetting: Bool)
    }

    private let explanation: Explanation
    private var isTold = false
    private var drained = 0

    init(_ explanation: Explanation) { self.explanation = explanation }

    /// Takes what the client sent.
    ///
    /// - Parameters:
    ///   - reader: What was understood of the client so far.
    ///   - most: Bytes that a client may go on to send; whoever sends more is not listening.
    mutating func step(with client: Int32, _ reader: HeadReader, port: UInt16, most: Int) -> Step {
        var buffer = [UInt8](repeating: 0, count: 16_384)
        let got = sp_receive_bytes(client, &buffer, buffer.count)
        if !isTold {
            guard let speaks = reader.speaks ?? Explanation.Language(firstByte: got > 0 ? buffer[0] : nil) else {
                // Nothing came: a server that speaks first would be waited for.
                return got == 0 || port != 80 && port != 443 ? .close(resetting: true) : .wait
            }
            let reply = explanation.bytes(for: speaks, method: reader.method)
            guard !reply.isEmpty else { return .close(resetting: true) }
            _ = reply.withUnsafeBytes { sp_send_bytes(client, $0.baseAddress!, $0.count) }
            _ = sp_shutdown_write(client)
            isTold = true
        }
        if got == 0 { return .close(resetting: false) }
        drained += max(0, got)
        if drained > most { return .close(resetting: true) }
        return got > 0 ? .goOn : .wait
    }
}
