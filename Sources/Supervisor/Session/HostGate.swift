// SPDX-License-Identifier: Apache-2.0
internal import LinuxSystem
internal import Policy
internal import Wire

/// Asks about names that a task wanted and that no rule names: one at a time, while nothing of the sandbox runs.
///
/// The task's question was answered before, with a refusal: an approval opens the name for its next attempt. Whatever
/// happens to whoever is asked, to the gateway or to a message ends the asking for good, and thaws.
final class HostGate {
    /// A name that was let through.
    struct Opened {
        let name: HostName
        let port: UInt16
        let generation: UInt32
    }

    private let attendant: Attendant
    private let permission: HostPermission
    private let policy: LivePolicy
    private let freezer: SessionFreezer
    private var questions = HostQuestions()
    /// Nobody is inside any more.
    private var isOver = false
    private(set) var opened: [Opened] = []
    /// The session could not be thawed: it does not go on.
    private(set) var failure: SystemError?

    /// The descriptor to wait on; ``heed()`` takes what is there.
    var number: Int32 { attendant.number }

    init(_ attendant: Attendant, _ permission: HostPermission, _ policy: LivePolicy, _ freezer: SessionFreezer) {
        self.attendant = attendant
        self.permission = permission
        self.policy = policy
        self.freezer = freezer
    }

    /// The gateway denied a name because no rule names it.
    func want(_ name: HostName, times: UInt16) {
        if isOver || attendant.isGone { return }
        questions.want(name, times: times) { name in
            permission.policy(policy.current, with: name) == nil ? nil : permission.port
        }
        if questions.phase == .idle { goOn() }
    }

    /// Takes one answer; false when no more will come.
    func heed() -> Bool {
        switch attendant.answer() {
        case .nothing: return true
        case .gone: shut()
        case .answer(let answer):
            // An answer to no question is none.
            guard questions.take(answer) else {
                shut()
                break
            }
            if case .opening = questions.phase { open() } else { goOn() }
        }
        return !attendant.isGone
    }

    /// A change of the policy has ended, ours or another.
    func changed(_ change: EgressDoor.Change, by asker: LivePolicy.Asker?) {
        var word = SessionWord.kept("the session's gateway could not read the policy")
        if asker == .host, case .applied(let generation, _) = change, case .opening(let question) = questions.phase {
            // Also where nobody is left to hear of it.
            opened.append(Opened(name: question.name, port: question.port, generation: generation))
            word = .opened(generation: generation)
        }
        if isOver || attendant.isGone { return }
        if case .gone = change { return shut() }
        guard case .opening = questions.phase else { return }
        // Ours had to wait for another one.
        if asker == .host { conclude(word) } else { open() }
    }

    private func open() {
        guard case .opening(let question) = questions.phase else { return }
        // Again by the policy of now: what is in force may be another since it was asked.
        guard let wider = permission.policy(policy.current, with: question.name) else {
            return conclude(.kept("the policy that is in force meanwhile speaks of it, or the ceiling does not"))
        }
        switch policy.begin(wider, .host) {
        case nil: return
        case .refused(let refusal)? where refusal.reason == .busy: return
        case .refused(let refusal)?: conclude(.kept(refusal.text))
        case .applied?, .frozen?, .thawed?: conclude(.kept("the session's supervisor is in disorder"))
        }
    }

    private func conclude(_ word: SessionWord) {
        questions.conclude()
        guard attendant.tell(word) else { return shut() }
        goOn()
    }

    /// The sandbox has ended: what its gateway still has to tell is about nobody.
    func end() { isOver = true }

    /// Asks the next question, or lets the sandbox run.
    private func goOn() {
        guard let question = questions.next() else { return thaw() }
        do throws(SystemError) { try freezer.wait(for: true) } catch { return shut() }
        guard attendant.tell(.wanted(name: question.name.text, port: question.port, times: question.times)) else {
            return shut()
        }
    }

    private func thaw() {
        do throws(SystemError) { try freezer.wait(for: false) } catch { failure = failure ?? error }
    }

    /// Nobody is asked any more.
    private func shut() {
        attendant.dismiss()
        thaw()
    }
}
