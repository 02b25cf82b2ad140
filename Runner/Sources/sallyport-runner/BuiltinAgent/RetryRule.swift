// SPDX-License-Identifier: Apache-2.0

/// What follows from a request that was not answered by a model.
///
/// A refusal that says `x-should-retry: false` is final: asking again would be refused again, and a budget is none to argue
/// with. Statuses of a moment (408, 409, 429, 529 and every other 5xx) and broken connections are tried again, with waits of
/// 1, 2, 4, 8 and 16 seconds; `retry-after` makes a wait longer, up to two minutes. One that asks for more ends it.
package struct RetryRule: Sendable, Equatable {
    package enum Verdict: Sendable, Equatable {
        case wait(milliseconds: Int, String)
        /// The session may not: its budget, its models, its count of turns.
        case refused(String)
        case failed(String)
    }

    package static let mostTries = 6
    private static let longestWait = 120_000

    private var tries = 0

    package init() {}

    package mutating func judge(_ answer: HTTPAnswer) -> Verdict {
        let said = ModelShape.message(ofError: answer.body).map { ": " + PlainText.line($0, longest: 1000) } ?? ""
        let words = "status \(answer.status)\(said)"
        switch answer["x-should-retry"] {
        case "false": return answer.status < 500 ? .refused(words) : .failed(words)
        case "true": break
        default:
            guard [408, 409, 429].contains(answer.status) || answer.status >= 500 else { return .failed(words) }
        }
        return next(words, after: Self.milliseconds(answer))
    }

    /// - Parameter reason: Why nothing came, or not all of it.
    package mutating func judge(broken reason: String) -> Verdict { next(reason, after: 0) }

    private mutating func next(_ words: String, after asked: Int) -> Verdict {
        tries += 1
        guard tries < Self.mostTries else { return .failed("\(words) (\(tries) times)") }
        guard asked <= Self.longestWait else {
            return .failed("\(words) (and it asks for \(asked / 1000) s of patience)")
        }
        return .wait(milliseconds: max(asked, 500 << tries), words)
    }

    /// A date, and anything else that is no number, asks for nothing.
    private static func milliseconds(_ answer: HTTPAnswer) -> Int {
        if let text = answer["retry-after-ms"], let value = HTTPAnswerReader.decimal(Array(text.utf8)[...]) {
            return value
        }
        if let text = answer["retry-after"], let value = HTTPAnswerReader.decimal(Array(text.utf8)[...]) {
            return value * 1000
        }
        return 0
    }
}
