// SPDX-License-Identifier: Apache-2.0
import CLinux
import Egress
import Glibc
import Wire

/// The gateway of a session's network: hear what to do, confine, answer and relay until the session ends.
enum EgressRole {
    static func run() -> Int32 {
        EgressService(control: Gateway.control).run { landlockWaived in
            do throws(Refused) {
                try Confinement.judge(landlock: try Confinement.enter(.egress), waived: landlockWaived)
                let narrowed = sp_gateway_narrow_egress()
                guard narrowed >= 0 else { throw Refused(.seccomp, errno: -narrowed) }
                return nil
            } catch { return error.refusal }
        }
    }
}
