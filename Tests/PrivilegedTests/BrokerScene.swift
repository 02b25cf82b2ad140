// SPDX-License-Identifier: Apache-2.0
import CLinux
import Documents
import Glibc
import Isolation
import LinuxSystem
import Supervisor
import Synchronization
import TestSupport
import Testing
import Wire
import Workspace

/// The tests of the git broker, one at a time: each waits for programs, and together they would only wait for each other.
@Suite("git broker", .serialized)
enum GitBroker {}

/// A git broker as the supervisor starts it, with a repository behind it, and a port on loopback in place of a session.
///
/// git's own clients reach it as a proxy, so that they ask for `http://git.internal/` and mean it.
final class BrokerScene {
    let scratch: Scratch
    let port: UInt16
    let identity: UInt32
    private let starter: WorkerThread
    private let acceptor: WorkerThread
    private let listener: Int32
    private let control: Descriptor
    private var program: ConfinedProgram?
    /// The broker's process, as the host numbers it.
    let pid: Int32

    static let url = "http://git.internal/owner/name.git"
    var quarantine: String { scratch.at("quarantine.git") }
    var mirror: String { scratch.at("mirror.git") }

    /// - Parameter prepare: Makes more of the upstream, a work tree on branch main with one commit.
    init(
        scope: String = "refs/heads/agent/*", packBytes: UInt64 = 64 << 20, repositoryBytes: UInt64 = 256 << 20,
        pushSeconds: UInt32 = 30, prepare: (BrokerScene.Repository) throws -> Void = { _ in }
    ) throws {
        scratch = try Scratch()
        identity = 2_110_000_000 + UInt32.random(in: 0..<1_000_000)
        let upstream = Repository(path: scratch.at("upstream"), scratch: scratch)
        try upstream.begin()
        try prepare(upstream)
        try upstream.git("clone", "--quiet", "--bare", "--no-hardlinks", ".", scratch.at("mirror.git"))
        try Self.makeQuarantine(scratch.at("quarantine.git"), mirror: scratch.at("mirror.git"), identity)
        let paths = HostPaths(runtime: try scratch.directory("run", mode: 0o711), state: scratch.at("state"))
        try paths.prepare()
        let channel = try Channel.messages()
        control = try channel.first.duplicate()
        let inner = try channel.second.duplicate().release()
        // The broker alone holds its end, so that its death is heard.
        _ = consume channel
        starter = try WorkerThread("broker")
        let started = try Self.start(on: starter, paths, scratch, Descriptor(owning: inner), identity)
        pid = try Self.number(of: started.pidfd)
        program = consume started
        let connections = try Channel.messages()
        let ledger = try Descriptor.open(
            scratch.at("git.jsonl"), O_WRONLY | O_CREAT | O_APPEND, mode: 0o600)
        let start = GitStart(
            host: "git.internal", path: try #require(RepositoryPath("/owner/name")),
            scope: scope.isEmpty ? .nothing : try #require(PushScope(scope)), packBytes: packBytes,
            repositoryBytes: repositoryBytes,
            pushSeconds: pushSeconds)
        try control.send(
            GitCommand.start(start).encoded(), descriptors: [ledger.number, connections.second.number],
            subject: "the start")
        let report = try control.receive(limit: GitReport.longest, subject: "the report")
        #expect(try GitReport(decoding: try #require(report).bytes) == .ready)
        (listener, port) = try Self.listen()
        acceptor = try WorkerThread("accept")
        let (from, to) = (listener, try connections.first.duplicate().release())
        acceptor.perform { Self.passConnections(from, to) }
    }

    deinit {
        _ = shutdown(listener, Int32(SHUT_RDWR))
        acceptor.finish()
        _ = sp_close(listener)
        // One that nobody waits for keeps the exit tests beside it waiting.
        if let ended = program.take() {
            ended.kill()
            do throws(SystemError) { _ = try ended.wait() } catch { Issue.record("\(error)") }
        }
        starter.finish()
    }

    // MARK: Set-up

    /// The session's own repository over a mirror, given to an id that nothing else has.
    static func makeQuarantine(_ path: String, mirror: String, _ identity: UInt32) throws {
        library
        let bare = try BareRepository.open(at: mirror)
        var references: [String: ObjectID] = [:]
        for name in try bare.references() { references[name] = try bare.target(of: name) }
        try Quarantine.create(at: path, head: "refs/heads/main", references: references)
        let done = try Command("/bin/chown", ["-R", "\(identity):\(identity)", path]).run()
        try #require(done.code == 0, "\(done.errorText)")
    }

    private static let library: Void = {
        do { try GitLibrary.start(budget: Budget()) } catch { Issue.record("\(error)") }
    }()

    /// On a thread of its own, which lives as long as the broker: its death would be the broker's.
    private static func start(
        on thread: WorkerThread, _ paths: HostPaths, _ scratch: Scratch, _ control: consuming Descriptor,
        _ identity: UInt32
    ) throws -> ConfinedProgram {
        let programs = Programs(directory: Executables.directory)
        let file = try programs.opened("sallyport-broker").release()
        let filter = try FilterCache(paths).filter(
            program: "sallyport-broker", allowed: BrokerSyscalls.allowed,
            ioctlRequests: BrokerSyscalls.ioctlRequests, otherwise: BrokerSyscalls.otherwise)
        let held = DescriptorSet()
        let view = try GitView.make(
            paths, mode: .host, held: held, mirror: (nil, scratch.at("mirror.git")),
            quarantine: (nil, scratch.at("quarantine.git")))
        let null = try Descriptor.open("/dev/null", O_RDWR)
        let numbers = [null.number, null.number, null.number, control.number]
        let box = StartBox()
        let done = try Channel.pipe()
        let end = try done.second.duplicate().release()
        thread.perform {
            var all = sigset_t()
            sigfillset(&all)
            pthread_sigmask(SIG_SETMASK, &all, nil)
            let program = Descriptor(owning: file)
            // All launches of a process share one stack, which a supervisor's one session never notices.
            launching.withLock { _ in
                do throws(LaunchError) {
                    box.program = try ConfinedProgram.start(
                        program, argv: ["sallyport-broker"], environment: [], identity: .host(id: identity),
                        descriptors: numbers, filter: filter, view: view)
                } catch { box.failure = "\(error)" }
            }
            _ = sp_close(end)
        }
        done.split { reader, writer in
            _ = consume writer
            var byte: UInt8 = 0
            while sp_read(reader.number, &byte, 1) == -Int(EINTR) {}
        }
        withExtendedLifetime(held) {}
        guard let program = box.program.take() else {
            throw HarnessError("the broker did not start: \(box.failure)")
        }
        return program
    }

    private static let launching = Mutex(())

    private final class StartBox: @unchecked Sendable {
        // Sendable: written before a pipe is closed and read after its end was seen.
        var program: ConfinedProgram?
        var failure = ""
    }

    private static func number(of pidfd: borrowing Descriptor) throws -> Int32 {
        let line = text("/proc/self/fdinfo/\(pidfd.number)")?.split(separator: "\n").first { $0.hasPrefix("Pid:") }
        return try #require(line.flatMap { Int32($0.dropFirst(4).trimmingPrefix("\t")) })
    }

    private static func listen() throws -> (Int32, UInt16) {
        let fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw -> Bool in
                guard bind(fd, __CONST_SOCKADDR_ARG(__sockaddr__: raw), length) == 0, Glibc.listen(fd, 128) == 0 else {
                    return false
                }
                return getsockname(fd, __SOCKADDR_ARG(__sockaddr__: raw), &length) == 0
            }
        }
        guard bound else { throw HarnessError("listen on", "loopback", errno) }
        return (fd, UInt16(bigEndian: address.sin_port))
    }

    /// What the egress gateway does for a session.
    private static func passConnections(_ listener: Int32, _ broker: Int32) {
        while true {
            var peer = sp_endpoint()
            let client = Int32(sp_accept(listener, &peer))
            guard client >= 0 else { break }
            _ = BrokerConnection.message.withUnsafeBytes { sp_send(broker, $0.baseAddress!, $0.count, [client], 1) }
            _ = sp_close(client)
        }
        _ = sp_close(broker)
    }

    // MARK: Use

    /// Says that the session is over, and returns what was counted.
    func close() throws -> GitTotals {
        try control.send(GitCommand.close.encoded(), descriptors: [], subject: "the end")
        let report = try control.receive(limit: GitReport.longest, subject: "the report")
        guard case .ended(let totals) = try GitReport(decoding: try #require(report).bytes) else {
            throw HarnessError("the broker's last report is not its end")
        }
        guard let program = self.program.take() else { throw HarnessError("the broker was ended before") }
        let end = try program.wait()
        #expect(end == nil)
        return totals
    }

    var ledger: [JSON] {
        get throws {
            try (text(scratch.at("git.jsonl")) ?? "").split(separator: "\n").map {
                try JSON.read(Array($0.utf8), file: "git.jsonl")
            }
        }
    }

    /// What the quarantine has, by name.
    func references() throws -> [String: String] {
        let repository = try BareRepository.open(at: quarantine, sharing: mirror + "/objects")
        return try repository.references().reduce(into: [:]) { $0[$1] = "\(try repository.target(of: $1))" }
    }

    /// A clone of the broker's repository, as a session has it.
    func clone(_ name: String = "work", _ options: String...) throws -> Repository {
        let work = Repository(path: scratch.at(name), scratch: scratch, port: port)
        let done = try work.client(["clone", "--quiet"] + options + [Self.url, work.path], inside: false)
        try #require(done.code == 0, "\(done.errorText)")
        return work
    }

    /// Sends bytes on a connection of its own and returns everything that comes back.
    func exchange(_ bytes: [UInt8]) throws -> String {
        var command = Command("/usr/bin/python3", ["-c", Self.sender, "\(port)"])
        command.input = bytes
        command.deadline = .seconds(60)
        let done = try command.run()
        #expect(done.code == 0, "\(done.errorText)")
        return done.text
    }

    private static let sender = """
        import socket, sys
        s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
        try: s.sendall(sys.stdin.buffer.read())
        except OSError: pass
        while True:
            try: piece = s.recv(65536)
            except OSError: break
            if not piece: break
            sys.stdout.buffer.write(piece)
        """
}

extension BrokerScene {
    /// A work tree and the git command in it.
    struct Repository {
        let path: String
        let scratch: Scratch
        /// Where the broker listens, for a repository that speaks to it.
        var port: UInt16?

        func begin() throws {
            let made = try Command("/bin/mkdir", [path]).run()
            try #require(made.code == 0)
            try git("init", "--quiet", "--initial-branch=main")
            try write("file", "one\n")
            try commit("first")
        }

        func write(_ name: String, _ text: String) throws {
            try write(name, bytes: Array(text.utf8))
        }

        func write(_ name: String, bytes: [UInt8]) throws {
            let place = String(path.dropFirst(scratch.path.utf8.count + 1))
            try scratch.file("\(place)/\(name)", bytes: bytes)
        }

        @discardableResult
        func commit(_ message: String) throws -> String {
            try git("add", "--all")
            try git("commit", "--quiet", "--allow-empty", "-m", message)
            return try git("rev-parse", "HEAD")
        }

        /// Runs git, which must succeed, and returns its trimmed output.
        @discardableResult
        func git(_ arguments: String...) throws -> String {
            let done = try client(arguments)
            try #require(done.code == 0, "git \(arguments): \(done.errorText)")
            return done.text.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\n")
                .trimmingSuffix("\n")
        }

        /// Runs git and tells what became of it.
        func client(_ arguments: [String], inside: Bool = true, input: [UInt8] = []) throws -> Finished {
            var command = Command("/usr/bin/git", arguments)
            command.environment = [
                "PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LC_ALL": "C", "GIT_CONFIG_NOSYSTEM": "1",
                "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_TERMINAL_PROMPT": "0", "GIT_AUTHOR_NAME": "a",
                "GIT_AUTHOR_EMAIL": "a@test.invalid", "GIT_COMMITTER_NAME": "c",
                "GIT_COMMITTER_EMAIL": "c@test.invalid",
            ]
            if let port { command.environment["http_proxy"] = "http://127.0.0.1:\(port)" }
            if inside { command.directory = path }
            command.input = input
            command.deadline = .seconds(120)
            return try command.run()
        }

        /// Pushes and returns what git printed, with its exit code.
        func push(_ arguments: String...) throws -> Finished { try client(["push", "origin"] + arguments) }
    }
}

extension String {
    fileprivate func trimmingSuffix(_ suffix: String) -> String {
        hasSuffix(suffix) ? String(dropLast(suffix.count)) : self
    }
}
