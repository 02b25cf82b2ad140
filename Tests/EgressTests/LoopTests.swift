// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import LinuxSystem
import Testing

@testable import Egress

@Suite("event loop")
struct LoopTests {
    private final class Source: EventSource {
        var heard: [Int] = []
        var action: (Int) -> Void = { _ in }

        func ready(_ events: UInt32, tag: Int) {
            heard.append(tag)
            action(tag)
        }
    }

    @Test("gives timers in the order of their deadlines, and none that was cancelled")
    func timers() {
        var heap = TimerHeap()
        var fired: [Int] = []
        let made = [30, 10, 20, 40, 5].map { deadline in
            LoopTimer(deadline: UInt64(deadline)) { fired.append(deadline) }
        }
        for timer in made { heap.insert(timer) }
        made[2].cancel()
        while let timer = heap.next(due: 35) { timer.fire() }
        #expect(fired == [5, 10, 30])
        #expect(heap.milliseconds(from: 39) == 1)
        while let timer = heap.next(due: 40) { timer.fire() }
        #expect(fired == [5, 10, 30, 40])
        let idle = heap.milliseconds(from: 41)
        #expect(idle == -1)
    }

    @Test("a timer that sets itself anew for at once does not keep descriptors waiting")
    func restless() throws {
        let loop = try EventLoop()
        let pipe = try Channel.pipe()
        let source = Source()
        source.action = { _ in loop.stop() }
        let registration = try loop.add(pipe.first.number, SP_EPOLLIN, source, tag: 1)
        var fired = 0
        let writer = pipe.second.number
        func set() {
            _ = loop.after(milliseconds: 0) {
                fired += 1
                // What becomes ready now is heard before the timer had its thousandth turn.
                if fired == 1 { _ = [UInt8(1)].withUnsafeBytes { sp_write(writer, $0.baseAddress!, 1) } }
                if fired < 1000 { set() } else { loop.stop() }
            }
        }
        set()
        try loop.run()
        #expect(source.heard == [1] && fired < 1000)
        loop.remove(registration)
        withExtendedLifetime(pipe) {}
    }

    @Test("drops an event of a descriptor that was replaced within the same batch")
    func generations() throws {
        let loop = try EventLoop()
        let first = try Channel.pipe()
        let second = try Channel.pipe()
        let source = Source()
        var registrations: [EventLoop.Registration] = []
        registrations.append(try loop.add(first.first.number, SP_EPOLLIN, source, tag: 1))
        registrations.append(try loop.add(second.first.number, SP_EPOLLIN, source, tag: 2))
        try first.second.writeAll([1], subject: "a pipe")
        try second.second.writeAll([1], subject: "a pipe")
        // Whoever is heard first removes both: the other's event is in the batch already.
        source.action = { _ in
            for registration in registrations { loop.remove(registration) }
            loop.stop()
        }
        try loop.run()
        #expect(source.heard.count == 1)
    }

    @Test("serves what is registered as first before what became ready before it")
    func first() throws {
        let loop = try EventLoop()
        let early = try Channel.pipe()
        let late = try Channel.pipe()
        let source = Source()
        _ = try loop.add(early.first.number, SP_EPOLLIN, source, tag: 1)
        _ = try loop.add(late.first.number, SP_EPOLLIN, source, tag: 2, first: true)
        try early.second.writeAll([1], subject: "a pipe")
        try late.second.writeAll([1], subject: "a pipe")
        source.action = { _ in if source.heard.count == 2 { loop.stop() } }
        try loop.run()
        #expect(source.heard == [2, 1])
    }

    @Test("an event goes to whom the descriptor was handed, and to nobody once it was forgotten")
    func handed() throws {
        let loop = try EventLoop()
        let keptPipe = try Channel.pipe()
        let forgottenPipe = try Channel.pipe()
        let first = Source()
        let second = Source()
        let kept = try loop.add(keptPipe.first.number, SP_EPOLLIN, first, tag: 1)
        let forgotten = try loop.add(forgottenPipe.first.number, SP_EPOLLIN, first, tag: 2)
        loop.hand(kept, to: second, tag: 3)
        loop.forget(forgotten)
        // A registration that is gone leads nowhere, although its place may have been given to another.
        loop.hand(forgotten, to: second, tag: 4)
        try forgottenPipe.second.writeAll([1], subject: "a pipe")
        try keptPipe.second.writeAll([1], subject: "a pipe")
        second.action = { _ in loop.stop() }
        try loop.run()
        #expect(first.heard.isEmpty && second.heard == [3])
    }

    @Test("serves at its end what is there already, work that was put off included, and waits for nothing")
    func settle() throws {
        let loop = try EventLoop()
        let pipes = try Channel.pipe()
        let source = Source()
        let registration = try loop.add(pipes.first.number, SP_EPOLLIN, source, tag: 7)
        defer { loop.remove(registration) }
        var postponed = 0
        let end = pipes.first.number
        source.action = { _ in
            var byte: UInt8 = 0
            _ = sp_read(end, &byte, 1)
            loop.postpone { postponed += 1 }
        }
        // More than one round can take: the loop was stopped, and goes on all the same.
        loop.stop()
        try pipes.second.writeAll([UInt8](repeating: 0, count: 200), subject: "a pipe")
        try loop.settle(milliseconds: 60_000)
        #expect(source.heard.count == 200 && postponed == 200)
    }

    @Test("ends although something is always there")
    func settleEnds() throws {
        let loop = try EventLoop()
        let pipes = try Channel.pipe()
        let source = Source()
        let registration = try loop.add(pipes.first.number, SP_EPOLLIN, source)
        defer { loop.remove(registration) }
        // Never read, so that it is readable in every round.
        try pipes.second.writeAll([0], subject: "a pipe")
        try loop.settle(milliseconds: 1)
        #expect(source.heard.count > 0)
    }

    @Test("lets a bucket's rate through, and its burst")
    func bucket() {
        var bucket = TokenBucket(perSecond: 10, burst: 3, now: 0)
        let burst = (0..<5).map { _ in bucket.take(at: 0) }
        #expect(burst == [true, true, true, false, false])
        let later = [bucket.take(at: 99_000_000), bucket.take(at: 100_000_000), bucket.take(at: 100_000_001)]
        #expect(later == [false, true, false])
        let full = (0..<4).map { _ in bucket.take(at: 3_600_000_000_000) }
        #expect(full == [true, true, true, false])
    }
}
