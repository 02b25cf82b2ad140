// SPDX-License-Identifier: Apache-2.0

/// A moment at which something is to be done once.
package final class LoopTimer {
    let deadline: UInt64
    private var action: (() -> Void)?

    init(deadline: UInt64, action: @escaping () -> Void) {
        self.deadline = deadline
        self.action = action
    }

    /// Lets go of what it would have called; the timer itself leaves the heap when its time comes.
    package func cancel() { action = nil }

    var isCancelled: Bool { action == nil }

    func fire() {
        let action = action
        self.action = nil
        action?()
    }
}

/// Timers ordered by deadline: a binary heap.
struct TimerHeap {
    private var heap: [LoopTimer] = []

    mutating func insert(_ timer: LoopTimer) {
        heap.append(timer)
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].deadline < heap[parent].deadline else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    /// Takes the earliest timer that is due, leaving out what was cancelled.
    mutating func next(due now: UInt64) -> LoopTimer? {
        while let first = heap.first, first.isCancelled || first.deadline <= now {
            removeFirst()
            if !first.isCancelled { return first }
        }
        return nil
    }

    /// How long epoll_wait(2) may sleep; -1 when there is nothing to wake up for.
    mutating func milliseconds(from now: UInt64) -> Int32 {
        while let first = heap.first, first.isCancelled { removeFirst() }
        guard let first = heap.first else { return -1 }
        guard first.deadline > now else { return 0 }
        return Int32(min((first.deadline - now + 999_999) / 1_000_000, 3_600_000))
    }

    private mutating func removeFirst() {
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count {
                if heap[child].deadline < heap[least].deadline { least = child }
            }
            guard least != parent else { return }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}
