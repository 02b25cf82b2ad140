// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import Synchronization

/// One thread that does jobs in the order they were given, beside the thread that leads a session.
///
/// For kernel work that takes long and depends on little: it runs on another processor while there is one. Where there
/// is none, nothing is lost, since whoever needs a job that has not begun does it then and there. Ends with the process,
/// or when ``finish()`` is called.
package final class WorkerThread: Sendable {
    /// Something to do, exactly once, by the worker or by the first who waits for it.
    package final class Job: Sendable {
        /// Let go of once it has run: what it holds may hold this job in turn.
        private let body: Mutex<(@Sendable () -> Void)?>
        private let isTaken = Atomic(false)
        private let done = Semaphore()

        fileprivate init(_ body: @escaping @Sendable () -> Void) { self.body = Mutex(body) }

        /// Returns when it is done; does it here when nobody has begun.
        package func wait() {
            if performIfNobodyHas() { return }
            done.take()
            // For whoever waits next: a job that is done stays done.
            done.give()
        }

        /// Waits until it is done if somebody has begun; else nobody ever will.
        package func settle() {
            if !isTaken.exchange(true, ordering: .acquiringAndReleasing) {
                body.withLock { $0 = nil }
                return done.give()
            }
            wait()
        }

        @discardableResult
        fileprivate func performIfNobodyHas() -> Bool {
            if isTaken.exchange(true, ordering: .acquiringAndReleasing) { return false }
            body.withLock { $0.take() }?()
            done.give()
            return true
        }
    }

    private let jobs = Mutex<[Job?]>([])
    private let waiting = Semaphore()
    private let thread = Mutex<pthread_t?>(nil)
    /// The processor of whoever started it.
    private let starter = sched_getcpu()

    /// Starts the thread with the caller's signal mask.
    package init(_ name: String) throws(SystemError) {
        var id = pthread_t()
        let result = pthread_create(
            &id, nil,
            { argument in
                if let argument { Unmanaged<WorkerThread>.fromOpaque(argument).takeRetainedValue().main() }
                return nil
            }, Unmanaged.passRetained(self).toOpaque())
        guard result == 0 else { throw SystemError("start", "the \(name) thread", Errno(result)) }
        thread.withLock { $0 = id }
    }

    /// Hands over a job, which must not depend on the thread that does it; returns at once.
    @discardableResult
    package func perform(_ body: @escaping @Sendable () -> Void) -> Job {
        let job = Job(body)
        jobs.withLock { $0.append(job) }
        waiting.give()
        return job
    }

    /// Sees to what was handed over so far, then ends the thread and waits for its end.
    package func finish() {
        guard let id = thread.withLock({ $0.take() }) else { return }
        jobs.withLock { $0.append(nil) }
        waiting.give()
        pthread_join(id, nil)
    }

    private func main() {
        // A kernel that fills one processor before it uses the next would have the two threads take turns: 0.3 ms of a start.
        sp_leave_processor(starter)
        while true {
            waiting.take()
            guard let job = jobs.withLock({ $0.removeFirst() }) else { return }
            job.performIfNobodyHas()
        }
    }
}

/// A counter that a thread can wait on. sem_overview(7)
private final class Semaphore: @unchecked Sendable {
    // Sendable: the kernel and libc guard what the pointer holds, and the pointer never changes.
    private let semaphore: UnsafeMutablePointer<sem_t>

    init() {
        semaphore = .allocate(capacity: 1)
        // Fails only for a first value that is too large. sem_init(3)
        sem_init(semaphore, 0, 0)
    }

    deinit {
        sem_destroy(semaphore)
        semaphore.deallocate()
    }

    func give() { sem_post(semaphore) }

    /// A signal handler may interrupt it; there is none here, but then it waits on. sem_wait(3)
    func take() { while sem_wait(semaphore) != 0 {} }
}
