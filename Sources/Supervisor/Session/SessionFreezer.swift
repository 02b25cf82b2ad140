// SPDX-License-Identifier: Apache-2.0
internal import Isolation
internal import LinuxSystem
internal import Wire

/// Keeps a session's processes from running for a while, at its operator's wish: somebody decides about it meanwhile.
///
/// The clock of its deadline goes on, and whatever ends the session thaws it for good.
final class SessionFreezer {
    private let session: SessionID
    private let set: (Bool) throws(SystemError) -> Void
    private var isFrozen = false
    private var isEnding = false

    /// - Parameter set: Freezes, and returns when nothing runs; or thaws.
    init(_ session: SessionID, set: @escaping (Bool) throws(SystemError) -> Void) {
        self.session = session
        self.set = set
    }

    /// Twice is as good as once.
    func change(to frozen: Bool) -> SessionReply {
        if isEnding {
            return .refused(
                .init(.busy, "cannot freeze or thaw session \(session): it is being ended (EBUSY). Wait for its end."))
        }
        do throws(SystemError) {
            if frozen { try freeze() } else { try thaw() }
            return frozen ? .frozen : .thawed
        } catch {
            // Half frozen is neither: it goes on rather than stand still without anybody knowing.
            do throws(SystemError) { if frozen { try thaw() } } catch {
                return .refused(.init(.system, error.description))
            }
            return .refused(.init(.system, error.description))
        }
    }

    private func freeze() throws(SystemError) {
        if isFrozen { return }
        // From the attempt on: one that fails half-way may stand still all the same.
        isFrozen = true
        try set(true)
    }

    private func thaw() throws(SystemError) {
        guard isFrozen else { return }
        try set(false)
        isFrozen = false
    }

    /// Thaws, and never freezes again.
    func end() throws(SystemError) {
        isEnding = true
        try thaw()
    }
}
