// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
package import LinuxSystem

/// Something that waits for its descriptors to become ready.
package protocol EventSource: AnyObject {
    /// Takes the events of one of its descriptors; `tag` is what it registered that one under.
    func ready(_ events: UInt32, tag: Int)
}

/// One thread's epoll instance, its timers, and work that was put off to the next round.
///
/// A descriptor number may be closed and opened again while an event of its earlier life is still in the batch that
/// was read. Every registration therefore has a generation, and an event of an older one is dropped.
package final class EventLoop {
    /// Where a descriptor is registered.
    package struct Registration {
        fileprivate let index: Int
        fileprivate let generation: UInt32
        fileprivate let descriptor: Int32
    }

    private struct Slot {
        var generation: UInt32 = 0
        weak var source: (any EventSource)?
        var tag = 0
        var isFirst = false
    }

    private let epoll: Descriptor
    private var slots: [Slot] = []
    private var free: [Int] = []
    private var timers = TimerHeap()
    private var postponed: [() -> Void] = []
    private var isStopped = false
    private var events = [sp_event](repeating: sp_event(), count: Int(batch))
    private static let batch: Int32 = 64

    package init() throws(SystemError) {
        epoll = Descriptor(owning: Int32(try checked("create", "an epoll instance") { sp_epoll_create() }))
    }

    // MARK: Descriptors

    /// Watches a descriptor for as long as its source lives and has not removed it.
    ///
    /// - Parameter first: Its events are served before all others of a round: what they begin goes on outside meanwhile.
    package func add(
        _ descriptor: Int32, _ events: UInt32, _ source: any EventSource, tag: Int = 0, first: Bool = false
    ) throws(SystemError) -> Registration {
        let index = free.popLast() ?? slots.count
        if index == slots.count { slots.append(Slot()) }
        slots[index].source = source
        slots[index].tag = tag
        slots[index].isFirst = first
        let generation = slots[index].generation
        let result = sp_epoll_add(epoll.number, descriptor, events, UInt64(generation) << 32 | UInt64(index))
        if result < 0 {
            release(index)
            throw SystemError("watch", "descriptor \(descriptor)", Errno(Int32(-result)))
        }
        return Registration(index: index, generation: generation, descriptor: descriptor)
    }

    /// Changes what a descriptor is watched for.
    package func change(_ registration: Registration, _ events: UInt32) throws(SystemError) {
        let token = UInt64(registration.generation) << 32 | UInt64(registration.index)
        try checked("watch", "descriptor \(registration.descriptor)") {
            sp_epoll_change(epoll.number, registration.descriptor, events, token)
        }
    }

    /// Forgets a descriptor. Must come before its close: a copy of it elsewhere would keep it in the set. epoll(7)
    package func remove(_ registration: Registration) {
        guard slots[registration.index].generation == registration.generation else { return }
        _ = sp_epoll_remove(epoll.number, registration.descriptor)
        release(registration.index)
    }

    /// Forgets a descriptor that its owner closes next and nobody else has a copy of: that close takes it out of the set.
    func forget(_ registration: Registration) {
        guard slots[registration.index].generation == registration.generation else { return }
        release(registration.index)
    }

    /// From now on another source hears of a descriptor, under another tag; what it is watched for stays.
    func hand(_ registration: Registration, to source: any EventSource, tag: Int) {
        guard slots[registration.index].generation == registration.generation else { return }
        slots[registration.index].source = source
        slots[registration.index].tag = tag
    }

    private func release(_ index: Int) {
        slots[index].generation &+= 1
        slots[index].source = nil
        free.append(index)
    }

    // MARK: Time

    /// Nanoseconds of the monotonic clock.
    package var now: UInt64 { sp_clock_ns(CLOCK_MONOTONIC) }

    /// Calls `action` once, after so many milliseconds, unless the timer is cancelled before.
    package func after(milliseconds: UInt64, _ action: @escaping () -> Void) -> LoopTimer {
        let timer = LoopTimer(deadline: now + milliseconds * 1_000_000, action: action)
        timers.insert(timer)
        return timer
    }

    /// Calls `action` in the next round, after the events that are already there.
    package func postpone(_ action: @escaping () -> Void) { postponed.append(action) }

    // MARK: Running

    package func stop() { isStopped = true }

    /// Waits and serves until ``stop()``.
    package func run() throws(SystemError) {
        while !isStopped { _ = try turn(timeout: postponed.isEmpty ? timers.milliseconds(from: now) : 0) }
    }

    /// Serves what is there already without waiting for more, for at most so long.
    func settle(milliseconds: UInt64) throws(SystemError) {
        let deadline = now + milliseconds * 1_000_000
        while try turn(timeout: 0) && now < deadline {}
    }

    /// One round; false when there was nothing to do.
    private func turn(timeout: Int32) throws(SystemError) -> Bool {
        let count = sp_events(epoll.number, &events, Self.batch, timeout)
        if count < 0 && count != -Int(EINTR) { throw SystemError("wait for", "events", Errno(Int32(-count))) }
        for isFirst in [true, false] {
            for event in events[..<max(0, count)] {
                // Field by field: a copy of the slot would be a second weak reference.
                let index = Int(event.index)
                guard slots[index].generation == event.generation, slots[index].isFirst == isFirst,
                    let source = slots[index].source
                else { continue }
                source.ready(event.events, tag: slots[index].tag)
            }
        }
        // Those of now: one that sets itself anew for at once would keep descriptors waiting for ever.
        let due = now
        while let timer = timers.next(due: due) { timer.fire() }
        let work = postponed
        postponed.removeAll(keepingCapacity: true)
        for action in work { action() }
        return count != 0 || !work.isEmpty
    }
}
