// SPDX-License-Identifier: Apache-2.0
internal import CRunner

/// What an agent says about its own work while it runs, by lines to a fifo; the runner passes them on as frames.
///
///     turn                  a turn of the model has begun
///     tool NAME ok|failed   a tool was called
///     cost MICRO_DOLLARS    spent so far
///     note TEXT             anything for the log
///
/// The stuck guard sees these lines and nothing else: three failures of one tool in a row, or five failures among the
/// last six calls. An agent that writes no such line is ended by its time alone.
final class Events {
    let descriptor: Int32
    let path: String
    private let mostTurns: Int
    private var turns = 0
    private var calls: [(name: String, failed: Bool)] = []
    private var pending: [UInt8] = []
    private var forwarded = 0
    /// Why the agent was ended; nil when it was not.
    private(set) var stop: String?

    private static let longestLine = 1000
    private static let mostForwarded = 5000

    /// - Parameter turns: Largest number of turns; 0 is no limit.
    init(path: String, turns: Int) throws(Failure) {
        let made = sp_make_fifo(path)
        guard made >= 0 else { throw Failure("cannot make \(path): \(errorText(made))") }
        descriptor = Int32(made)
        self.path = path
        mostTurns = turns
    }

    /// Takes the next bytes; false when the agent is to be ended.
    func take(_ bytes: [UInt8]) -> Bool {
        for byte in bytes {
            if byte != 0x0A {
                if pending.count < Self.longestLine { pending.append(byte) }
                continue
            }
            let words = pending.split(separator: 0x20, maxSplits: 2).map { String(decoding: $0, as: UTF8.self) }
            pending = []
            if !words.isEmpty { consider(words) }
            if stop != nil { return false }
        }
        return true
    }

    private func consider(_ words: [String]) {
        switch words[0] {
        case "turn":
            turns += 1
            forward(.turn, [Frames.Field("number", "\(turns)")])
            if mostTurns > 0 && turns > mostTurns { stop = "more than \(mostTurns) turns" }
        case "tool" where words.count == 3:
            let failed = words[2].utf8.elementsEqual("failed".utf8)
            forward(.toolCall, [Frames.Field("name", words[1]), Frames.Field("outcome", failed ? "failed" : "ok")])
            calls.append((words[1], failed))
            if calls.count > 6 { calls.removeFirst() }
            if isStuck { stop = "stuck: \(words[1]) fails again and again" }
        case "cost" where words.count >= 2 && words[1].utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }):
            forward(.cost, [Frames.Field("micro_dollars", words[1])])
        case "note" where words.count >= 2:
            var text = words[1]
            if words.count == 3 { text += " " + words[2] }
            forward(.note, [Frames.Field("text", text)])
        default: break
        }
    }

    private var isStuck: Bool {
        let last = calls.suffix(3)
        if last.count == 3,
            last.allSatisfy({ $0.failed && $0.name.utf8.elementsEqual(last[last.startIndex].name.utf8) })
        {
            return true
        }
        return calls.count == 6 && calls.filter { $0.failed }.count >= 5
    }

    /// An agent that floods is not passed on any more; what it says still counts for the guard.
    private func forward(_ kind: Frames.Kind, _ fields: [Frames.Field]) {
        forwarded += 1
        if forwarded == Self.mostForwarded { Frames.note("further statements of the agent are not passed on") }
        if forwarded < Self.mostForwarded { Frames.send(kind, fields) }
    }
}
