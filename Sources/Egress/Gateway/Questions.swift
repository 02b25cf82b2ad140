// SPDX-License-Identifier: Apache-2.0

/// Questions to the supervisor, each of which waits a while for its answer.
///
/// The gateway sees no process of the session and opens no file; what it cannot know or have for itself it asks for by
/// number, in a message of a fixed form.
final class Questions<Answer> {
    private let loop: EventLoop
    private let milliseconds: UInt64
    private var last: UInt32 = 0
    private var waiting: [UInt32: (timer: LoopTimer, done: (Answer?) -> Void)] = [:]

    /// - Parameter milliseconds: How long an answer may take.
    init(_ loop: EventLoop, milliseconds: UInt64) {
        self.loop = loop
        self.milliseconds = milliseconds
    }

    /// Sends a question under a number, and calls `done` with its answer, or with nil when none came in time.
    func ask(_ send: (UInt32) -> Void, _ done: @escaping (Answer?) -> Void) {
        last &+= 1
        let query = last
        let timer = loop.after(milliseconds: milliseconds) { [weak self] in self?.answer(query, nil) }
        waiting[query] = (timer, done)
        send(query)
    }

    /// Takes an answer. False for one that came too late: nobody is there to hear it.
    @discardableResult
    func answer(_ query: UInt32, _ answer: Answer?) -> Bool {
        guard let entry = waiting.removeValue(forKey: query) else { return false }
        entry.timer.cancel()
        entry.done(answer)
        return true
    }

    /// Lets everything go on that still waits: the session ends, and nobody will be able to say any more.
    func giveUp() { for query in waiting.keys.sorted() { answer(query, nil) } }
}
