// SPDX-License-Identifier: Apache-2.0
internal import Policy
internal import Wire

/// One session's questions about names: which one is asked, which wait, which were.
///
///     idle ──next()──▶ asked ──leave──▶ idle
///                        └────open────▶ opening ──conclude()──▶ idle
///
/// Each name is asked about once. The sandbox chooses the names, so both lists are bounded; what has no room is denied as
/// ever. Pure: no descriptor, no clock.
struct HostQuestions {
    struct Question: Equatable {
        let name: HostName
        let port: UInt16
        /// How often it was asked for, as far as is known when somebody is asked.
        var times: UInt16
    }

    enum Phase: Equatable {
        case idle
        case asked(Question)
        /// Let through, and not in force yet.
        case opening(Question)
    }

    static let mostWaiting = 16
    static let mostAsked = 512

    private(set) var phase = Phase.idle
    private var waiting: [Question] = []
    private var asked: Set<HostName> = []

    /// A name was asked for, again or for the first time.
    ///
    /// - Parameter port: Where it would be opened; nil where nobody may be asked about it.
    mutating func want(_ name: HostName, times: UInt16, port: (HostName) -> UInt16?) {
        if asked.contains(name) { return }
        if let index = waiting.firstIndex(where: { $0.name == name }) {
            waiting[index].times = max(waiting[index].times, times)
        } else if waiting.count < Self.mostWaiting, asked.count < Self.mostAsked, let port = port(name) {
            waiting.append(Question(name: name, port: port, times: times))
        }
    }

    /// The question to ask now; nil where one is under way or none waits.
    mutating func next() -> Question? {
        guard phase == .idle, !waiting.isEmpty else { return nil }
        let question = waiting.removeFirst()
        asked.insert(question.name)
        phase = .asked(question)
        return question
    }

    /// Takes an answer.
    ///
    /// - Returns: False for one to no question.
    mutating func take(_ answer: HostAnswer) -> Bool {
        guard case .asked(let question) = phase else { return false }
        phase = answer == .open ? .opening(question) : .idle
        return true
    }

    /// What was let through is in force, or could not be.
    mutating func conclude() { phase = .idle }
}
