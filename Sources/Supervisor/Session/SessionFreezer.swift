// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Isolation
internal import LinuxSystem
internal import Wire

/// Keeps a session's processes from running for a while: somebody decides about it meanwhile.
///
/// The clock of its deadline goes on, and whatever ends the session thaws it for good.
final class SessionFreezer {
    /// Why it stands still: as long as there is one reason, it does.
    private enum Reason {
        /// At its operator's wish.
        case wish
        /// A question about a name waits for its answer.
        case question
    }

    private let session: SessionID
    private let set: (Bool) throws(SystemError) -> Void
    private var reasons: Set<Reason> = []
    private var isEnding = false

    /// - Parameter set: Freezes, and returns when nothing runs; or thaws.
    init(_ session: SessionID, set: @escaping (Bool) throws(SystemError) -> Void) {
        self.session = session
        self.set = set
    }

    /// At the operator's wish; twice is as good as once.
    func change(to frozen: Bool) -> SessionReply {
        if isEnding {
            return .refused(
                .init(.busy, "cannot freeze or thaw session \(session): it is being ended (EBUSY). Wait for its end."))
        }
        if !frozen, reasons.contains(.question) {
            return .refused(
                .init(
                    .busy,
                    "cannot thaw session \(session): a question about a host waits for its answer (EBUSY). Answer it: sallyport pending."
                ))
        }
        do throws(SystemError) { try change(.wish, to: frozen) } catch {
            return .refused(.init(.system, error.description))
        }
        return frozen ? .frozen : .thawed
    }

    /// For a question, or after its answer; an operator who wants it to stand still is not overruled.
    func wait(for answer: Bool) throws(SystemError) {
        if isEnding {
            if answer { throw SystemError("freeze", "session \(session), which is being ended", .busy) }
            return
        }
        try change(.question, to: answer)
    }

    private func change(_ reason: Reason, to frozen: Bool) throws(SystemError) {
        if frozen {
            let wasFrozen = !reasons.isEmpty
            // From the attempt on: one that fails half-way may stand still all the same.
            reasons.insert(reason)
            if wasFrozen { return }
            do throws(SystemError) { try set(true) } catch {
                // Half frozen is neither: it goes on rather than stand still without anybody knowing.
                try set(false)
                reasons.remove(reason)
                throw error
            }
        } else {
            guard reasons.contains(reason) else { return }
            if reasons.count == 1 { try set(false) }
            reasons.remove(reason)
        }
    }

    /// Thaws, and never freezes again.
    func end() throws(SystemError) {
        isEnding = true
        if reasons.isEmpty { return }
        try set(false)
        reasons = []
    }
}
