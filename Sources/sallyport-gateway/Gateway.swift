// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import Wire

/// From exec to exit: confine, hear what to do, move bytes, report.
enum Gateway {
    /// The one descriptor that the supervisor leaves open.
    static let control: Int32 = 3

    /// Exit status for a refusal and for a supervisor that breaks the protocol.
    static let failed: Int32 = 125

    static func run() -> Int32 {
        let channel = ControlChannel(descriptor: control)
        do throws(Refused) {
            let landlock = try Confinement.enter(.terminal)
            let (start, descriptors) = try channel.receiveStart()
            try Confinement.judge(landlock: landlock, waived: start.options.contains(.landlockWaived))
            let relay = try Relay(start: start, descriptors: descriptors, channel: channel)
            channel.report(.ready)
            return relay.run() ? 0 : failed
        } catch {
            channel.report(.refused(error.refusal))
            return failed
        }
    }
}

/// A reason not to start.
struct Refused: Error {
    let refusal: GatewayReport.Refusal

    init(_ check: GatewayReport.Refusal.Check, errno: Int32 = 0) {
        refusal = GatewayReport.Refusal(check: check, errno: UInt32(errno))
    }
}
