// SPDX-License-Identifier: Apache-2.0
import CLinux
import Documents
import Glibc
import LinuxSystem
import Policy
import Supervisor
import TestSupport
import Testing
import Wire

/// A listening supervisor with a ceiling, and users without root who ask it.
final class ListenerScene {
    let sallyport: Sallyport
    let user: OrdinaryUser
    private(set) var listener: Running?

    /// Another user than ``user``, whom a scene's ceiling may name or not.
    static let other: UInt32 = 4343

    var socket: String { sallyport.runtime + "/supervise.sock" }
    var ceiling: String { sallyport.home.at("ceiling.yaml") }

    /// - Parameter more: Lines of the user's entry that take the place of the usual ones.
    init(sessions: Int = 8, more: String = "", others: String = "", starts: Bool = true) throws {
        sallyport = try Sallyport()
        user = try OrdinaryUser()
        try sallyport.home.file(
            "ceiling.yaml",
            """
            version: 1
            reason: a test
            supervise:
              - user: \(user.uid)
                profiles: [strict, build]
                rootfs: [host]
                sources: [\(Scratch.place)]
                sessions: \(sessions)
            \(more)\(others)
            """)
        if starts { try start() }
    }

    deinit {
        // A session of a test that failed in the middle ends with its client; what is left of it goes with a sweep.
        listener = nil
    }

    static func entry(_ uid: UInt32) -> String {
        "  - user: \(uid)\n    profiles: [strict]\n    rootfs: [host]\n    sources: [/]\n    sessions: 4\n"
    }

    var command: Command {
        var command = sallyport.command(["supervise", "--listen", "--ceiling", ceiling])
        command.deadline = .seconds(240)
        return command
    }

    func start(fault: String? = nil) throws {
        var command = command
        command.environment["SALLYPORT_FAULT_POINT"] = fault
        let running = try command.start()
        listener = running
        guard try running.line() == "ready \(socket)" else {
            throw HarnessError("no listener: \(try running.finish().errorText)")
        }
    }

    func end(_ signal: Int32) throws {
        let running = try #require(listener)
        try running.signal(signal)
        running.closeInput()
        listener = nil
        _ = try running.finish()
    }

    /// Any verb of the user's, with the supervisor that listens.
    func client(_ arguments: [String], uid: UInt32? = nil) -> Command {
        var command = user.sallyport(arguments)
        if let uid, let at = command.arguments.firstIndex(of: "--reuid") {
            command.arguments[at + 1] = "\(uid)"
            command.arguments[at + 3] = "\(uid)"
        }
        command.environment[SupervisorClient.variable] = socket
        command.environment["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        command.environment["HOME"] = user.home
        return command
    }

    func run(_ options: [String], uid: UInt32? = nil, _ program: [String]) throws -> Finished {
        try client(["run"] + options + ["--"] + program, uid: uid).run()
    }

    func run(uid: UInt32? = nil, _ program: [String]) throws -> Finished { try run([], uid: uid, program) }

    /// A session that says so when it runs, and ends with 7 when its input does.
    func waiting() throws -> Running {
        let running = try client(["run", "--", "sh", "-c", "echo begun; read line; exit 7"]).start()
        let first = try running.line()
        if first != "begun" { throw HarnessError("no session: \(try running.finish().errorText)") }
        return running
    }

    var sessions: [String] { names(sallyport.runtime + "/sessions").filter { !$0.hasPrefix(".") } }

    func state(_ session: String) throws -> JSON {
        let file = "\(sallyport.runtime)/sessions/\(session)/state.json"
        return try JSON.read(try #require(contents(file)), file: file)
    }

    func supervisor(_ session: String) throws -> Int32 {
        Int32(try #require(try state(session)["supervisor_pid"]?.intValue))
    }

    /// What root's own sweep still finds.
    func sweep() throws -> JSON {
        let done = try sallyport.command(["sweep", "--json"]).run()
        try #require(done.code == 0, "\(done.text)\(done.errorText)")
        return try JSON.read(done.output, file: "sweep")
    }

    // MARK: By hand

    /// The listening supervisor's answer to a message that is put together here; nil when it hung up without one.
    func answer(to bytes: [UInt8], _ descriptors: [Int32] = []) throws -> ListenerReply? {
        let socket = try connect()
        try socket.send(bytes, descriptors: descriptors, subject: "a request")
        return try Self.reply(socket)
    }

    /// Asks for a session by hand, as root, whom the ceiling must name; the connection is its client's life.
    func begin(_ program: [String], arguments: [[UInt8]] = [], output: Int32? = nil) throws -> Descriptor {
        let profile = try Profile.load(name: "strict") { name throws(PolicyError) in
            let file = Executables.sources + "/profiles/\(name).yaml"
            return (file, contents(file) ?? [])
        }
        let document = RunDocument(
            profileName: "strict", profile: profile.document, argv: program.map { Array($0.utf8) } + arguments,
            files: [.input, .output, .error])
        let sealed = try SealedDocument.make(document.json, name: "request")
        let null = try Descriptor.open("/dev/null", O_RDWR)
        let socket = try connect()
        try socket.send(
            ListenerRequest.run.encoded(),
            descriptors: [sealed.number, null.number, output ?? null.number, null.number],
            subject: "a request")
        return socket
    }

    /// A session's record; nil before there is one.
    func result(_ session: String) -> JSON? {
        let file = "\(sallyport.runtime)/sessions/\(session)/result.json"
        return contents(file).flatMap { try? JSON.read($0, file: file) }
    }

    func connect() throws -> Descriptor {
        let directory = try Descriptor.open(sallyport.runtime, O_PATH | O_DIRECTORY)
        return Descriptor(
            owning: Int32(try checked("connect", socket) { sp_control_connect(directory.number, "supervise.sock") }))
    }

    static func reply(_ socket: borrowing Descriptor) throws -> ListenerReply? {
        guard sp_poll_one(socket.number, Int16(POLLIN), 30_000) > 0 else { throw HarnessError("no answer in time") }
        let message = try socket.receive(limit: ListenerReply.longest, room: 4, subject: "an answer")
        for fd in message?.descriptors ?? [] { _ = sp_close(fd) }
        return try message.map { try ListenerReply(decoding: $0.bytes) }
    }
}
