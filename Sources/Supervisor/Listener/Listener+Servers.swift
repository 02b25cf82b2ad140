// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import Isolation
internal import LinuxSystem
internal import Wire

/// The processes that do what the listener does not.
extension Listener {
    /// One of them.
    struct Server {
        enum Work {
            case session, question
            /// Removes what dead sessions left.
            case clearing
            /// Hangs up on somebody.
            case farewell
        }

        let pid: Int32
        let pidfd: Int32
        let uid: UInt32
        let work: Work
        /// One of ours, to be reaped; another was found by its session's directory.
        var isChild = true
        /// Whose request it serves.
        var client: Peer?
    }

    /// The verb of a process that serves one request, and where it finds what.
    package static let serverVerb = "supervise-session"
    /// The verb's word for what dead sessions left.
    package static let clearing = "clear"
    package static let connection: Int32 = 3
    /// Of the processes that a client waits for beside its sessions.
    package static let firstProcess: Int32 = 4

    /// Processes that hang up on somebody, at a time.
    private static let mostFarewells = 16

    var servers: [(token: UInt64, value: Server)] {
        sources.compactMap { token, source in
            if case .server(let server) = source { (token, server) } else { nil }
        }
    }

    /// Starts the process that serves a request, which takes it out of the connection.
    func serve(_ request: ListenerRequest, _ guest: Guest) throws(SystemError) {
        var processes: [Int32] = []
        let word: String
        switch request {
        case .run: word = "run"
        case .list: word = "list"
        case .stop: word = "stop"
        case .settle:
            word = "settle"
            // A session has no name before its process gave it one, and may have lost its client by then.
            for (_, server) in servers where server.uid == guest.peer.uid && server.work == .session {
                if let client = server.client, client.hasEnded { processes.append(server.pidfd) }
            }
        }
        let pid = try spawn(
            [Self.serverVerb, word, ceilingPath, "\(processes.count)"], [guest.socket.number] + processes)
        try keep(child: pid, request == .run ? .session : .question, guest.peer)
    }

    /// Watches a child of ours, or ends it: one that nobody watches is counted and reaped by nobody.
    private func keep(child pid: Int32, _ work: Server.Work, _ client: Peer? = nil) throws(SystemError) {
        do throws(SystemError) {
            let pidfd = Descriptor(owning: Int32(try checked("watch", "process \(pid)") { sp_pidfd_open(pid) }))
            let uid = client?.uid ?? .max
            try keep(Server(pid: pid, pidfd: pidfd.number, uid: uid, work: work, client: client), pidfd)
        } catch {
            _ = sp_kill(pid, SIGKILL)
            var status: Int32 = 0
            _ = sp_reap(pid, &status)
            throw error
        }
    }

    private func keep(_ server: Server, _ pidfd: consuming Descriptor) throws(SystemError) {
        try watch(server.pidfd, .server(server))
        // From here on it is closed where its end is seen.
        _ = pidfd.release()
    }

    func conclude(_ server: Server, _ token: UInt64) {
        var code: Int32 = 1
        var status: Int32 = 0
        if server.isChild { _ = sp_wait_pidfd(server.pidfd, &code, &status) }
        forget(token, server.pidfd)
        _ = sp_close(server.pidfd)
        // CLD_EXITED is 1: it gave back what it held. One that was killed did not, and one that is no child cannot tell.
        guard server.work == .session, code != 1 || !server.isChild else { return }
        if server.isChild { log("the supervisor of a session of uid \(server.uid) was ended by signal \(status)") }
        clear()
    }

    /// Removes what dead sessions left, in a process of its own.
    private func clear() {
        do throws(SystemError) {
            try keep(child: try spawn([Self.serverVerb, Self.clearing], []), .clearing)
        } catch { log("\(error)") }
    }

    /// Finds the sessions that a listener before this one started; they are no children, and need nobody.
    func adopt() throws(SystemError) {
        let items = try SessionList(paths).all { [log] id, error in log("session \(id) is left out: \(error)") }
        for item in items where item.phase == .running {
            do throws(SystemError) {
                guard let uid = item.clientUID, let supervisor = item.supervisor, let pidfd = try supervisor.open()
                else { continue }
                try keep(
                    Server(pid: supervisor.pid, pidfd: pidfd.number, uid: uid, work: .session, isChild: false), pidfd)
            } catch { log("session \(item.id) is left out: \(error)") }
        }
        clear()
    }

    /// Hangs up on somebody. Descriptors that still wait in the connection are closed with it, for which their sender can
    /// have root wait: then a child does that, and lives no longer than there is room.
    func dismiss(_ guest: Guest) {
        guard sp_control_forget(guest.socket.number) != 0 else { return }
        let others = servers.filter { $0.value.work == .farewell }
        if others.count >= Self.mostFarewells {
            for (_, server) in others { _ = sp_pidfd_signal(server.pidfd, SIGKILL, 0) }
        }
        do throws(SystemError) {
            let pid = Int32(
                try checked("hang up on", "uid \(guest.peer.uid)") { sp_control_forget_apart(guest.socket.number) })
            try keep(child: pid, .farewell)
        } catch { log("\(error)") }
    }

    /// Starts this very program anew, leader of a process session, with nothing of ours but what is named.
    private func spawn(_ arguments: [String], _ descriptors: [Int32]) throws(SystemError) -> Int32 {
        // Where things lie, and nothing else of ours: not LISTEN_FDS, nor a variable that a client could rely on.
        let names: [String] = ["SALLYPORT_RUNTIME_DIR", "SALLYPORT_STATE_DIR", "SALLYPORT_FAULT_POINT"]
        let kept = names.compactMap { name in getenv(name).map { "\(name)=\(String(cString: $0))" } }
        // By its file and not by a path that may lead to a newer build: this one is what the operator started. Gateways,
        // brokers and sp-init are started by path; after an upgrade that are those of the new build, which the old one
        // does not speak with, so that sessions fail until the listener is started anew.
        return try DetachedProcess.start(
            "/proc/self/exe", ["sallyport"] + arguments,
            environment: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"] + kept,
            descriptors: [Int32?](repeating: nil, count: Int(Self.connection)) + descriptors)
    }
}
