// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Documents
internal import Glibc
package import Isolation
package import LinuxSystem
internal import Policy
internal import Wire

/// `sallyport supervise --listen`: hands each request of an authenticated client to a process of its own.
///
/// Here nothing is read but the kernel's word of who came, four bytes of what is asked, and the operator's ceiling. What
/// a request says, and the files that come with it, are looked at by the process that serves it; that one is a session's
/// supervisor from then on, and neither needs nor notices this process. No verb here runs a command as root.
package final class Listener {
    /// Somebody who has not asked yet.
    private final class Guest {
        let socket: Descriptor
        let peer: Peer
        let deadline: UInt64
        init(_ socket: consuming Descriptor, _ deadline: UInt64) {
            peer = Peer(of: socket.number)
            self.socket = socket
            self.deadline = deadline
        }
    }

    /// A process that serves one request.
    private struct Server {
        let pid: Int32
        let pidfd: Int32
        let uid: UInt32
        /// One of ours, to be reaped; another was found by its session's directory.
        let isChild: Bool
        let isSession: Bool
    }

    private enum Source {
        case listener, signals
        case guest(Guest)
        case server(Server)
    }

    private let paths: HostPaths
    private let programs: Programs
    private let ceilingPath: String
    private let listener: Descriptor
    private let signals: Descriptor
    private let epoll: Descriptor
    private let log: (String) -> Void
    private var sources: [UInt64: Source] = [:]
    private var lastToken: UInt64 = 0
    private var isStopping = false

    /// How long somebody who connected may take to ask. Milliseconds.
    private static let patience: UInt64 = 5000
    private static let mostGuests = 64
    /// Requests of one user that are being answered at a time, sessions aside.
    private static let mostQuestions = 16

    /// - Parameters:
    ///   - listener: A listening SOCK_SEQPACKET socket: one's own, or one that systemd opened.
    ///   - signals: Every signal is blocked; those that end the process come here.
    package init(
        _ listener: consuming Descriptor, paths: HostPaths, programs: Programs, ceiling: String,
        signals: consuming Descriptor, log: @escaping (String) -> Void
    ) throws {
        guard geteuid() == 0 else {
            throw SystemError(
                "listen", "for sessions of other users", .notPermitted,
                remedy: "Run it as root; without root `sallyport run` needs no listening supervisor.")
        }
        // A ceiling that cannot be trusted is better known now than to the first client.
        _ = try CeilingFile(ceiling)
        try paths.prepare()
        epoll = Descriptor(owning: Int32(try checked("create", "an epoll instance") { sp_epoll_create() }))
        self.listener = listener
        self.signals = signals
        self.paths = paths
        self.programs = programs
        ceilingPath = ceiling
        self.log = log
        try watch(self.listener.number, .listener)
        try watch(self.signals.number, .signals)
        try adopt()
    }

    /// The socket to listen on: the one of systemd, where there is one, or a new one by this name.
    package static func socket(at path: String?, environment: (String) -> String?) throws(SystemError) -> Descriptor {
        if let descriptor = try activated(environment) { return descriptor }
        guard let path, let slash = path.lastIndex(of: "/") else {
            throw SystemError(
                "listen", "anywhere", .invalid, remedy: "Give --socket PATH, or start it by its socket unit.")
        }
        let name = String(path[path.index(after: slash)...])
        let directory = try Directory.open(slash == path.startIndex ? "/" : String(path[..<slash]))
        if try directory.contains(name) {
            // Left by one that was killed, unless somebody answers.
            let parent = directory.fd.number
            let answer = sp_control_connect(parent, name)
            if answer >= 0 { _ = sp_close(Int32(answer)) }
            guard answer == -Int(ECONNREFUSED) else {
                throw SystemError(
                    "listen on", "\"\(path)\"", Errno(EADDRINUSE),
                    remedy:
                        "Another supervisor listens there, or it is no socket; stop that one, or choose another path.")
            }
            try directory.remove(name)
        }
        let parent = directory.fd.number
        return Descriptor(
            owning: Int32(try checked("listen on", "\"\(path)\"") { sp_public_listen(parent, name, 128) }))
    }

    /// Descriptor 3, when it was passed to this very process. sd_listen_fds(3)
    private static func activated(_ environment: (String) -> String?) throws(SystemError) -> Descriptor? {
        guard environment("LISTEN_PID") == String(getpid()), let count = environment("LISTEN_FDS") else { return nil }
        let socket = Descriptor(owning: 3)
        var family: Int32 = 0
        var type: Int32 = 0
        let number = socket.number
        try checked("inspect", "the socket of the service manager") { sp_socket_kind(number, &family, &type) }
        guard count == "1", family == AF_UNIX, type == Int32(SOCK_SEQPACKET.rawValue), sp_is_listening(number) == 1
        else {
            throw SystemError(
                "use", "the socket of the service manager", .invalid,
                remedy: "Its unit needs exactly one ListenSequentialPacket= with a path.")
        }
        try checked("prepare", "the socket of the service manager") { sp_set_nonblocking(number, 1) }
        return try socket.duplicate()
    }

    // MARK: Loop

    /// Serves until somebody asks it to stop; sessions go on.
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
        }
    }

    private var now: UInt64 { sp_clock_ns(CLOCK_MONOTONIC) / 1_000_000 }

    private var timeout: Int32 {
        let first = sources.values.compactMap { if case .guest(let guest) = $0 { guest.deadline } else { nil } }.min()
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
    private func watch(_ descriptor: Int32, _ source: Source) throws(SystemError) -> UInt64 {
        lastToken += 1
        let token = lastToken
        try checked("watch", "descriptor \(descriptor)") { sp_epoll_add(epoll.number, descriptor, SP_EPOLLIN, token) }
        sources[token] = source
        return token
    }

    private func forget(_ token: UInt64, _ descriptor: Int32) {
        sources[token] = nil
        _ = sp_epoll_remove(epoll.number, descriptor)
    }

    // MARK: Guests

    private func welcome() {
        let accepted = sp_control_accept(listener.number)
        // Gone again, or no descriptor is left: whoever waits is told by its own time limit.
        guard accepted >= 0 else { return }
        let guest = Guest(Descriptor(owning: Int32(accepted)), now + Self.patience)
        let waiting = sources.values.count { if case .guest = $0 { true } else { false } }
        guard waiting < Self.mostGuests else {
            return turnAway(
                guest,
                "cannot take the request: \(Self.mostGuests) others have not asked yet (EAGAIN). Try again later.")
        }
        guard guest.peer.isNeighbour else {
            return turnAway(
                guest,
                "cannot serve uid \(guest.peer.uid): Operation not permitted (EPERM). Nobody is served from inside of a sandbox."
            )
        }
        do {
            guard try entry(of: guest) != nil else {
                return turnAway(
                    guest,
                    "cannot serve uid \(guest.peer.uid): Operation not permitted (EPERM). No entry of \"\(ceilingPath)\" names it."
                )
            }
            try watch(guest.socket.number, .guest(guest))
        } catch { turnAway(guest, "\(error)") }
    }

    /// Root may ask for what concerns all sessions, and for none without an entry.
    private func entry(of guest: Guest) throws -> Int? {
        let sessions = try CeilingFile(ceilingPath).entry(of: guest.peer.uid)?.sessions
        return sessions ?? (guest.peer.uid == 0 ? 0 : nil)
    }

    private func attend(_ guest: Guest, _ token: UInt64) {
        let message: Received?
        do throws(SystemError) {
            message = try guest.socket.receive(
                limit: ListenerRequest.size, room: ListenerRequest.mostDescriptors, subject: "a request")
        } catch {
            if error.errno == .again { return }
            return refuse(guest, token, error.description)
        }
        guard let message else { return forget(token, guest.socket.number) }
        let held = DescriptorSet()
        for fd in message.descriptors { held.keep(Descriptor(owning: fd)) }
        do {
            let request = try ListenerRequest(decoding: message.bytes, descriptors: message.descriptors.count)
            try admit(guest, request)
            try serve(request, guest, message.descriptors)
            forget(token, guest.socket.number)
        } catch { refuse(guest, token, "\(error)") }
    }

    private func admit(_ guest: Guest, _ request: ListenerRequest) throws {
        let uid = guest.peer.uid
        let servers = sources.values.compactMap { if case .server(let server) = $0 { server } else { nil } }
        let isSession = request == .run
        let busy = servers.count { $0.uid == uid && $0.isSession == isSession }
        let most = isSession ? try entry(of: guest) ?? 0 : Self.mostQuestions
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
        _ = sp_control_hang_up(guest.socket.number)
    }

    // MARK: Servers

    /// The verb of a process that serves one request, and where it finds what.
    package static let serverVerb = "supervise-session"
    package static let connection: Int32 = 3
    package static let firstFile: Int32 = 4

    private func serve(_ request: ListenerRequest, _ guest: Guest, _ files: [Int32]) throws(SystemError) {
        let word =
            switch request {
            case .run: "run"
            case .list: "list"
            case .stop: "stop"
            case .settle: "settle"
            }
        let pid = try spawn([Self.serverVerb, word, String(files.count), ceilingPath], [guest.socket.number] + files)
        try keep(pid, try Self.pidfd(pid), uid: guest.peer.uid, isChild: true, isSession: request == .run)
    }

    private static func pidfd(_ pid: Int32) throws(SystemError) -> Descriptor {
        Descriptor(owning: Int32(try checked("watch", "process \(pid)") { sp_pidfd_open(pid) }))
    }

    private func keep(
        _ pid: Int32, _ pidfd: consuming Descriptor, uid: UInt32, isChild: Bool, isSession: Bool
    ) throws(SystemError) {
        let number = pidfd.number
        try watch(number, .server(Server(pid: pid, pidfd: number, uid: uid, isChild: isChild, isSession: isSession)))
        // From here on it is closed where its end is seen.
        _ = pidfd.release()
    }

    private func conclude(_ server: Server, _ token: UInt64) {
        var code: Int32 = 1
        var status: Int32 = 0
        if server.isChild { _ = sp_wait_pidfd(server.pidfd, &code, &status) }
        forget(token, server.pidfd)
        _ = sp_close(server.pidfd)
        // CLD_EXITED is 1: it gave back what it held. One that was killed did not, and one that is no child cannot tell.
        guard server.isSession, code != 1 || !server.isChild else { return }
        if server.isChild { log("the supervisor of a session of uid \(server.uid) was ended by signal \(status)") }
        clear()
    }

    /// Removes what dead sessions left, in a process of its own.
    private func clear() {
        do throws(SystemError) {
            let pid = try spawn(["sweep"], [])
            try keep(pid, try Self.pidfd(pid), uid: .max, isChild: true, isSession: false)
        } catch { log("\(error)") }
    }

    /// Finds the sessions that a listener before this one started; they are no children, and need nobody.
    private func adopt() throws(SystemError) {
        for item in try SessionList(paths).all() where item.phase == .running {
            guard let uid = item.clientUID, let pid = item.state?["supervisor_pid"]?.intValue,
                let start = item.state?["supervisor_start"]?.stringValue
            else { continue }
            let opened = sp_pidfd_open(Int32(pid))
            guard opened >= 0 else { continue }
            let pidfd = Descriptor(owning: Int32(opened))
            // Held before it is compared: a number that was given away since is seen.
            guard try processRuns(Int32(pid), start: start) else { continue }
            try keep(Int32(pid), pidfd, uid: uid, isChild: false, isSession: true)
        }
        clear()
    }

    /// Starts this very program anew, leader of a process session, with nothing of ours but what is named.
    private func spawn(_ arguments: [String], _ descriptors: [Int32]) throws(SystemError) -> Int32 {
        // Where things lie, and nothing else of ours: not LISTEN_FDS, nor a variable that a client could rely on.
        let names: [String] = ["SALLYPORT_RUNTIME_DIR", "SALLYPORT_STATE_DIR", "SALLYPORT_FAULT_POINT"]
        let kept = names.compactMap { name in getenv(name).map { "\(name)=\(String(cString: $0))" } }
        // By its file and not by a path that may lead to a newer build: this one is what the operator started.
        return try DetachedProcess.start(
            "/proc/self/exe", ["sallyport"] + arguments,
            environment: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"] + kept,
            descriptors: [Int32?](repeating: nil, count: Int(Self.connection)) + descriptors)
    }
}
