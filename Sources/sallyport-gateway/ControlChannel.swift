// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import Wire

/// The socket to the supervisor.
struct ControlChannel {
    let descriptor: Int32

    /// What the supervisor said, or that it will say no more.
    enum Event {
        case command(GatewayCommand, descriptors: [Int32])
        /// The supervisor is gone.
        case closed
        /// What arrived is none of its messages.
        case broken(errno: Int32)
    }

    /// Receives one datagram; waits for it.
    func receive() -> Event {
        var buffer = [UInt8](repeating: 0, count: GatewayCommand.longest)
        var descriptors = [Int32](repeating: -1, count: Int(SP_GATEWAY_DESCRIPTORS))
        var count: Int32 = 0
        let received = sp_gateway_receive(descriptor, &buffer, buffer.count, &descriptors, &count)
        if received == 0 { return .closed }
        if received == -Int(ECONNRESET) { return .closed }
        guard received > 0 else { return .broken(errno: Int32(-received)) }
        let arrived = Array(descriptors[..<Int(count)])
        do throws(MessageError) {
            let command = try GatewayCommand(decoding: Array(buffer[..<received]), descriptors: arrived.count)
            return .command(command, descriptors: arrived)
        } catch {
            for descriptor in arrived { close(descriptor) }
            return .broken(errno: EBADMSG)
        }
    }

    /// Receives the message that has to come first.
    func receiveStart() throws(Refused) -> (GatewayStart, [GatewayStart.Role: Int32]) {
        switch receive() {
        case .command(.start(let start), let descriptors):
            return (start, Dictionary(uniqueKeysWithValues: zip(start.orderedRoles, descriptors)))
        case .broken(let errno):
            throw Refused(.startMessage, errno: errno)
        case .command, .closed:
            throw Refused(.startMessage)
        }
    }

    /// Sends a report. A supervisor that is gone cannot be told so; its absence is noticed by the next poll.
    func report(_ report: GatewayReport) {
        let bytes = report.encoded()
        // A supervisor that does not read must not stop the output; only progress can be left out, since the last
        // report repeats its numbers.
        let flags: Int32 =
            if case .progress = report { Int32(MSG_DONTWAIT) } else { 0 }
        _ = sp_gateway_send(descriptor, bytes, bytes.count, nil, 0, flags)
    }
}
