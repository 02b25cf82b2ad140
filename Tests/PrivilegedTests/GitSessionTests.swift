// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import LinuxSystem
import TestSupport
import Testing
import Wire

extension GitBroker {
    /// A session that was started with a repository, seen from inside and from outside.
    @Suite("git.internal in a session", .requires(.root), .requires(.git))
    struct GitSessionTests {
        private struct Scene {
            let sallyport: Sallyport
            let upstream: BrokerScene.Repository
            let access: String
            let quarantine: String
            let profile: String
            let identity: UInt32

            init(push: String? = "refs/heads/agent/*", egress: String = "rules: []") throws {
                sallyport = try Sallyport()
                let home = sallyport.home
                identity = UInt32.random(in: BrokerView.identities)
                upstream = BrokerScene.Repository(path: home.at("upstream"), scratch: home)
                try upstream.begin()
                // Below the state directory, through which nobody else may pass.
                let mirror = "\(sallyport.state)/mirror.git"
                try upstream.git("clone", "--quiet", "--bare", "--no-hardlinks", ".", mirror)
                quarantine = "\(sallyport.state)/quarantine.git"
                try BrokerScene.makeQuarantine(quarantine, mirror: mirror, identity)
                access = try home.file(
                    "git.json",
                    #"{"version": 1, "repository": "/owner/name", "mirror": "\#(mirror)", "quarantine": "\#(quarantine)""#
                        + (push.map { #", "push": "\#($0)"}"# } ?? "}"))
                profile = try home.file(
                    "profile.yaml",
                    "version: 1\nextends: [strict]\nreason: a test of the repository\negress: {\(egress)}\n")
            }

            func run(_ script: String, options: [String] = []) throws -> Outcome {
                try sallyport.run(
                    profile: profile, options: ["--git", access] + options, deadline: .seconds(100),
                    ["/bin/sh", "-c", Self.prelude + script])
            }

            private static let prelude = """
                cd /tmp; export GIT_CONFIG_GLOBAL=/tmp/gitconfig
                git config --global user.name agent; git config --global user.email agent@test.invalid

                """

            func branch(_ name: String) throws -> String? {
                let path = "\(quarantine)/refs/heads/\(name)"
                return text(path).map { String($0.prefix(40)) }
            }

            func files(_ name: String, of outcome: Outcome) throws -> [JSON] {
                let session = try #require(outcome.session)
                let path = "\(sallyport.runtime)/sessions/\(session)/\(name)"
                return try (text(path) ?? "").split(separator: "\n").map { try JSON.read(Array($0.utf8), file: path) }
            }
        }

        @Test("clones, pushes the allowed branch, and is told why another is refused", .timeLimit(.minutes(25)))
        func whole() throws {
            let scene = try Scene()
            let outcome = try scene.run(
                """
                git clone -q http://git.internal/owner/name work && cd work || exit 1
                git checkout -q -b agent/one && echo mine >mine && git add mine && git commit -q -m mine
                git push origin agent/one 2>&1 && echo pushed
                git push origin agent/one:main 2>&1 || echo refused
                git rev-parse HEAD
                """)
            #expect(outcome.code == 0, "\(outcome.text)\(outcome.errorText)")
            #expect(outcome.lines.contains("pushed") && outcome.lines.contains("refused"), "\(outcome.text)")
            #expect(
                outcome.text.contains(
                    "! [remote rejected] agent/one -> main (only refs/heads/agent/* may be pushed)"), "\(outcome.text)")
            let id = try #require(outcome.lines.last)
            #expect(try scene.branch("agent/one") == id)
            #expect(status("\(scene.quarantine)/refs/heads/agent/one")?.uid == scene.identity)
            // The upstream has heard nothing of it.
            #expect(try scene.upstream.git("branch", "--list", "agent/*") == "")
            let git = try #require(outcome.result?["git"])
            #expect(git["pushes"] == 1 && git["refused_pushes"] == 1 && git["failures"] == 0, "\(git)")
            #expect(git["lost"] == .null && (git["fetches"]?.intValue ?? 0) >= 2)
            let ledger = try scene.files("git.jsonl", of: outcome)
            #expect(ledger.contains { $0["event"] == "git.push.refused" && $0.compactText.contains("refs/heads/main") })
            let audit = try scene.files("audit.jsonl", of: outcome)
            let opened = audit.filter { $0["event"] == "tcp.allow" }
            #expect(!opened.isEmpty && opened.allSatisfy { $0["name"] == "git.internal" && $0["address"] == nil })
            #expect(opened.allSatisfy { $0["rule"]?["origin"] == "--git" })
            #expect(audit.contains { $0["event"] == "tcp.close" && ($0["bytes_up"]?.intValue ?? 0) > 100 })
        }

        @Test("nothing else is reached, and no other port of it", .timeLimit(.minutes(25)))
        func elsewhere() throws {
            let scene = try Scene()
            let outcome = try scene.run(
                """
                git ls-remote http://git.internal/owner/name >/dev/null && echo control
                git ls-remote http://git.internal/owner/other 2>&1 | grep -o 'returned error: 403'
                git ls-remote http://example.com/x 2>&1 | grep -o 'Could not resolve host'
                git ls-remote http://git.internal:8080/owner/name 2>&1 | grep -o 'Failed to connect'
                git ls-remote https://git.internal/owner/name 2>&1 | grep -o 'unable to access'
                """)
            #expect(
                outcome.lines == [
                    "control", "returned error: 403", "Could not resolve host", "Failed to connect",
                    // Which alert it was is said in the words of this or that library; the audit has it below.
                    "unable to access",
                ], "\(outcome.text)\(outcome.errorText)")
            let refused = try scene.files("audit.jsonl", of: outcome).filter { $0["reason"] == "port_not_allowed" }
            // A server answers at 443, since a name may be there that has it.
            let ports = Set(refused.map { "\($0["event"]?.stringValue ?? "") \($0["port"]?.intValue ?? 0)" })
            #expect(ports == ["packet.refused 8080", "tcp.deny 443"], "\(refused)")
            #expect(refused.allSatisfy { $0["name"] == "git.internal" }, "\(refused)")
        }

        @Test(
            "a session without a repository has no such name; one that may not push is told so",
            .timeLimit(.minutes(25))
        )
        func without() throws {
            let scene = try Scene(push: nil)
            let outcome = try scene.run(
                """
                git clone -q http://git.internal/owner/name work && cd work && git push origin main:agent/one 2>&1
                """)
            #expect(outcome.text.contains("(this session may not push)"), "\(outcome.text)\(outcome.errorText)")
            let profile = try scene.sallyport.home.file(
                "web.yaml",
                "version: 1\nextends: [strict]\nreason: a test\negress: {rules: [{host: a.test, reason: a name}]}\n")
            let none = try scene.sallyport.run(
                profile: profile, ["/bin/sh", "-c", "git ls-remote http://git.internal/owner/name 2>&1"])
            #expect(none.text.contains("Could not resolve host: git.internal"), "\(none.text)")
        }

        @Test("a rule of the profile about the same name is an error", .timeLimit(.minutes(25)))
        func clash() throws {
            for rule in ["host: git.internal", "deny: git.internal", "deny: \"*.internal\""] {
                let scene = try Scene(egress: "rules: [{\(rule), reason: mine}]")
                let outcome = try scene.run("true")
                #expect(outcome.code == 125 && outcome.errorText.contains("git.internal"), "\(outcome.errorText)")
            }
        }

        @Test(
            "a description that is none is refused before anything is started", .timeLimit(.minutes(25)),
            arguments: [
                "", "[]", "{}", #"{"version": 2}"#, #"{"version": 1, "repository": "/a", "mirror": "/b"}"#,
                #"{"version": 1, "repository": "/a", "mirror": "b", "quarantine": "/c"}"#,
                #"{"version": 1, "repository": "/a", "mirror": "/b", "quarantine": "/c", "hook": "x"}"#,
                #"{"version": 1, "repository": "/a", "mirror": "/b", "quarantine": "/c", "push": ""}"#,
            ])
        func descriptions(_ text: String) throws {
            let sallyport = try Sallyport()
            let file = try sallyport.home.file("git.json", text)
            let outcome = try sallyport.run(options: ["--git", file], ["true"])
            #expect(outcome.code == 125 && outcome.errorText.contains("git.json"), "\(outcome.errorText)")
        }

        @Test("a quarantine of root's, or none, is refused", .timeLimit(.minutes(25)))
        func owner() throws {
            let scene = try Scene()
            #expect(chown(scene.quarantine, 0, 0) == 0)
            let outcome = try scene.run("true")
            #expect(outcome.code == 125 && outcome.errorText.contains("an id of its own"), "\(outcome.errorText)")
            #expect(rename(scene.quarantine, scene.quarantine + ".moved") == 0)
            let gone = try scene.run("true")
            #expect(gone.code == 125 && gone.errorText.contains("ENOENT"), "\(gone.errorText)")
        }

        @Test("a quarantine of a person's is refused", .timeLimit(.minutes(25)))
        func person() throws {
            let scene = try Scene()
            #expect(chown(scene.quarantine, 1000, 1000) == 0)
            let outcome = try scene.run("true")
            #expect(outcome.code == 125 && outcome.errorText.contains("an id of its own"), "\(outcome.errorText)")
        }

        /// Where this host has the group of a session's broker, in every hierarchy.
        private func groups(_ session: String) throws -> [String] {
            try SessionCgroup.placement(SessionCgroup.broker(of: session), CgroupLayout.detect(), root: true).map(
                \.path)
        }

        private func held(_ scene: Scene, _ record: String) throws -> (run: Running, session: String, broker: Int32) {
            let script = "git ls-remote http://git.internal/owner/name >/dev/null && echo ready; read line"
            let run = try scene.sallyport.runCommand(
                profile: scene.profile, options: ["--git", scene.access], record: record, ["/bin/sh", "-c", script]
            ).start()
            #expect(try run.line() == "ready")
            let session = try #require(names("\(scene.sallyport.runtime)/sessions").first { $0.hasPrefix("s-") })
            return (run, session, try #require(processes(uids: scene.identity..<(scene.identity + 1)).min()))
        }

        @Test(
            "the broker's work has limits beside the session's, and goes before its neighbours'",
            .timeLimit(.minutes(25)))
        func limits() throws {
            let scene = try Scene()
            let (run, session, broker) = try held(scene, scene.sallyport.home.at("record.json"))
            #expect(text("/proc/\(broker)/oom_score_adj") == "1000\n")
            let groups = try groups(session)
            for group in groups { #expect(text("\(group)/cgroup.procs")?.contains("\(broker)\n") == true, "\(group)") }
            let found = groups.flatMap { group in
                ["memory.max", "memory.limit_in_bytes", "pids.max", "cpu.max", "cpu.cfs_quota_us"].compactMap { name in
                    text("\(group)/\(name)").map { "\(name) \($0)" }
                }
            }
            #expect(found.count == 3 && found.allSatisfy { !$0.contains("max\n") && !$0.contains(" -1") }, "\(found)")
            run.closeInput()
            #expect(try run.finish().code != 125)
            #expect(groups.allSatisfy { access($0, F_OK) != 0 })
        }

        @Test("sweep removes the groups of a broker whose supervisor was killed", .timeLimit(.minutes(25)))
        func swept() throws {
            let scene = try Scene()
            let (run, session, broker) = try held(scene, scene.sallyport.home.at("record.json"))
            let groups = try groups(session)
            try #require(groups.allSatisfy { access($0, F_OK) == 0 })
            let watch = try ProcessWatch(broker)
            try run.signal(SIGKILL)
            _ = try run.finish()
            try watch.waitForEnd(.seconds(20))
            let swept = try scene.sallyport.command(["sweep"]).run()
            #expect(swept.code == 0, "\(swept.errorText)")
            #expect(groups.allSatisfy { access($0, F_OK) != 0 })
        }

        @Test("the broker's death ends the repository, not the session", .timeLimit(.minutes(25)))
        func death() throws {
            let scene = try Scene()
            let record = scene.sallyport.home.at("record.json")
            let script = """
                git ls-remote http://git.internal/owner/name refs/heads/main >/dev/null && echo ready; read line
                git ls-remote http://git.internal/owner/name 2>&1 | grep -o 'error: 502'; echo still here
                """
            let run = try scene.sallyport.runCommand(
                profile: scene.profile, options: ["--git", scene.access], record: record, ["/bin/sh", "-c", script]
            ).start()
            #expect(try run.line() == "ready")
            let broker = try #require(processes(uids: scene.identity..<(scene.identity + 1)).first)
            #expect(kill(broker, SIGKILL) == 0)
            try run.send(Array("\n".utf8))
            run.closeInput()
            let outcome = try scene.sallyport.outcome(of: try run.finish(), record: record)
            #expect(outcome.code == 0 && outcome.lines == ["ready", "error: 502", "still here"], "\(outcome.text)")
            #expect(
                outcome.result?["git"]?["lost"]?.stringValue?.contains("ended early (signal 9)") == true,
                "\(outcome.errorText)")
        }

        @Test("the policy of a running session changes, and its repository stays", .timeLimit(.minutes(25)))
        func policy() throws {
            let scene = try Scene(egress: "rules: [{host: a.test, ports: [80], reason: a name}]")
            let record = scene.sallyport.home.at("record.json")
            let script = """
                git ls-remote http://git.internal/owner/name >/dev/null && echo before; read line
                git ls-remote http://git.internal/owner/name >/dev/null && echo after
                """
            let run = try scene.sallyport.runCommand(
                profile: scene.profile, options: ["--git", scene.access], record: record, ["/bin/sh", "-c", script]
            ).start()
            #expect(try run.line() == "before")
            let session = try #require(names("\(scene.sallyport.runtime)/sessions").first { $0.hasPrefix("s-") })
            let other = try scene.sallyport.home.file(
                "other.yaml",
                "version: 1\nreason: less\negress: {rules: [{host: b.test, ports: [80], reason: other}]}\n")
            let changed = try scene.sallyport.command(["session", "policy", session, "--file", other]).run()
            #expect(changed.code == 0, "\(changed.errorText)")
            let shown = try scene.sallyport.command(["session", "policy", session]).run()
            #expect(shown.text.contains("host git.internal") && shown.text.contains("host b.test"), "\(shown.text)")
            try run.send(Array("\n".utf8))
            run.closeInput()
            #expect(try run.finish().lines == ["before", "after"])
        }
    }
}
