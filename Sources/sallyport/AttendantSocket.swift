// SPDX-License-Identifier: Apache-2.0
internal import CLI
internal import CLinux
internal import Documents
internal import Glibc
internal import LinuxSystem
internal import Supervisor

/// Descriptor 3 of `sallyport run --attend`: whoever has the other end is told and asked.
struct AttendantSocket {
    static let number: Int32 = 3
    static let option = "attend"
    let matters: Set<SessionAttendance.Matter>

    /// Nil where nobody attends; refuses what is no such socket, since there would be no answer.
    init?(_ arguments: Arguments) throws {
        let words = arguments.all(Self.option)
        if words.isEmpty { return nil }
        matters = try Set(
            words.map { word in
                guard let matter = SessionAttendance.Matter(rawValue: word) else {
                    let known = SessionAttendance.Matter.allCases.map(\.rawValue).joined(separator: " or ")
                    throw UsageError("--\(Self.option) takes \(known), and \"\(word.displayed)\" is neither")
                }
                return matter
            })
        guard SessionAttendance.isSocket(Self.number) else {
            throw SystemError(
                "attend", "a session on descriptor \(Self.number)", Errno(ENOTSOCK),
                remedy:
                    "It must be a connected local SOCK_SEQPACKET socket; leave --\(Self.option) to `sallyport task run`."
            )
        }
        try checked("keep", "descriptor \(Self.number)") { sp_set_cloexec(Self.number, 1) }
    }

    /// Out of the way of the numbers that a sandbox's own files get.
    func attendance(_ context: Context) throws -> SessionAttendance {
        let moved = Int32(try checked("duplicate", "descriptor \(Self.number)") { sp_fdup_above(Self.number, 64) })
        _ = sp_close(Self.number)
        return SessionAttendance(
            socket: moved, matters, ceiling: try EgressCeiling.load(context.profiles, context.registries))
    }
}
