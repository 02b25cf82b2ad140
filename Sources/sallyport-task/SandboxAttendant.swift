// SPDX-License-Identifier: Apache-2.0
internal import Blueprints
internal import CLinux
internal import Delivery
internal import Documents
internal import Glibc
internal import LinuxSystem
internal import Policy
internal import TaskModel
internal import Wire

/// Attends a sandbox: between `sallyport run --attend` and whoever looks after the session.
///
///     sallyport run ──wanted──▶ here ──question──▶ news.jsonl ─▶ sallyportd ─▶ a person
///                   ◀──open, leave──   ◀──answers/q1.json──
///                   ──spent──▶      ──fact──────▶ news.jsonl ─▶ sallyportd ─▶ an event
///
/// While a question is open, nothing of the sandbox runs. An answer is passed on once; what is not answered when the sandbox
/// ends is withdrawn.
final class SandboxAttendant {
    private let claim: SessionClaim
    private let sandbox: String
    /// In the words of `sallyport run`.
    let matters: [String]
    /// Names that are asked about, whatever the sandbox invents.
    private let most: Int
    private let socket: Descriptor
    /// The other end, which the sandbox gets: its close is how we hear that nobody asks any more.
    private let inner: DescriptorSet
    let innerNumber: Int32
    private let answers: Descriptor
    private var pending: (question: String, request: ApprovalRequest)?
    private var asked = 0
    /// Names are left as they are from here on.
    private var hasAsked = false
    private var isShut = false
    /// As far as was told.
    private var isFrozen = false
    /// What was decided, in the order in which it was asked.
    private(set) var outcomes: [ApprovalOutcome] = []
    private(set) var failure: TaskFailure?

    /// - Parameter most: Questions about names; nil where nobody is to be asked.
    init(_ claim: SessionClaim, sandbox: String, most: Int?, tellsSpending: Bool) throws(TaskFailure) {
        matters = (most == nil ? [] : ["hosts"]) + (tellsSpending ? ["spending"] : [])
        self.claim = claim
        self.sandbox = sandbox
        self.most = most ?? 0
        let pair = try host { () throws(SystemError) in try Channel.messages() }
        inner = DescriptorSet()
        innerNumber = inner.keep(try host { () throws(SystemError) in try pair.second.duplicate() })
        socket = pair.closingSecond()
        // Watched before anything is asked: an answer can come at once.
        answers = try claim.watchAnswers()
    }

    /// The sandbox's end was passed on.
    func handedOver() { inner.closeAll() }

    // MARK: While the sandbox runs

    /// What to wait on; ``heed()`` takes what is there.
    var numbers: [Int32] { [socket.number, answers.number] }

    /// Takes what has come, from either side; false when no more will.
    func heed() -> Bool {
        if isShut { return false }
        do throws(TaskFailure) {
            claim.forgetAnswers(answers)
            try takeAnswer()
            while !isShut, sp_poll_one(socket.number, Int16(POLLIN), 0) > 0 { try takeWord() }
        } catch {
            failure = failure ?? error
            shut()
        }
        return !isShut
    }

    private func takeWord() throws(TaskFailure) {
        let message = try host { () throws(SystemError) in
            try socket.receive(limit: SessionWord.longest, room: 1, subject: "a question of the sandbox")
        }
        guard let message else { return shut() }
        for fd in message.descriptors { _ = sp_close(fd) }
        let word: SessionWord
        do throws(MessageError) { word = try SessionWord(decoding: message.bytes) } catch {
            throw TaskFailure("read", "a question of the sandbox", "\(error)", remedy: "Use one build of all programs.")
        }
        switch word {
        case .wanted(let name, let port, let times): try ask(name, Int(port), Int(times))
        case .opened: try tellThawed()
        case .kept(let reason): try tellThawed(kept: reason.displayed)
        case .spent(let percent, let amount, let budget):
            // As it is told when a session has ended, where it was not before.
            try claim.tell(
                percent < 100 ? .budgetWarning : .budgetExhausted,
                [
                    "budget": "task", "percent": .int(Int(percent)), "spent_usd": .string(Money.text(amount)),
                    "limit_usd": .string(Money.text(budget)),
                ])
        }
    }

    private func ask(_ name: String, _ port: Int, _ times: Int) throws(TaskFailure) {
        guard pending == nil else {
            throw TaskFailure(
                "ask", "about \(name)", "another question is open", remedy: "Use one build of all programs.")
        }
        guard !hasAsked, asked < most else { return pass(.leave) }
        asked += 1
        let request = ApprovalRequest.newHost(name, port: port, sandbox: sandbox, times: times)
        try claim.tell(.frozen, ["sandbox": .string(sandbox), "host": .string(name)])
        isFrozen = true
        pending = (try claim.begin(request), request)
    }

    private func takeAnswer() throws(TaskFailure) {
        guard let (question, request) = pending, let answer = try claim.answer(to: question) else { return }
        pending = nil
        outcomes.append(ApprovalOutcome(request, answer))
        // By the policy's own word it has asked enough: the next would be denied as well.
        if answer.by == ApprovalAnswer.policy, answer.decision == .denied { hasAsked = true }
        if answer.decision == .approved { return pass(.open) }
        pass(.leave)
        try tellThawed()
    }

    /// - Parameter kept: Why a name stays denied, though it was approved.
    private func tellThawed(kept: String? = nil) throws(TaskFailure) {
        guard isFrozen else { return }
        isFrozen = false
        try claim.tell(.thawed, ["sandbox": .string(sandbox), "kept": .optional(kept)])
    }

    private func pass(_ answer: HostAnswer) {
        do throws(SystemError) {
            try socket.send(answer.encoded(), descriptors: [], subject: "an answer about a name")
        } catch { shut() }
    }

    /// Nobody is asked any more, and the sandbox goes on.
    private func shut() {
        isShut = true
        _ = shutdown(socket.number, Int32(SHUT_RDWR))
    }

    // MARK: Its end

    /// Withdraws what nobody answered in time.
    ///
    /// - Throws: What went wrong while it ran.
    func conclude() throws(TaskFailure) {
        // What was said last.
        _ = heed()
        shut()
        if let failure { throw failure }
        try tellThawed()
        guard let (question, _) = pending else { return }
        pending = nil
        try claim.withdraw(question)
    }
}

extension TaskRun {
    /// Who attends a sandbox; nil where nobody looks after the task, or nothing of it is to be told or asked.
    ///
    /// - Parameter tellsSpending: Whether it has models.
    func attendant(of sandbox: String, tellsSpending: Bool) throws(TaskFailure) -> SandboxAttendant? {
        guard let claim else { return nil }
        let snapshot = arguments.settled?.snapshot
        let isGate = snapshot?.blueprint.approvals.gates.contains(.newHost) ?? false
        guard isGate || tellsSpending else { return nil }
        return try SandboxAttendant(
            claim, sandbox: sandbox, most: isGate ? snapshot?.limits.approvalCap.value : nil,
            tellsSpending: tellsSpending)
    }
}
