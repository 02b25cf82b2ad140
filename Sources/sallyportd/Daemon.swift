// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Control
internal import Glibc
internal import LinuxSystem
internal import LocalCompute
internal import Orchestrator
internal import Store
internal import TaskModel

/// One thread that waits for everything: guests, ends of sessions, timers, requests to stop.
///
/// The store, the orchestrator and the strategies are used by this thread alone, so there is one writer by construction and
/// nothing here needs a lock.
final class Daemon {
    /// What a descriptor in the epoll set is about.
    private enum Source {
        case listener, signals
        case guest(Guest)
        case session(String)
    }

    let store: SQLiteStore
    private(set) var orchestrator: Orchestrator!
    let place: DaemonPlace
    let settings: DaemonSettings
    private let compute: LocalSandboxCompute
    private let write: (String) -> Void
    private let fault = getenv("SALLYPORT_FAULT_POINT").map { String(cString: $0) }

    private let epoll: Descriptor
    private let listener: Descriptor
    private let signals: Descriptor
    private var sources: [UInt64: Source] = [:]
    private var lastToken: UInt64 = 0
    private var sessions: [String: (descriptor: Int32, token: UInt64)] = [:]
    private(set) var guests: [UInt64: Guest] = [:]
    private var isStopping = false
    /// When the metrics are to be written; on the monotonic clock.
    var metricsDue: Int? = 0
    /// How long after something happened.
    var metricsPause = StoreFigures.pause(after: 0)
    /// Until when what is old is left alone, whatever the store says; on the monotonic clock.
    var collectionPause = 0
    var toldObstacles: Set<String> = []
    /// When the alarms are to be looked at; on the same.
    var alarmsDue = 0

    private static let mostGuests = 256
    /// Of one user, and what only root and the daemon's own user may have of all: nobody keeps everybody else out.
    private static let mostOfOne = 16
    private static let reserved = 32

    init(_ place: DaemonPlace, _ settings: DaemonSettings, log: @escaping (String) -> Void) throws {
        // A guest that went away is an error of one write, and not the end of this process.
        signal(SIGPIPE, SIG_IGN)
        signals = Descriptor(
            owning: Int32(try checked("watch", "signals") { sp_block_signals_and_watch() }))
        write = log
        store = try SQLiteStore(place.store)
        compute = try LocalSandboxCompute(
            directory: place.sessions, programs: try Self.programs(), environment: Self.environment())
        epoll = Descriptor(owning: Int32(try checked("create", "an epoll instance") { sp_epoll_create() }))
        let runtime = try Directory.open(place.runtime)
        // Nobody else listens there: we have the lock. What is there is left of a daemon that was killed.
        if try runtime.contains(ControlPlace.name) { try runtime.remove(ControlPlace.name) }
        let parent = runtime.fd.number
        listener = Descriptor(
            owning: Int32(
                try checked("listen on", "\"\(place.runtime)/\(ControlPlace.name)\"") {
                    sp_stream_listen(parent, ControlPlace.name, 64)
                }))
        let socket = listener.number
        let refused = sp_refuse_descriptors(socket)
        // An older kernel cannot; then a local user can keep the daemon waiting, and nothing else. SECURITY.md
        if refused != -Int(ENOPROTOOPT) {
            try checked("refuse descriptors at", "\"\(place.runtime)/\(ControlPlace.name)\"") { refused }
        }
        // Whoever can reach it may ask; who that is says the kernel, and what it may is for the gate.
        try checked("open", "\"\(place.runtime)/\(ControlPlace.name)\" to all users") {
            sp_fchmodat(parent, ControlPlace.name, 0o666)
        }
        self.place = place
        self.settings = settings
        let compute = compute
        orchestrator = Orchestrator(
            store, memory: store, settings: settings, host: self
        ) { type in
            switch type {
            case .local: compute
            }
        }
        store.leavesOut = { [unowned self] error in self.log("\(error)") }
        _ = try watch(listener.number, .listener)
        _ = try watch(signals.number, .signals)
    }

    /// The directory of the running program, where its siblings are.
    private static func programs() throws(SystemError) -> String {
        var buffer = [CChar](repeating: 0, count: 4096)
        let length = try checked("find", "our own program") {
            buffer.withUnsafeMutableBufferPointer {
                sp_readlinkat(AT_FDCWD, "/proc/self/exe", $0.baseAddress!, $0.count)
            }
        }
        let path = String(decoding: buffer[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)])
    }

    /// What a session's process gets of our environment: where things lie, and nothing else.
    private static func environment() -> [String] {
        let passed = [
            "HOME", "TMPDIR", "SALLYPORT_RUNTIME_DIR", "SALLYPORT_STATE_DIR", "XDG_RUNTIME_DIR", "XDG_STATE_HOME",
            "CREDENTIALS_DIRECTORY", "SALLYPORT_SUPERVISOR",
        ]
        return ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"]
            + passed.compactMap { name in getenv(name).map { "\(name)=\(String(cString: $0))" } }
    }

    // MARK: Loop

    /// Serves until somebody asks it to stop; sessions go on.
    func run() throws {
        try orchestrator.recover()
        // Before anybody can ask for them.
        watchAlarms()
        while !isStopping {
            var events: UInt32 = 0
            var token: UInt64 = 0
            let ready = try checked("wait for", "events") { sp_epoll_wait(epoll.number, &events, &token, timeout) }
            if ready > 0, let source = sources[token] { try heed(source, events) }
            orchestrator.tick()
            watchAlarms()
            writeMetrics()
            collect()
            for guest in guests.values where guest.isLate(at: now.monotonicMilliseconds) { close(guest) }
        }
    }

    private func heed(_ source: Source, _ events: UInt32) throws {
        switch source {
        case .listener: welcome()
        case .signals:
            let number = Int32(sp_next_signal(signals.number))
            if [SIGTERM, SIGINT, SIGHUP, SIGQUIT].contains(number) { isStopping = true }
        case .guest(let guest): attend(guest)
        case .session(let task):
            // Readable from the end on: it would be reported for ever.
            watch(task, nil)
            orchestrator.sessionChanged(task)
        }
    }

    private var timeout: Int32 {
        let now = now
        let due = [
            orchestrator.nextDue.map { $0 - now.wallMilliseconds },
            metricsDue.map { $0 - now.monotonicMilliseconds },
            alarmsDue - now.monotonicMilliseconds,
            nextCollection().map { $0 - now.wallMilliseconds },
            guests.values.compactMap(\.deadline).min().map { $0 - now.monotonicMilliseconds },
        ].compactMap { $0 }.min()
        // A wall clock that is set forward is noticed within a minute.
        return due.map { Int32(clamping: min(max(0, $0), 60_000)) } ?? 60_000
    }

    private func watch(_ descriptor: Int32, _ source: Source) throws(SystemError) -> UInt64 {
        lastToken += 1
        let token = lastToken
        try checked("watch", "descriptor \(descriptor)") { sp_epoll_add(epoll.number, descriptor, SP_EPOLLIN, token) }
        sources[token] = source
        return token
    }

    // MARK: Guests

    private func welcome() {
        let accepted = sp_control_accept(listener.number)
        // Gone again, or no descriptor is left: whoever waits is told by its own time limit.
        guard accepted >= 0 else { return }
        let guest = Guest(Descriptor(owning: Int32(accepted)), now: now.monotonicMilliseconds)
        guard guest.peer.isNeighbour else {
            return guest.turnAway(
                TaskRefusal(
                    .forbidden,
                    "cannot serve uid \(guest.peer.uid): Operation not permitted (EPERM). Only who is outside of every sandbox is served, and by a daemon without root only its own user."
                ))
        }
        guard hasRoom(for: guest.peer) else {
            return guest.turnAway(
                TaskRefusal(
                    .rateLimit, "cannot take the request: \(guests.count) others are being served. Try again later."))
        }
        do throws(SystemError) {
            guest.token = try watch(guest.number, .guest(guest))
            guests[guest.token] = guest
        } catch { log("\(error)") }
    }

    private func hasRoom(for peer: Peer) -> Bool {
        if peer.isOwnerOrRoot { return guests.count < Self.mostGuests }
        return guests.count < Self.mostGuests - Self.reserved
            && guests.values.count { $0.peer.uid == peer.uid } < Self.mostOfOne
    }

    private func attend(_ guest: Guest) {
        do throws(TaskRefusal) {
            if let line = try guest.read() {
                try answer(try ControlRequest(line: line), guest)
            } else {
                // It may have room for what it waits for.
                feed(guest)
            }
        } catch {
            guest.send(.refused(error))
        }
        settle(guest)
    }

    /// Waits for what a guest can still do, or lets it go.
    func settle(_ guest: Guest) {
        if guest.isOver { return close(guest) }
        let wanted = guest.hasMoreToSay ? SP_EPOLLIN | SP_EPOLLOUT : SP_EPOLLIN
        if sp_epoll_change(epoll.number, guest.number, wanted, guest.token) < 0 { close(guest) }
    }

    private func close(_ guest: Guest) {
        guests[guest.token] = nil
        sources[guest.token] = nil
        _ = sp_epoll_remove(epoll.number, guest.number)
    }
}

extension Daemon: OrchestratorHost {
    var now: Moment { Self.clock }

    static var clock: Moment {
        Moment(
            wallMilliseconds: Int(sp_clock_ns(CLOCK_REALTIME) / 1_000_000),
            monotonicMilliseconds: Int(sp_clock_ns(CLOCK_MONOTONIC) / 1_000_000))
    }

    func load() throws(TaskRefusal) -> HostLoad {
        do throws(SystemError) { return try HostGauge.read(place.sessions) } catch {
            throw TaskRefusal(.internalError, "\(error)")
        }
    }

    func makeTaskName() throws(TaskRefusal) -> String {
        do throws(SystemError) {
            return TaskIdentifier(milliseconds: UInt64(now.wallMilliseconds), random: try randomBytes(10)).description
        } catch { throw TaskRefusal(.internalError, "\(error)") }
    }

    func sha256(_ bytes: [UInt8]) -> String { Digest.sha256(bytes) }

    func watch(_ task: String, _ descriptor: Int32?) {
        if let known = sessions.removeValue(forKey: task) {
            sources[known.token] = nil
            _ = sp_epoll_remove(epoll.number, known.descriptor)
        }
        guard let descriptor else { return }
        // A number that another session had: closed by its owner, it has left the set by itself and must not be taken out of
        // it once more.
        for (other, stale) in sessions where stale.descriptor == descriptor {
            sources[stale.token] = nil
            sessions[other] = nil
        }
        do throws(SystemError) {
            sessions[task] = (descriptor, try watch(descriptor, .session(task)))
        } catch {
            // It is asked from time to time all the same.
            log("task \(task): \(error)")
        }
    }

    func published(_ task: String) {
        metricsDue = metricsDue ?? now.monotonicMilliseconds + metricsPause
        alarmsDue = min(alarmsDue, now.monotonicMilliseconds + metricsPause)
        for guest in guests.values where guest.watched?.task == task {
            feed(guest)
            settle(guest)
        }
    }

    func log(_ line: String) { write("sallyportd: \(line)") }

    func reached(_ point: JournalPoint) {
        if fault == point.description { _ = sp_kill(getpid(), SIGKILL) }
    }
}
