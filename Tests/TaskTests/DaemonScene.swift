// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import LinuxSystem
import TaskModel
import TestSupport
import Testing

/// An operator with a daemon that may die, and tasks that go on.
final class DaemonScene {
    let forge: ForgeScene
    /// What the repository's blueprint says now.
    private var applied = ""
    /// Lines below its `pipeline`, indented by two.
    var pipeline = ""
    private(set) var daemon: Running?
    /// Where the daemon runs, and all that it starts.
    var place: (Command) -> Command = { $0 }
    /// Whatever else this host has to do, and however often it is asked.
    private(set) var settings = """
        version: 1
        rate: {tasks_per_hour: 100000}
        pressure: {memory_percent: 100, cpu_percent: 100, io_percent: 100}

        """

    var sallyport: Sallyport { forge.scene.sallyport }
    var directory: String { sallyport.state + "/daemon" }
    var sessions: String { directory + "/sessions" }

    init() throws {
        forge = try ForgeScene()
        try forge.issue(1, body: "The file says broken.")
    }

    deinit {
        // A test that failed in the middle must not leave a task at work.
        // One that was ended before it began says nothing of itself.
        for name in names(sessions) where names("\(sessions)/\(name)").contains(SessionFile.begun) {
            do {
                let begun = try session(name)
                guard let pid = begun["pid"]?.intValue, let start = begun["start"]?.stringValue,
                    try processRuns(Int32(pid), start: start)
                else { continue }
                _ = Glibc.kill(-pid_t(pid), SIGKILL)
            } catch {}
        }
    }

    /// Starts the daemon, and waits until it serves.
    ///
    /// - Parameters:
    ///   - fault: The point of the journal at which it dies.
    ///   - settings: In place of those that it had the last time.
    func start(fault: String? = nil, settings: String? = nil) throws {
        if let settings { self.settings = settings }
        let file = try sallyport.home.file("daemon.yaml", self.settings)
        var command = Command(Executables.path("sallyportd"), ["serve", "--settings", file])
        command.environment = sallyport.environment
        command.environment["SALLYPORT_FAULT_POINT"] = fault
        // Of its whole life, and the long forms of some tests are long.
        command.deadline = .seconds(1800)
        let running = try place(command).start()
        daemon = running
        // One that dies while it takes up what was left does not come so far.
        guard try running.line() == nil else { return }
        if fault == nil { throw HarnessError("the daemon did not start: \(try running.finish().errorText)") }
    }

    /// Waits for the daemon's own end.
    @discardableResult
    func end(_ signal: Int32? = nil) throws -> Finished {
        let daemon = try #require(daemon)
        if let signal { try daemon.signal(signal) }
        daemon.closeInput()
        self.daemon = nil
        return try daemon.finish()
    }

    // MARK: Asking

    func ask(_ arguments: String...) throws -> Finished { try ask(arguments) }

    func ask(_ arguments: [String]) throws -> Finished {
        var command = sallyport.command(arguments)
        command.deadline = .seconds(200)
        return try command.run()
    }

    func json(_ finished: Finished) throws -> JSON {
        let line = try #require(finished.lines.last, "\(finished.errorText)")
        return try JSON.read(Array(line.utf8), file: "answer")
    }

    static let repository = "team/library"

    /// A step of one's own before the agent, and one behind it, which sees what is to be handed over.
    static let ownSteps = #"""
          custom_steps:
            - {name: scan, phase: pre-agent, command: 'printf "{\"status\":\"success\"}"'}
            - name: sign
              phase: post-agent
              workspace: repository
              command: 'grep -qx fixed file && printf "{\"status\":\"success\"}"'
        """#

    /// Declares the repository, as its operator would.
    ///
    /// - Parameters:
    ///   - agent: What works on it.
    ///   - runner: The same as YAML, for another than a command.
    ///   - submitters: As YAML.
    ///   - more: Lines of YAML; without a word of approvals, nobody is asked.
    func onboard(
        agent: String = "echo fixed > file", runner: String? = nil, submitters: String = "[\"uid:0\"]",
        _ more: String = ""
    ) throws {
        let text = """
            version: 1
            repo: \(Self.repository)
            reason: tests
            source: {forge: \(JSON.string(forge.forge).compactText)}
            submitters: \(submitters)
            runner: \(runner ?? "{command: \(JSON.string(agent).compactText)}")
            pipeline:
              test_command: \(JSON.string(TaskScene.test).compactText)
            \(pipeline)
            \(more.contains("approvals:") ? "" : "approvals: {level: autonomous}")
            \(more)

            """
        guard text != applied else { return }
        let file = try sallyport.home.file("blueprint.yaml", text)
        let done = try ask("blueprint", "apply", file)
        try #require(done.code == 0, "\(done.text)\(done.errorText)")
        applied = text
    }

    /// A task that fixes the file, or does something else, of a repository that is declared so.
    func submission(agent: String = "echo fixed > file", key: String = "k", options: [String] = []) throws -> Command {
        try onboard(agent: agent)
        return request(["--issue", "1", "--idempotency-key", key, "--json"] + options)
    }

    /// A task for the repository as it is declared.
    func request(_ options: [String]) -> Command {
        var command = sallyport.command(["submit", "--repo", Self.repository] + options)
        command.deadline = .seconds(200)
        return command
    }

    func submit(agent: String = "echo fixed > file", key: String = "k") throws -> String {
        let done = try submission(agent: agent, key: key).run()
        try #require(done.code == 0, "\(done.errorText)")
        return try #require(try json(done)["task"]?["task"]?.stringValue)
    }

    func task(_ id: String) throws -> JSON { try json(try ask("status", id, "--json")) }

    func events(_ id: String) throws -> [JSON] {
        try ask("events", id, "--json").lines.map { try JSON.read(Array($0.utf8), file: "event") }
    }

    /// Waits until the task has asked; the question as it is shown.
    func question(_ id: String, _ name: String = "q2") throws -> JSON {
        try event(of: id) {
            $0["type"]?.stringValue == "approval_requested" && $0["payload"]?["request"]?.stringValue == name
        }["payload"] ?? .null
    }

    /// Waits until something was told of a task.
    func event(of id: String, _ isMeant: (JSON) -> Bool) throws -> JSON {
        var command = sallyport.command(["watch", id, "--json"])
        command.deadline = .seconds(120)
        let watching = try command.start()
        watching.closeInput()
        while let line = try watching.line() {
            let event = try JSON.read(Array(line.utf8), file: "event")
            guard isMeant(event) else { continue }
            try watching.signal(SIGINT)
            _ = try watching.finish()
            return event
        }
        throw HarnessError("the task ended without it: \(try watching.finish().errorText)")
    }

    /// Each question with what became of it.
    func decisions(_ id: String) throws -> [String] {
        try events(id).filter { $0["type"]?.stringValue == "approval_decision_recorded" }.map {
            let payload = $0["payload"]
            return "\(payload?["act"]?.stringValue ?? "") \(payload?["decision"]?.stringValue ?? "")"
        }
    }

    /// Sends bytes and gives back all that is said until the other side ends.
    func say(_ bytes: [UInt8], uid: UInt32? = nil) throws -> String {
        let script = """
            import os,socket,sys
            if len(sys.argv) > 2: os.setuid(int(sys.argv[2]))
            s=socket.socket(socket.AF_UNIX); s.settimeout(30); s.connect(sys.argv[1])
            try: s.sendall(sys.stdin.buffer.read())
            except (BrokenPipeError, ConnectionResetError): pass
            while True:
                try: b=s.recv(65536)
                except ConnectionResetError: break
                if not b: break
                sys.stdout.buffer.write(b)
            """
        var command = Command(
            "/usr/bin/python3",
            ["-c", script, sallyport.runtime + "/daemon.sock"] + (uid.map { ["\($0)"] } ?? []))
        command.input = bytes
        command.deadline = .seconds(40)
        return try command.run().text
    }

    /// A request as it goes over the socket.
    static func line(_ verb: String, _ arguments: JSON = [:]) -> [UInt8] {
        Array(
            (JSON.object([
                .init("version", 1), .init("verb", .string(verb)), .init("arguments", arguments),
            ]).compactText + "\n").utf8)
    }

    func say(_ verb: String, _ arguments: JSON = [:], uid: UInt32) throws -> String {
        try say(Self.line(verb, arguments), uid: uid)
    }

    // MARK: Looking

    /// Directories of sessions, one for each attempt; those of steps have a name with a dot.
    var attempts: [String] { names(sessions).filter { !$0.contains(".") } }

    func session(_ name: String) throws -> JSON {
        let file = "\(sessions)/\(name)/\(SessionFile.begun)"
        return try JSON.read(try #require(contents(file)), file: file)
    }

    /// Waits until the agent of a task's session says that it waits.
    func waitForAgent(_ task: String) throws {
        let session = "\(sessions)/\(task)-1"
        // Whoever submitted was answered before anything began.
        try waitForChange(in: sessions) { names(sessions).contains("\(task)-1") }
        try waitForChange(in: session) { names(session).contains("delivered") }
        try waitForChange(in: session + "/delivered", longest: .seconds(120)) {
            text(session + "/delivered/frames.jsonl")?.contains("the agent waits") == true
        }
    }

    /// An agent that says so and never ends by itself.
    static let waiting = "echo 'note the agent waits' >$SALLYPORT_EVENTS; mkfifo /tmp/go; read line </tmp/go"

    /// What a finished task must not leave behind; empty when it left nothing.
    func residue() throws -> [String] {
        var found: [String] = []
        let sessions = try json(try ask("session", "list", "--json"))
        for item in sessions.arrayValue ?? sessions["sessions"]?.arrayValue ?? []
        where item["phase"]?.stringValue != "ended" {
            found.append("session \(item["session"]?.stringValue ?? "?") is \(item["phase"]?.stringValue ?? "?")")
        }
        for name in names(self.sessions) {
            // Without it nothing of it ever ran.
            guard names("\(self.sessions)/\(name)").contains(SessionFile.begun) else { continue }
            let pid = Int32(try session(name)["pid"]?.intValue ?? 0)
            for process in names("/proc").compactMap({ Int32($0) })
            where getsid(process) == pid && statusField(process, "State")?.hasPrefix("Z") == false {
                found.append("\(statusField(process, "Name") ?? "?") (\(process)) of session \(name)")
            }
        }
        return found
    }

    /// Checks a chain of events: dense, linked, and each what it was.
    func chain(_ events: [JSON]) throws {
        var previous = EventRecord.origin
        for (index, json) in events.enumerated() {
            let event = try #require(
                EventType(text: json["type"]?.stringValue ?? "").flatMap { type in
                    EventSource(rawValue: json["source"]?.stringValue ?? "").map {
                        NewEvent(type, source: $0, json["payload"] ?? .null)
                    }
                })
            let record = EventRecord(
                task: json["task"]?.stringValue ?? "", sequence: json["seq"]?.intValue ?? 0,
                wallMilliseconds: json["wall_ms"]?.intValue ?? 0,
                monotonicMilliseconds: json["monotonic_ms"]?.intValue ?? 0, event: event,
                previous: json["previous"]?.stringValue ?? "", digest: json["digest"]?.stringValue ?? "")
            #expect(record.sequence == index + 1 && record.previous == previous)
            #expect(record.isIntact(sha256: Digest.sha256))
            previous = record.digest
        }
    }
}
