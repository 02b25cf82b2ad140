// SPDX-License-Identifier: Apache-2.0

/// Every range of user and group ids that we give out on a host, lowest first; none meets another.
///
/// All lie above those of people, containers and systemd-nspawn, and below systemd's foreign ids or the sign bit. Two
/// processes with one id could stop and trace each other, and `sweep` ends whoever has an id of a dead session's block: an
/// id means one thing, or the walls between these things are none. systemd, UIDS-GIDS.md
package enum OwnIdentities {
    /// Sessions, 65,536 for each; the host file can name others.
    package static let sessions: Range<UInt32> = 1_879_048_192..<2_113_929_216
    /// The steps that speak with a forge, by the number of the process that starts them.
    package static let forgeSteps = byProcess(from: 2_113_929_216)
    /// Quarantines of sessions' repositories, and the brokers that serve them; `BrokerView.identities` says the same.
    package static let quarantines: Range<UInt32> = 2_126_000_000..<2_130_194_304
    /// Steps of a task and the quarantine that they write, by the number of the task's process.
    package static let taskSteps = byProcess(from: 2_130_706_432)
    /// Copies of upstreams, by 23 bits of the upstream's key.
    package static let mirrors: Range<UInt32> = 2_135_000_000..<2_143_388_608

    package static let all = [sessions, forgeSteps, quarantines, taskSteps, mirrors]

    /// One for each process that a host can have at a time. proc(5), pid_max
    private static func byProcess(from first: UInt32) -> Range<UInt32> { first..<(first + (1 << 22)) }

    /// The id in a range that belongs to a process: no other living one has it.
    package static func of(process: Int32, in range: Range<UInt32>) -> UInt32 {
        range.lowerBound + UInt32(process) % UInt32(range.count)
    }
}
