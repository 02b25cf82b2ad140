// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
package import Isolation
package import LinuxSystem
internal import Policy
internal import Wire

/// `sallyport supervise --listen`: hands each request of an authenticated client to a process of its own.
///
/// Here nothing is read but the kernel's word of who came, four bytes of what is asked, and the operator's ceiling, and
/// nothing at all is taken: the message stays in its connection, which goes to the process that serves it. What a request
/// says, and the files that come with it, are that one's business. It is a session's supervisor from then on, and neither
/// needs nor notices this process. No verb here runs a command as root.
package final class Listener {
    /// Somebody who has not asked yet.
    final class Guest {
        let socket: Descriptor
        let peer: Peer
        let deadline: UInt64
        init(_ socket: consuming Descriptor, _ deadline: UInt64) {
            peer = Peer(of: socket.number)
            self.socket = socket
            self.deadline = deadline
        }
    }

    enum Source {
        case listener, signals
        case guest(Guest)
        case server(Server)
    }

    let paths: HostPaths
    let ceilingPath: String
    private let listener: Descriptor
    private let signals: Descriptor
    let epoll: Descriptor
    let log: (String) -> Void
    var sources: [UInt64: Source] = [:]
    private var ceiling: CurrentCeiling
    private var listenerToken: UInt64 = 0
    private var lastToken: UInt64 = 0
    private var isStopping = false
    /// Until then nobody is let in: there is no descriptor for whoever would come.
    private var pausedUntil: UInt64?

    /// How long somebody who connected may take to ask. Milliseconds.
    private static let patience: UInt64 = 5000
    private static let mostGuests = 64
    /// Requests of one user that are being answered at a time, sessions aside.
    private static let mostQuestions = 16
    /// How many are let in before the others are heard again.
    private static let batch = 32
    /// How long to wait where no descriptor is left and none of ours comes free. Milliseconds.
    private static let pause: UInt64 = 1000

    /// - Parameters:
    ///   - listener: A listening SOCK_SEQPACKET socket: one's own, or one that systemd opened.
    ///   - signals: Every signal is blocked; those that end the process come here.
    package init(
        _ listener: consuming Descriptor, paths: HostPaths, ceiling: String, signals: consuming Descriptor,
        log: @escaping (String) -> Void
    ) throws {
        guard geteuid() == 0 else {
            throw SystemError(
                "listen", "for sessions of other users", .notPermitted,
                remedy: "Run it as root; without root `sallyport run` needs no listening supervisor.")
        }
        // A ceiling that cannot be trusted is better known now than to the first client.
        self.ceiling = try CurrentCeiling(ceiling)
        try paths.prepare()
        epoll = Descriptor(owning: Int32(try checked("create", "an epoll instance") { sp_epoll_create() }))
        self.listener = listener
        self.signals = signals
        self.paths = paths
        ceilingPath = ceiling
        self.log = log
        listenerToken = try watch(self.listener.number, .listener)
        try watch(self.signals.number, .signals)
        try adopt()
    }

    // MARK: Loop

    /// Serves until somebody asks it to stop; sessions go on. The caller exits: who still waits is hung up on by that.
    package func run() throws {
        while !isStopping {
            var events: UInt32 = 0
            var token: UInt64 = 0
            let ready = sp_epoll_wait(epoll.number, &events, &token, timeout)
            if ready == -Int(EINTR) { continue }
            try checked("wait for", "events") { ready }
            if ready > 0, let source = sources[token] { heed(source, token) }
            for (token, source) in sources {
                if case .guest(let guest) = source, guest.deadline <= now {
                    refuse(guest, token, "cannot take the request: it did not come within five seconds (ETIMEDOUT).")
                }
            }
            if let pausedUntil, pausedUntil <= now { try resume() }
        }
    }

    private var now: UInt64 { sp_clock_ns(CLOCK_MONOTONIC) / 1_000_000 }

    private var timeout: Int32 {
        let deadlines = sources.values.compactMap { if case .guest(let guest) = $0 { guest.deadline } else { nil } }
        let first = (deadlines + [pausedUntil].compactMap { $0 }).min()
        return first.map { Int32(clamping: $0 > now ? $0 - now : 0) } ?? -1
    }

    private func heed(_ source: Source, _ token: UInt64) {
        switch source {
        case .listener: welcome()
        case .signals:
            let number = Int32(sp_next_signal(signals.number))
            if [SIGTERM, SIGINT, SIGHUP, SIGQUIT].contains(number) { isStopping = true }
        case .guest(let guest): attend(guest, token)
        case .server(let server): conclude(server, token)
        }
    }

    @discardableResult
    func watch(_ descriptor: Int32, _ source: Source) throws(SystemError) -> UInt64 {
        lastToken += 1
        let token = lastToken
        try checked("watch", "descriptor \(descriptor)") { sp_epoll_add(epoll.number, descriptor, SP_EPOLLIN, token) }
        sources[token] = source
        return token
    }

    /// As a rule its descriptor is closed next, so that there is one again for whoever waits.
    func forget(_ token: UInt64, _ descriptor: Int32) {
        sources[token] = nil
        _ = sp_epoll_remove(epoll.number, descriptor)
        if pausedUntil != nil { pausedUntil = 0 }
    }

    // MARK: Guests

    private func welcome() {
        for _ in 0..<Self.batch {
            let accepted = sp_control_accept(listener.number)
            if accepted >= 0 {
                greet(Guest(Descriptor(owning: Int32(accepted)), now + Self.patience))
                continue
            }
            // Whoever waits is still there, and would be an event at once and for ever.
            if [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(Int32(-accepted)) { pauseListening() }
            if accepted == -Int(ECONNABORTED) || accepted == -Int(EINTR) { continue }
            return
        }
    }

    private func pauseListening() {
        forget(listenerToken, listener.number)
        pausedUntil = now + Self.pause
        log("nobody can be let in for the moment: no descriptor is left (raise LimitNOFILE=)")
    }

    private func resume() throws(SystemError) {
        pausedUntil = nil
        listenerToken = try watch(listener.number, .listener)
    }

    private func greet(_ guest: Guest) {
        guard guest.peer.isNeighbour else {
            return turnAway(
                guest,
                "cannot serve uid \(guest.peer.uid): Operation not permitted (EPERM). Nobody is served from inside of a sandbox."
            )
        }
        do {
            guard try sessions(of: guest.peer) != nil else {
                return turnAway(
                    guest,
                    "cannot serve uid \(guest.peer.uid): Operation not permitted (EPERM). No entry of \"\(ceilingPath)\" names it."
                )
            }
            guard makeRoom(for: guest.peer.uid) else {
                return turnAway(
                    guest,
                    "cannot take the request: \(Self.mostGuests) others have not asked yet (EAGAIN). Try again later.")
            }
            try watch(guest.socket.number, .guest(guest))
        } catch { turnAway(guest, "\(error)") }
    }

    /// Where every place is taken, the user with the most gives one up, if somebody else comes: nobody has them all.
    private func makeRoom(for uid: UInt32) -> Bool {
        let waiting = sources.compactMap { token, source in
            if case .guest(let guest) = source { (token: token, guest: guest) } else { nil }
        }
        guard waiting.count >= Self.mostGuests else { return true }
        let places = Dictionary(grouping: waiting) { $0.guest.peer.uid }
        guard let most = places.values.max(by: { $0.count < $1.count }), most.count > (places[uid]?.count ?? 0) + 1,
            let first = most.min(by: { $0.token < $1.token })
        else { return false }
        refuse(
            first.guest, first.token,
            "cannot take the request: others wait, and uid \(first.guest.peer.uid) has \(most.count) places (EAGAIN).")
        return true
    }

    /// How many a user may have at a time; nil for one who is not served. Root may ask for what concerns all sessions, and
    /// for none without an entry.
    private func sessions(of peer: Peer) throws -> Int? {
        try ceiling.entry(of: peer.uid)?.sessions ?? (peer.uid == 0 ? 0 : nil)
    }

    private func attend(_ guest: Guest, _ token: UInt64) {
        var bytes = [UInt8](repeating: 0, count: ListenerRequest.size)
        let number = guest.socket.number
        let size = bytes.withUnsafeMutableBytes { sp_control_peek(number, $0.baseAddress!, $0.count) }
        if size == -Int(EAGAIN) { return }
        forget(token, number)
        // It hung up.
        guard size != 0 else { return dismiss(guest) }
        do {
            let size = try checked("look at", "a request") { size }
            guard size <= ListenerRequest.size else { throw MessageError.size(size) }
            let request = try ListenerRequest(decoding: Array(bytes.prefix(size)))
            try admit(guest, request)
            try serve(request, guest)
        } catch { turnAway(guest, "\(error)") }
    }

    private func admit(_ guest: Guest, _ request: ListenerRequest) throws {
        let uid = guest.peer.uid
        let isSession = request == .run
        let busy = servers.count { $0.value.uid == uid && $0.value.work == (isSession ? .session : .question) }
        let most = isSession ? try sessions(of: guest.peer) ?? 0 : Self.mostQuestions
        guard busy < most else {
            throw SystemError(
                isSession ? "start" : "answer", isSession ? "another session of uid \(uid)" : "uid \(uid)", .again,
                remedy: isSession
                    ? "The ceiling lets it have \(most) at a time; wait for one to end."
                    : "\(most) of its questions are being answered.")
        }
    }

    private func refuse(_ guest: Guest, _ token: UInt64, _ text: String) {
        forget(token, guest.socket.number)
        turnAway(guest, text)
    }

    private func turnAway(_ guest: Guest, _ text: String) {
        _ = shutdown(guest.socket.number, Int32(SHUT_RD))
        do throws(SystemError) {
            try guest.socket.send(ListenerReply.refused(text).encoded(), descriptors: [], subject: "an answer")
        } catch {}
        dismiss(guest)
    }
}
