// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import Wire
internal import Workspace

/// One session's repository at `git.internal`, between its control socket and its end.
///
///     egress gateway ── connection ──▶ here ── fork ──▶ one process for each, which parses, serves and ends
///     supervisor ───── start, close ──▶ here ── exit statuses ──▶ totals
///
/// It holds no credential and no socket of its own making, knows no upstream, and has one thread for ever. It reads
/// nothing that a sandbox wrote: the processes that do have their own memory.
package final class GitBroker {
    private let control: BrokerControl<GitServing>
    private var connections: Descriptor?
    private var ledger: GitLedger?
    private var site: GitSite?
    private var children: Descriptor?
    /// When each connection's process has had enough time.
    private var workers: [Int32: UInt64] = [:]
    private var totals = GitTotals()

    /// Exit status for a refusal and for a supervisor that breaks the protocol.
    private static let failed: Int32 = 125
    /// Others wait in the socket.
    private static let mostWorkers = 32
    private static let workerSeconds: UInt64 = 3600
    private static let settleMilliseconds: UInt64 = 500

    /// - Parameter control: The socket to the supervisor.
    package init(control: Int32) { self.control = BrokerControl(control) }

    /// Serves until the supervisor says that the session is over, or is gone.
    ///
    /// - Returns: The exit status; in a connection's process, its outcome.
    package func run() -> Int32 {
        do throws(BrokerRefused) {
            try BrokerConfinement.enter()
            let start = try receiveStart()
            try BrokerConfinement().enterFiles(waived: start.options.contains(.landlockWaived))
            do throws(GitError) { try GitLibrary.start(budget: Self.budget) } catch {
                throw BrokerRefused(.descriptors)
            }
        } catch {
            control.report(.refused(error.refusal))
            return Self.failed
        }
        control.report(.ready)
        do throws(SystemError) { return try serve() } catch { return Self.failed }
    }

    /// What one push's pack may be made of.
    private static let budget: Budget = {
        var budget = Budget()
        budget.objects = 500_000
        budget.objectBytes = 256 << 20
        return budget
    }()

    private func receiveStart() throws(BrokerRefused) -> GitStart {
        do {
            let (start, descriptors) = try control.receiveStart(room: 2)
            site = GitSite(start)
            ledger = GitLedger(
                Descriptor(owning: descriptors[0]), RecordHead(correlation: start.correlation),
                mostBytes: start.ledgerBytes)
            connections = Descriptor(owning: descriptors[1])
            children = Descriptor(owning: Int32(try checked("watch", "children") { sp_watch_children() }))
            return start
        } catch let error as SystemError {
            throw BrokerRefused(.startMessage, errno: error.errno.code)
        } catch { throw BrokerRefused(.startMessage) }
    }

    // MARK: Serving

    private func serve() throws(SystemError) -> Int32 {
        while true {
            let listens = workers.count < Self.mostWorkers
            var polled = [
                pollfd(fd: control.number, events: Int16(POLLIN), revents: 0),
                pollfd(fd: children?.number ?? -1, events: Int16(POLLIN), revents: 0),
                pollfd(fd: listens ? connections?.number ?? -1 : -1, events: Int16(POLLIN), revents: 0),
            ]
            let count = poll(&polled, 3, patience())
            guard count >= 0 || errno == EINTR else { throw SystemError("wait for", "connections", Errno(errno)) }
            endOverdue()
            if polled[1].revents != 0 { reap() }
            if polled[2].revents != 0, let status = try accept() { return status }
            if polled[0].revents != 0 { return close() }
        }
    }

    private func patience() -> Int32 {
        guard let next = workers.values.min() else { return -1 }
        let now = ClientConnection.now
        return next <= now ? 0 : Int32(min((next - now) / 1_000_000 + 1, 3_600_000))
    }

    /// Takes one connection and starts its process. In that process it returns the exit status, here nil.
    private func accept() throws(SystemError) -> Int32? {
        let received: Received?
        do throws(SystemError) {
            received = try connections?.receive(limit: BrokerConnection.longest, room: 1, subject: "a connection")
        } catch {
            // A message that is none: whoever sent it is not to be listened to.
            connections = nil
            return nil
        }
        guard let message = received else {
            connections = nil
            return nil
        }
        guard message.descriptors.count == 1 else { return nil }
        let client = Descriptor(owning: message.descriptors[0])
        guard message.bytes == BrokerConnection.message, let site, let ledger else { return nil }
        let pid = sp_fork()
        if pid == 0 { return Self.serve(client, site, ledger, leaving: [control.number, connections?.number ?? -1]) }
        if pid > 0 { workers[Int32(pid)] = ClientConnection.now + Self.workerSeconds * 1_000_000_000 }
        // Without a process the connection is closed here, and its client hears that.
        if pid < 0 { totals.failures += 1 }
        return nil
    }

    /// The life of a connection's process.
    private static func serve(_ client: consuming Descriptor, _ site: GitSite, _ ledger: GitLedger, leaving: [Int32])
        -> Int32
    {
        // Neither the supervisor nor other connections can be reached from here.
        for number in leaving where number >= 0 { _ = sp_close(number) }
        guard sp_lead_group() >= 0 else { return failed }
        let status = GitConnection(site, ClientConnection(client), ledger).serve()
        // Nothing of the broker's own is to be undone by its copy.
        _exit(status)
    }

    // MARK: Ends of processes

    private func reap() {
        // Takes the wake-up itself off the descriptor, then every child: one signal can stand for many. signal(7)
        if let number = children?.number { _ = sp_next_signal(number) }
        while true {
            var status: Int32 = 0
            let pid = Int32(sp_reap_any(&status))
            guard pid > 0 else { return }
            // What git's programs left behind comes here too, because this is the first process of its namespace.
            guard workers.removeValue(forKey: pid) != nil else { continue }
            // Its programs end with it. The group's number is nobody else's while it has members.
            _ = sp_kill(-pid, SIGKILL)
            count(status)
        }
    }

    private func count(_ status: Int32) {
        guard sp_exited(status) != 0, let outcome = GitOutcome(rawValue: sp_exit_code(status) & ~GitOutcome.lineLost)
        else {
            totals.failures += 1
            var record = GitRecord(.failure)
            record.reason =
                sp_exited(status) != 0
                ? "a connection's process ended with status \(sp_exit_code(status))"
                : "a connection's process was ended by signal \(sp_term_signal(status))"
            if ledger?.append(record) != true { totals.linesLost += 1 }
            return
        }
        if sp_exit_code(status) & GitOutcome.lineLost != 0 { totals.linesLost += 1 }
        switch outcome {
        case .fetched: totals.fetches += 1
        case .pushed: totals.pushes += 1
        case .pushRefused: totals.refusedPushes += 1
        case .requestRefused: totals.refusedRequests += 1
        case .told: break
        }
    }

    private func endOverdue() {
        let now = ClientConnection.now
        for (pid, end) in workers where end <= now { Self.kill(pid) }
    }

    /// Ends a connection's process and the programs that it started.
    private static func kill(_ pid: Int32) {
        _ = sp_kill(-pid, SIGKILL)
        _ = sp_kill(pid, SIGKILL)
    }

    /// Lets what has been answered come to its end: nobody is left inside who could hold it up.
    private func settle() {
        let deadline = ClientConnection.now + Self.settleMilliseconds * 1_000_000
        reap()
        while !workers.isEmpty, ClientConnection.now < deadline {
            let left = (deadline - ClientConnection.now) / 1_000_000 + 1
            if sp_poll_one(children?.number ?? -1, Int16(POLLIN), Int32(left)) != 0 { reap() }
        }
    }

    /// The session is over: what runs is ended, and what there was is told.
    private func close() -> Int32 {
        let isOrderly = control.ending() == .orderly
        settle()
        for pid in workers.keys { Self.kill(pid) }
        for pid in workers.keys {
            var status: Int32 = 0
            _ = sp_reap(pid, &status)
        }
        control.report(.ended(totals))
        return isOrderly ? 0 : Self.failed
    }
}
