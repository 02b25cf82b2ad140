// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

extension GitBroker {
    /// A session whose repository came over TLS with a password: the password is nowhere near it.
    @Suite("git.internal and the upstream's password", .requires(.root), .requires(.git), .requires(.forge))
    struct GitSecretTests {
        private static let script = """
            cd /tmp; export GIT_CONFIG_GLOBAL=/tmp/gitconfig; echo marker-of-this-test >marker
            git config --global user.name agent; git config --global user.email agent@test.invalid
            git clone -q http://git.internal/o/n work && cd work && git checkout -q -b agent/one || exit 1
            git commit -q --allow-empty -m mine && git push -q origin agent/one || exit 1
            env; cat /proc/*/environ /proc/*/cmdline | tr '\\0' '\\n'; git config --list --show-origin
            echo ready; read line; echo done
            """

        @Test(
            "no process of the session has it in memory, and no file, variable, argument, log or record",
            .timeLimit(.minutes(25)))
        func whole() throws {
            let sallyport = try Sallyport()
            let home = sallyport.home
            let upstream = BrokerScene.Repository(path: home.at("upstream"), scratch: home)
            try upstream.begin()
            let server = try UpstreamServer(home, cloneOf: upstream.path)
            let forms = try server.forms
            #expect(forms.count == 2)
            let out = home.at("session")
            let made = try sallyport.command(
                ["task", "repository", server.url("private/name.git"), "--out", out, "--name", "/o/n"]
                    + ["--push", "refs/heads/agent/*", "--credential", server.credential] + server.authority
            ).run()
            try #require(made.code == 0, "\(made.errorText)")
            // As a session of any task: the upstream and its password are still there while it runs.
            let profile = try home.file(
                "profile.yaml", "version: 1\nextends: [strict]\nreason: a test\negress: {rules: []}\n")
            let record = home.at("record.json")
            var command = sallyport.runCommand(
                profile: profile, options: ["--git", out + "/git.json"], record: record, ["/bin/sh", "-c", Self.script])
            command.deadline = .seconds(100)
            let session = try command.start()
            var shown: [String] = []
            while let line = try session.line(), line != "ready" { shown.append(line) }
            #expect(shown.contains { $0.hasPrefix("PATH=") })
            try lookInMemory(of: session, forms)
            try lookInside(session, forms)
            try session.send(Array("\n".utf8))
            session.closeInput()
            let outcome = try sallyport.outcome(of: try session.finish(), record: record)
            #expect(outcome.code == 0 && outcome.lines.last == "done", "\(outcome.text)\(outcome.errorText)")
            #expect(outcome.result?["git"]?["pushes"] == 1)
            for form in forms {
                #expect(!(outcome.text + outcome.errorText + made.text + made.errorText).contains(form))
                // Sessions' directories with their logs and records, the copy, the quarantine, the ledgers.
                let found = try Command("/bin/grep", ["-rlaF", "-D", "skip", "--exclude=token", form, home.path]).run()
                #expect(found.lines == [])
            }
            // The controls of that: the operator's own file has it, and the ledger of its uses names it.
            let kept = try Command("/bin/grep", ["-rlaF", "-D", "skip", server.secret, home.path]).run().lines
            #expect(kept == [home.at("token")])
            let noted = try Command("/bin/grep", ["-rlF", "-D", "skip", server.credential, home.path]).run().lines
            #expect(noted.count == 1 && noted.first?.hasSuffix("/uses.jsonl") == true, "\(noted)")
        }

        private func lookInMemory(of session: Running, _ forms: [String]) throws {
            let scan = try MemoryScan(of: session.pid, for: forms)
            for name in ["sallyport", "sallyport-gatew", "sallyport-broke", "sp-init", "sh"] {
                #expect(scan.names.contains(name), "\(name): \(scan.names)")
            }
            #expect(scan.holders == [MemoryScan.control], "\(scan.holders)")
        }

        /// Looks through everything that the workload can have written.
        private func lookInside(_ session: Running, _ forms: [String]) throws {
            let shell = try #require(MemoryScan.below(session.pid).first { text("/proc/\($0)/comm") == "sh\n" })
            let places = ["tmp", "run", "home", "root", "etc", "var", "workspace"].map { "/proc/\(shell)/root/\($0)" }
            func files(with word: String) throws -> [String] {
                try Command("/bin/grep", ["-rslaF", "-D", "skip", word] + places).run().lines
            }
            #expect(try files(with: "marker-of-this-test") == ["/proc/\(shell)/root/tmp/marker"])
            for form in forms { #expect(try files(with: form) == []) }
        }
    }
}
