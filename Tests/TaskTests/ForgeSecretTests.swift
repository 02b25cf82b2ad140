// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import LinuxSystem
import TestSupport
import Testing

/// A task on GitHub with a token, or as an App: before, while and after the agent works, neither is anywhere near it.
@Suite(
    "tasks and the forge's credential", .timeLimit(.minutes(25)), .requires(.root), .requires(.git), .requires(.runner),
    .requires(.python))
struct ForgeSecretTests {
    private typealias Scene = GitHubTaskScene

    /// Looks at everything that can be seen from inside, asks the forge and the repository, and has a process crash.
    private static let nosy = """
        echo marker-of-this-test >/tmp/marker; git fetch -q origin; git config --list --show-origin
        python3 -c 'import urllib.request as u; print(u.urlopen("http://forge.internal/repos/octo/repo").read())'
        env; cat /proc/*/environ /proc/*/cmdline | tr '\\0' '\\n'; ulimit -c unlimited; sh -c 'kill -SEGV $$'; true
        """

    private static func opened(_ authorization: String) -> [ContractServer.Call] {
        [
            Scene.call("POST", "/pulls", authorization).checking { _ in nil }.answering(
                201, Scene.pullJSON(9, head: "sallyport/t/fix-the-file")),
            Scene.call("PATCH", "/pulls/9", authorization).checking { _ in nil }.answering(
                200, Scene.pullJSON(9, head: "sallyport/t/fix-the-file")),
        ]
    }

    @Test("no process of the session has a token in memory, and no file, variable, log, frame, core or evidence")
    func token() throws {
        let scene = try Scene()
        scene.server.expect([Scene.repository()] + Scene.issue() + Self.opened(Scene.bearer))
        let file = try scene.file("token", Scene.token + "\n")
        try look(scene, ["--credential", "file:\(file)"], for: [Scene.token], kept: [file])
    }

    @Test("nor an App's key or the token that was minted for the task", .requires(.openssl))
    func app() throws {
        let scene = try Scene(minted: true)
        let key = try Command("/usr/bin/openssl", ["genrsa", "-traditional", "2048"]).run().text
        let minted = "Bearer \(Scene.minted)"
        scene.server.expect(
            [
                ContractServer.Call("POST", "/api/v3/app/installations/8/access_tokens", "Bearer eyJ*").checking { _ in
                    nil
                }.answering(
                    201,
                    [
                        "token": .string(Scene.minted), "expires_at": "2099-01-01T00:00:00Z",
                        "permissions": ["contents": "write"], "repositories": [["full_name": "octo/repo"]],
                    ]), Scene.repository(minted),
            ] + Scene.issue(minted) + Self.opened(minted) + [
                ContractServer.Call("DELETE", "/api/v3/installation/token", minted).answering(204)
            ])
        let file = try scene.file("app.pem", key)
        let line = String(key.split(separator: "\n")[3])
        try look(
            scene, ["--app-id", "7", "--app-key", "file:\(file)", "--installation", "8"], for: [line, Scene.minted],
            kept: [file])
    }

    /// - Parameter kept: Where the first word is, and stays.
    private func look(_ scene: Scene, _ credential: [String], for words: [String], kept: [String]) throws {
        let home = scene.scene.sallyport.home
        let forms =
            words
            + words.map { Base64.encode(Array("x-access-token:\($0)".utf8)) }.map {
                String(decoding: $0, as: UTF8.self)
            }
        let task = try PausedTask(
            scene.scene,
            [
                "--forge", "github:octo/repo", "--forge-url", scene.server.url, "--issue", "3", "--test-command",
                TaskScene.test,
            ] + credential, before: Self.nosy, after: "echo fixed >file", to: home.at("delivered"))
        // It has been used by now.
        #expect(scene.server.requests.contains { $0.hasSuffix("/issues/3") })
        let scan = try MemoryScan(of: try task.supervisor, for: forms)
        for name in ["sallyport", "sallyport-gatew", "sallyport-broke", "sp-init", "runner", "sh"] {
            #expect(scan.names.contains(name), "\(name): \(scan.names)")
        }
        #expect(scan.holders == [MemoryScan.control], "\(scan.holders)")
        let places = ["tmp", "run", "home", "root", "etc", "var", "workspace"].map { "/proc/\(task.inside)/root/\($0)" }
        func inside(_ word: String) throws -> [String] {
            try Command("/bin/grep", ["-rslaF", "-D", "skip", word] + places).run().lines
        }
        #expect(try inside("marker-of-this-test").contains("/proc/\(task.inside)/root/tmp/marker"))
        for form in forms { #expect(try inside(form) == []) }
        let (done, shown) = try task.finish()
        #expect(done.outcome == "verified" && scene.isKept, "\(shown)")
        for form in forms {
            #expect(!shown.contains(form))
            let holders = try Command("/bin/grep", ["-rlaF", "-D", "skip", form, home.path]).run().lines
            // The control: the operator's own file has the first of them.
            #expect(holders == (form == forms[0] ? kept : []), "\(holders)")
        }
        #expect(text(done.directory + "/work.log")?.contains("SALLYPORT_TASK_ID=") == true)
        #expect(text(done.directory + "/work.log")?.contains("octo/repo") == true)
        #expect(try scene.scene.sallyport.command(["evidence", "verify", done.directory]).run().code == 0)
    }

    @Test("a step that crashes with the credential in memory leaves no core, and no word of it")
    func crash() throws {
        let scene = try TaskScene()
        let home = scene.sallyport.home
        let place = try home.directory("cores")
        let server = try SilentServer(in: place)
        let file = try home.file("token", Scene.token + "\n", mode: 0o600)
        var command = scene.sallyport.command([
            "task", "run", "--forge", "github:octo/repo", "--forge-url", "http://127.0.0.1:\(server.port)",
            "--credential", "file:\(file)", "--task", "x", "--agent-command", "true",
        ])
        // Whatever a crash leaves is left here, and as much as there is of it.
        command.arguments = ["-c", "ulimit -c unlimited; exec \"$@\"", "sh", command.path] + command.arguments
        command.path = "/bin/sh"
        command.directory = place
        let running = try command.start()
        try server.connected()
        let step = try #require(
            MemoryScan.below(running.pid).first { text("/proc/\($0)/cmdline")?.contains("step-forge") == true })
        // The control: it is there to be found.
        #expect(try MemoryScan(of: step, for: [Scene.token]).holders.count == 2)
        #expect(status("/proc/\(step)/environ")?.uid == 0 && statusField(step, "Uid")?.hasPrefix("0") == false)
        kill(step, SIGSEGV)
        let done = try running.finish()
        #expect(done.code == 125 && done.errorText.contains("signal 11 ended it"), "\(done.errorText)")
        #expect(!done.errorText.contains(Scene.token))
        #expect(try Command("/bin/grep", ["-rlaF", "-D", "skip", Scene.token, home.path]).run().lines == [file])
        #expect(names(place) == [])
        // The control: another program's crash does leave one, where this kernel writes them to files.
        guard text("/proc/sys/kernel/core_pattern") == "core\n" else { return }
        var control = Command("/bin/sh", ["-c", "ulimit -c unlimited; sh -c 'kill -SEGV $$'; true"])
        control.directory = place
        _ = try control.run()
        #expect(names(place).contains { $0.hasPrefix("core") })
    }
}
