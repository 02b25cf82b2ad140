// SPDX-License-Identifier: Apache-2.0
import CLinux
import Documents
import Glibc
import TaskModel
import TestSupport
import Testing

/// A daemon of a user without root, whose sessions the listening supervisor makes in host mode.
@Suite(
    "a daemon without root", .serialized, .requires(.root), .requires(.git), .requires(.runner),
    .timeLimit(.minutes(10)))
struct UnprivilegedDaemonTests {
    private final class Scene {
        let root: Sallyport
        let user: OrdinaryUser
        let repository: String
        private var listener: Running?
        private var daemon: Running?

        var state: String { user.home + "/state" }
        var sessions: String { state + "/daemon/sessions" }

        init() throws {
            root = try Sallyport()
            user = try OrdinaryUser()
            repository = try user.directory("repository")
            try root.home.file(
                "ceiling.yaml",
                """
                version: 1
                reason: a test
                supervise:
                  - user: \(user.uid)
                    profiles: [strict, build, review]
                    rootfs: [host]
                    sources: [\(Scratch.place)]
                    sessions: 8
                """)
            try user.file("repository/file", "broken\n")
            let make =
                "git init -q -b main . && git add -A && git -c user.name=a -c user.email=a@test.invalid commit -q -m first"
            let made = try command("/bin/sh", ["-c", "cd repository && " + make]).run()
            try #require(made.code == 0, "\(made.errorText)")
            try listen()
        }

        deinit {
            // A test that failed in the middle must not leave a task at work.
            for name in names(sessions) {
                guard let begun = text("\(sessions)/\(name)/begun.json"),
                    let pid = begun.split(separator: "\"pid\":").dropFirst().first?.drop(while: { $0 == " " })
                        .prefix(while: \.isNumber), let number = pid_t(pid), number > 1
                else { continue }
                _ = kill(-number, SIGKILL)
            }
        }

        func listen() throws {
            var command = root.command(["supervise", "--listen", "--ceiling", root.home.at("ceiling.yaml")])
            command.deadline = .seconds(300)
            let running = try command.start()
            listener = running
            try #require(try running.line() != nil)
        }

        func killListener() throws {
            let running = try #require(listener)
            try running.signal(SIGKILL)
            running.closeInput()
            _ = try running.finish()
        }

        func command(_ path: String, _ arguments: [String]) -> Command {
            var command = user.command(path, arguments)
            command.environment["SALLYPORT_SUPERVISOR"] = root.runtime + "/supervise.sock"
            command.environment["SALLYPORT_STATE_DIR"] = state
            command.environment["SALLYPORT_RUNTIME_DIR"] = user.home + "/run"
            command.environment["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
            command.environment["GIT_CONFIG_NOSYSTEM"] = "1"
            command.environment["GIT_CONFIG_GLOBAL"] = "/dev/null"
            command.deadline = .seconds(240)
            return command
        }

        func serve() throws {
            let running = try command(user.programs + "/sallyportd", ["serve"]).start()
            daemon = running
            if try running.line() == nil { throw HarnessError("no daemon: \(try running.finish().errorText)") }
        }

        func end() throws {
            let running = try #require(daemon)
            try running.signal(SIGTERM)
            running.closeInput()
            _ = try running.finish()
            try killListener()
        }

        func ask(_ arguments: [String]) throws -> Finished { try command(user.sallyport, arguments).run() }

        /// The words of a submission, to a repository whose blueprint has this agent.
        func submission(_ agent: String, _ options: [String] = []) throws -> [String] {
            let file = try user.file(
                "blueprint.yaml",
                """
                version: 1
                repo: team/library
                reason: a test
                source: {repository: \(JSON.string(repository).compactText)}
                submitters: [everyone]
                runner: {command: \(JSON.string(agent).compactText)}
                approvals: {level: autonomous}
                pipeline: {test_command: \(JSON.string(TaskScene.test).compactText)}

                """)
            let applied = try ask(["blueprint", "apply", file])
            try #require(applied.code == 0, "\(applied.errorText)")
            return [
                "submit", "--repo", "team/library", "--task", "Fix the file", "--idempotency-key", "k", "--json",
            ] + options
        }

        func json(_ finished: Finished) throws -> JSON {
            try JSON.read(Array(try #require(finished.lines.last, "\(finished.errorText)").utf8), file: "answer")
        }

        /// Sessions of root's that have not ended.
        var running: [String] {
            names(root.runtime + "/sessions").filter {
                !names("\(root.runtime)/sessions/\($0)").contains("result.json")
            }
        }
    }

    @Test("brings a task to a verified branch with valid evidence, from sandboxes in host mode")
    func verified() throws {
        let scene = try Scene()
        try scene.serve()
        let done = try scene.ask(try scene.submission("echo fixed > file", ["--wait"]))
        #expect(done.code == 0, "\(done.text)\(done.errorText)")
        let answer = try scene.json(done)
        #expect(answer["status"]?.stringValue == "COMPLETED", "\(answer.compactText)")
        let id = try #require(answer["task"]?.stringValue)
        let delivered = "\(scene.sessions)/\(id)-1/delivered"
        let verified = try scene.ask(["evidence", "verify", delivered])
        #expect(verified.code == 0 && verified.text.hasPrefix("valid"), "\(verified)")
        for label in ["before", "work", "after"] {
            let file = "\(delivered)/\(label).result.json"
            let record = try JSON.read(try #require(contents(file)), file: file)
            #expect(record["mode"]?.stringValue == "host" && record["layers"]?["cgroup"] != nil, "\(label)")
        }
        // Everything that there is of it belongs to the daemon's user.
        let foreign = try Command("/usr/bin/find", [scene.state, "!", "-user", "\(scene.user.uid)"]).run()
        #expect(foreign.text == "", "\(foreign.text)")
        #expect(scene.running.isEmpty)
        try scene.end()
    }

    @Test("a task is at work while the listening supervisor is killed and started again, and can be cancelled then")
    func listenerKilled() throws {
        let scene = try Scene()
        try scene.serve()
        let submitted = try scene.json(
            try scene.ask(try scene.submission(DaemonScene.waiting + "; echo fixed > file")))
        let id = try #require(submitted["task"]?["task"]?.stringValue)
        try wait(scene, id)
        try scene.killListener()
        try scene.listen()
        // The agent's sandbox is none of the new listener's; its end is seen all the same.
        let cancel = try scene.ask(["cancel", id])
        #expect(cancel.code == 0, "\(cancel.errorText)")
        #expect(try scene.ask(["watch", id]).code == 1)
        #expect(try scene.json(try scene.ask(["status", id, "--json"]))["status"]?.stringValue == "CANCELLED")
        #expect(scene.running.isEmpty)
        try scene.end()
    }

    @Test("a session that is killed leaves no sandbox behind, of which the daemon's user cannot even see the processes")
    func killed() throws {
        let scene = try Scene()
        try scene.serve()
        let submitted = try scene.json(try scene.ask(try scene.submission(DaemonScene.waiting)))
        let id = try #require(submitted["task"]?["task"]?.stringValue)
        try wait(scene, id)
        #expect(scene.running.count == 1)
        let file = "\(scene.sessions)/\(id)-1/begun.json"
        let bytes = try #require(contents(file))
        let pid = try #require(try JSON.read(bytes, file: file)["pid"]?.intValue)
        #expect(kill(-pid_t(pid), SIGKILL) == 0)
        #expect(try scene.ask(["watch", id]).code == 1)
        #expect(try scene.json(try scene.ask(["status", id, "--json"]))["status"]?.stringValue == "FAILED")
        #expect(scene.running.isEmpty)
        try scene.end()
    }

    @Test("without a listening supervisor a task fails and says so; nothing else makes its sandbox")
    func unreachable() throws {
        let scene = try Scene()
        try scene.killListener()
        try scene.serve()
        let done = try scene.ask(try scene.submission("echo fixed > file", ["--wait"]))
        #expect(done.code == 1, "\(done.text)\(done.errorText)")
        #expect(done.text.contains("cannot reach the listening supervisor"), "\(done.text)\(done.errorText)")
        #expect(names(scene.user.home + "/run/sessions").isEmpty)
        try scene.listen()
        try scene.end()
    }

    private func wait(_ scene: Scene, _ id: String) throws {
        let session = "\(scene.sessions)/\(id)-1"
        try waitForChange(in: scene.sessions) { names(scene.sessions).contains("\(id)-1") }
        try waitForChange(in: session) { names(session).contains("delivered") }
        try waitForChange(in: session + "/delivered", longest: .seconds(120)) {
            text(session + "/delivered/frames.jsonl")?.contains("the agent waits") == true
        }
    }
}
