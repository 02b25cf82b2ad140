// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import LinuxSystem
internal import Policy

/// Connections to sockets of the host that the policy grants. The supervisor makes them: this process can reach no path,
/// and whoever took it over could still have the granted ones only.
final class HostSockets {
    enum Answer {
        /// A connected socket, which the receiver owns.
        case connected(Int32)
        case failed(Errno)
    }

    /// Those that the session began with, by number from 1.
    let grants: [SocketGrant]
    private let questions: Questions<Answer>
    private let ask: (UInt32, UInt16) -> Void

    init(_ loop: EventLoop, _ caps: Caps, _ policy: EgressPolicy, ask: @escaping (UInt32, UInt16) -> Void) {
        grants = policy.socketRules.compactMap { $0.socket }
        self.ask = ask
        questions = Questions(loop, milliseconds: caps.attemptMilliseconds)
    }

    /// The grant of a number; nil for a number that none has.
    func grant(_ number: UInt16) -> SocketGrant? {
        number > 0 && Int(number) <= grants.count ? grants[Int(number) - 1] : nil
    }

    /// Calls `done` with what became of it, or with nil when nobody said in time.
    func connect(_ number: UInt16, _ done: @escaping (Answer?) -> Void) { questions.ask({ ask($0, number) }, done) }

    func answer(_ query: UInt32, _ answer: Answer) {
        if questions.answer(query, answer) { return }
        if case .connected(let number) = answer { _ = sp_close(number) }
    }

    func giveUp() { questions.giveUp() }
}
