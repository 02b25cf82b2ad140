// SPDX-License-Identifier: Apache-2.0
import CLinux
import Documents
import Glibc
import LinuxSystem
import Supervisor
import TestSupport
import Testing
import Wire

/// Clients that want to keep root waiting, or to have it do what they may not.
@Suite("listening supervisor: hostile clients", .requires(.root), .timeLimit(.minutes(10)))
struct ListenerHostileTests {
    // MARK: Files that their last owner waits for

    @Test(
        "files that take long to close hold up nobody but who asked",
        arguments: [ListenerRequest.list.encoded(), ListenerRequest.run.encoded(), [1, 0x70, 0, 0], [1]])
    func lingering(_ request: [UInt8]) throws {
        let scene = try ListenerScene()
        var held: [LingeringSocket] = []
        // More than there are processes that hang up on such ones.
        for _ in 0..<20 {
            let lingering = try LingeringSocket()
            let socket = try scene.connect()
            try lingering.go(socket, beside: request)
            guard case .refused? = try ListenerScene.reply(socket) else {
                Issue.record("a file that nobody asked for was taken")
                return
            }
            held.append(lingering)
        }
        let done = try scene.client(["session", "list"]).run()
        #expect(done.code == 0, "\(done.errorText)")
        try scene.end(SIGTERM)
        withExtendedLifetime(held) {}
    }

    @Test("a client's later files hold up nobody who watches its session")
    func garbled() throws {
        let scene = try ListenerScene(others: ListenerScene.entry(0))
        let output = try Channel.pipe()
        let socket = try scene.begin(
            ["sh", "-c", "trap '' TERM; echo begun; tail -f /dev/null"], output: output.second.number)
        guard case .started(let session)? = try ListenerScene.reply(socket) else {
            Issue.record("no session")
            return
        }
        #expect(try output.first.readSome(upTo: 6, subject: "output") == Array("begun\n".utf8))
        let lingering = try LingeringSocket()
        try lingering.go(socket, beside: [0])
        // Root's word is heard all the same.
        let stop = try scene.sallyport.command(["session", "stop", "--kill", session]).run()
        #expect(stop.code == 0, "\(stop.errorText)")
        #expect(scene.result(session)?["outcome"]?.stringValue == "killed")
        try scene.end(SIGTERM)
        withExtendedLifetime(lingering) {}
    }

    @Test("a workload does not begin once its client is gone")
    func gone() throws {
        let scene = try ListenerScene(others: ListenerScene.entry(0))
        do { _ = try scene.begin(["true"]) }
        let directory = scene.sallyport.runtime + "/sessions"
        try waitForChange(in: directory) { !scene.sessions.isEmpty }
        let session = try #require(scene.sessions.first)
        try waitForChange(in: "\(directory)/\(session)") { scene.result(session) != nil }
        #expect(scene.result(session)?["outcome"]?.stringValue == "killed")
        // It is written as soon as the workload runs.
        #expect(!names("\(directory)/\(session)").contains("plan.json"))
        try scene.end(SIGTERM)
    }

    // MARK: Other users' sessions

    @Test("what ended stays until root sweeps, whoever else asks for a sweep, and whoever's supervisor dies")
    func records() throws {
        let scene = try ListenerScene(others: ListenerScene.entry(ListenerScene.other))
        #expect(try scene.sallyport.run(["true"]).code == 0)
        #expect(try scene.run(["true"]).code == 0)
        let ended = Set(scene.sessions)
        #expect(ended.count == 2)
        // What is in root's own sweep's way is none of a client's business.
        let strange = scene.sallyport.runtime + "/sessions/of-nobody"
        try #require(mkdir(strange, 0o700) == 0)
        let done = try scene.client(["sweep"]).run()
        #expect(done.code == 0 && !done.errorText.contains("of-nobody"), "\(done.errorText)")
        try #require(rmdir(strange) == 0)
        #expect(Set(scene.sessions) == ended)
        let session = try scene.waiting()
        let name = try #require(scene.sessions.first { !ended.contains($0) })
        try #require(kill(try scene.supervisor(name), SIGKILL) == 0)
        session.closeInput()
        #expect(try session.finish().code == 125)
        try waitForChange(in: scene.sallyport.runtime + "/sessions") { !scene.sessions.contains(name) }
        #expect(Set(scene.sessions) == ended)
        #expect(ended.allSatisfy { scene.result($0) != nil })
        // Control: root's own takes them.
        #expect(try scene.sweep()["sessions"]?.arrayValue?.count == 2)
        try scene.end(SIGTERM)
    }

    @Test(
        "a command of any length and a state that cannot be read keep nobody from the list, nor the listener from starting"
    )
    func unreadable() throws {
        let scene = try ListenerScene(others: ListenerScene.entry(0))
        let long = [UInt8](repeating: 0xFF, count: 100_000)
        let socket = try scene.begin(["true"], arguments: [[UInt8]](repeating: long, count: 5))
        guard case .started(let session)? = try ListenerScene.reply(socket),
            case .ended(0)? = try ListenerScene.reply(socket)
        else {
            Issue.record("no session")
            return
        }
        let directory = scene.sallyport.runtime + "/sessions/"
        #expect((contents(directory + session + "/state.json")?.count ?? .max) < 65536)
        #expect(try scene.run(["true"]).code == 0)
        let other = try #require(scene.sessions.first { $0 != session })
        // Whatever made it so.
        try #require(truncate(directory + session + "/state.json", 4 << 20) == 0)
        let list = try scene.client(["session", "list"]).run()
        #expect(list.code == 0 && list.text.hasPrefix(other), "\(list)")
        #expect(try scene.client(["sweep"]).run().code == 0)
        let own = try scene.sallyport.command(["session", "list"]).run()
        #expect(own.code == 0 && own.text.contains(other), "\(own)")
        #expect(own.errorText.contains("session \(session) is left out"), "\(own)")
        try scene.end(SIGKILL)
        try scene.start()
        #expect(try scene.run(["true"]).code == 0)
        try scene.end(SIGTERM)
    }

    // MARK: Places and descriptors

    @Test("one user's silent connections leave a place for the next")
    func places() throws {
        let scene = try ListenerScene()
        var silent: [ConnectedClient] = []
        for _ in 0..<64 { silent.append(ConnectedClient(try scene.connect())) }
        let done = try scene.client(["session", "list"]).run()
        #expect(done.code == 0, "\(done.errorText)")
        #expect(
            try ListenerScene.reply(try #require(silent.first).socket)
                == .refused("cannot take the request: others wait, and uid 0 has 64 places (EAGAIN)."))
        try scene.end(SIGTERM)
    }

    // MARK: What is handed over

    static let outputs: [(owner: UInt32, mode: mode_t, words: String)] = [
        // What the client opens itself to be written anew has lost its bits by that; HandedFilesTests has the other way.
        (ListenerScene.other, 0o666, "which belongs to uid 4343 and not to uid 4242")
    ]

    @Test("a file that can be written, but not by root for its client, is refused", arguments: outputs.indices)
    func output(_ index: Int) throws {
        let (owner, mode, words) = Self.outputs[index]
        let scene = try ListenerScene()
        let file = try scene.user.file("r.json", "theirs\n")
        #expect(try scene.run(["--result-file", file], ["true"]).code == 0)
        try #require(chown(file, owner, owner) == 0 && chmod(file, mode) == 0)
        for option in ["--result-file", "--frames"] {
            let done = try scene.run([option, file], ["true"])
            #expect(done.code == 125 && done.errorText.contains(words), "\(done.errorText)")
        }
        #expect(scene.sessions.count == 1)
        try scene.end(SIGTERM)
    }

    @Test("a client of more groups than are looked at is refused, and nothing of root's ends by it")
    func groups() throws {
        let scene = try ListenerScene()
        let tree = try scene.user.directory("shown")
        var command = scene.client(["run", "--mount", tree + ":/run/shown", "--", "true"])
        let at = try #require(command.arguments.firstIndex(of: "--clear-groups"))
        command.arguments[at] = "--groups"
        command.arguments.insert((10_000..<11_100).map(String.init).joined(separator: ","), at: at + 1)
        let done = try command.run()
        #expect(done.code == 125 && done.errorText.contains("It is in more groups than are looked at"), "\(done)")
        try scene.end(SIGTERM)
    }

    @Test("a file in the place of the socket stays")
    func place() throws {
        let scene = try ListenerScene(starts: false)
        let file = try scene.sallyport.home.file("precious", "mine\n")
        var command = scene.command
        command.arguments += ["--socket", file]
        let done = try command.run()
        #expect(done.code == 125 && done.errorText.contains("It is no socket, and stays as it is"), "\(done.errorText)")
        #expect(text(file) == "mine\n")
    }
}

/// A connection that an array can hold.
private final class ConnectedClient {
    let socket: Descriptor
    init(_ socket: consuming Descriptor) { self.socket = socket }
}
