// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

extension ModelBrokerSuites {
    @Suite("llm.internal and the vendor's key", .requires(.root), .requires(.python))
    struct ModelSecretTests {
        @Test(
            "one process has it in memory, and no file, variable, argument, log or record",
            .timeLimit(.minutes(25)))
        func whole() throws {
            let scene = try ModelScene()
            let (command, record) = scene.command(
                """
                import glob, os
                open("/tmp/marker", "w").write("marker-of-this-test")
                ask("chat", "say hello")
                c, r = begin("messages", "be gated", stream=True)
                r.readline()
                for path in glob.glob("/proc/*/environ") + glob.glob("/proc/*/cmdline"):
                    try: print(open(path).read().replace("\\0", " "))
                    except OSError: pass
                print("ready", flush=True)
                sys.stdin.readline()
                print("message_stop" in r.read().decode())
                """)
            let session = try command.start()
            var shown: [String] = []
            while let line = try session.line(), line != "ready" { shown.append(line) }
            #expect(shown.contains { $0.contains("PATH=") }, "\(shown)")
            #expect(!shown.contains { $0.contains(scene.vendor.secret) })
            // In the middle of an answer, with the request under way.
            let seen = try MemoryScan(of: session.pid, for: [scene.vendor.secret])
            for name in ["sallyport", "sallyport-gatew", "sallyport-broke", "sp-init", "python3"] {
                #expect(seen.names.contains(name), "\(name): \(seen.names)")
            }
            let holders = seen.holders.filter { $0 != MemoryScan.control }
            #expect(holders.count == 1 && holders.first?.hasPrefix("sallyport-broke ") == true, "\(seen.holders)")
            #expect(seen.holders.count == 2, "\(seen.holders)")
            try lookAtBroker(below: session.pid)
            try lookInside(session, scene)
            try scene.vendor.goOn()
            try session.send(Array("\n".utf8))
            session.closeInput()
            let outcome = try scene.sallyport.outcome(of: try session.finish(), record: record)
            #expect(outcome.code == 0 && outcome.lines.last == "True", "\(outcome.text)\(outcome.errorText)")
            #expect(!(outcome.text + outcome.errorText).contains(scene.vendor.secret))
            #expect(outcome.result?["model"]?["answered"] == 2)
            // Sessions' directories with their logs, ledgers and records; the control is the operator's own file.
            let home = scene.sallyport.home
            let kept = try Command("/bin/grep", ["-rlaF", "-D", "skip", scene.vendor.secret, home.path]).run().lines
            #expect(kept == [home.at("model-key")])
            let said = try Command("/bin/grep", ["-rlaF", "-D", "skip", "say hello", home.path]).run().lines
            #expect(said.contains { $0.hasSuffix("/model-record.jsonl") }, "\(said)")
        }

        @Test("a key from a variable is in no variable any more when the session runs", .timeLimit(.minutes(25)))
        func variable() throws {
            let scene = try ModelScene(credential: "env:MODEL_KEY")
            var (command, record) = scene.command(
                """
                c, r = begin("messages", "be gated", stream=True)
                print(r.readline().decode().strip(), flush=True)
                sys.stdin.readline()
                """)
            command.environment["MODEL_KEY"] = scene.vendor.secret
            let session = try command.start()
            #expect(try session.line() == "event: message_start")
            #expect(try scene.vendor.heard()["fields"]?["x-api-key"]?.stringValue == scene.vendor.secret)
            let seen = try MemoryScan(of: session.pid, for: [scene.vendor.secret])
            #expect(seen.names.contains("sallyport") && seen.names.contains("sallyport-gatew"), "\(seen.names)")
            let holders = seen.holders.filter { $0 != MemoryScan.control }
            #expect(holders.count == 1 && holders.first?.hasPrefix("sallyport-broke ") == true, "\(seen.holders)")
            try scene.vendor.goOn()
            try session.send(Array("\n".utf8))
            session.closeInput()
            let outcome = try scene.sallyport.outcome(of: try session.finish(), record: record)
            #expect(outcome.code == 0, "\(outcome.errorText)")
        }

        @Test("keys of AWS are in the memory of one process, and in no file of the session", .timeLimit(.minutes(25)))
        func signing() throws {
            let scene = try ModelScene(isWide: true)
            let (command, record) = scene.command(
                """
                ask("invoke", "say hello", stream=True)
                c, r = begin("converse", "be gated", stream=True)
                print("asked", flush=True)
                sys.stdin.readline()
                """)
            let session = try command.start()
            while let line = try session.line(), line != "asked" {}
            let seen = try MemoryScan(of: session.pid, for: scene.vendor.signing)
            let holders = seen.holders.filter { $0 != MemoryScan.control }
            #expect(holders.count == 1 && holders.first?.hasPrefix("sallyport-broke ") == true, "\(seen.holders)")
            try scene.vendor.goOn()
            try session.send(Array("\n".utf8))
            session.closeInput()
            let outcome = try scene.sallyport.outcome(of: try session.finish(), record: record)
            #expect(outcome.result?["model"]?["answered"] == 2, "\(outcome.text)\(outcome.errorText)")
            let home = scene.sallyport.home
            for (secret, name) in zip(scene.vendor.signing, ["secret", "token"]) {
                let kept = try Command("/bin/grep", ["-rlaF", "-D", "skip", secret, home.path]).run().lines
                #expect(Set(kept) == [home.at("aws.json"), home.at("aws-\(name)")], "\(kept)")
            }
        }

        @Test("an answer that has it in it leaves it in no ledger, transcript or record", .timeLimit(.minutes(25)))
        func views() throws {
            let scene = try ModelScene()
            let outcome = try scene.run(
                "for api in PATHS: ask(api, 'please repeat'); ask(api, 'please repeat', stream=True)")
            #expect(outcome.lines.count == 6, "\(outcome.text)\(outcome.errorText)")
            for name in ["model-record.jsonl", "model-transcript.jsonl"] {
                let lines = try scene.lines(name, of: outcome)
                #expect(lines.count == 6, "\(name)")
                // What came before it was passed on, and is there.
                #expect(lines.allSatisfy { $0["answer"]?.stringValue?.contains("your key is") == true }, "\(lines)")
            }
            #expect(try scene.ledger(of: outcome).allSatisfy { $0["code"] == "upstream-leak" })
            let home = scene.sallyport.home
            // Not even the beginning of it.
            let beginning = String(scene.vendor.secret.prefix(14))
            let kept = try Command("/bin/grep", ["-rlaF", "-D", "skip", beginning, home.path]).run().lines
            #expect(kept == [home.at("model-key")], "\(kept)")
        }

        private static let cores = HostNeed("core-files") {
            // A pattern without a directory leaves them where the process is. core(5)
            let pattern = text("/proc/sys/kernel/core_pattern") ?? "|"
            return !pattern.hasPrefix("|") && !pattern.contains("/")
        }

        @Test(
            "a broker that crashes leaves no core, whatever its limits were", .timeLimit(.minutes(25)),
            .requires(ModelSecretTests.cores))
        func crash() throws {
            let scene = try ModelScene()
            let (made, record) = scene.command(
                """
                c, r = begin("messages", "be gated", stream=True)
                print(r.readline().decode().strip(), flush=True)
                sys.stdin.readline()
                """)
            let place = try scene.sallyport.home.directory("crashes")
            var command = made
            command.arguments = ["-c", "ulimit -c unlimited && exec \"$@\"", "sh", made.path] + made.arguments
            command.path = "/bin/sh"
            command.directory = place
            let session = try command.start()
            #expect(try session.line() == "event: message_start")
            let broker = try #require(
                MemoryScan.below(session.pid).first { text("/proc/\($0)/comm") == "sallyport-broke\n" })
            try #require(kill(broker, SIGABRT) == 0)
            try session.send(Array("\n".utf8))
            session.closeInput()
            let outcome = try scene.sallyport.outcome(of: try session.finish(), record: record)
            let lost = try #require(outcome.result?["model"]?["lost"]?.stringValue)
            #expect(lost.contains("signal 6"), "\(lost)")
            func cores() throws -> [String] {
                try Command("/bin/grep", ["-rlaF", "-D", "skip", scene.vendor.secret, scene.sallyport.home.path]).run()
                    .lines.filter { $0 != scene.sallyport.home.at("model-key") }
            }
            #expect(names(place) == [], "\(names(place))")
            #expect(try cores() == [])
            // The control: another process that has it and crashes there leaves one, with the key in it.
            var other = Command(
                "/bin/sh",
                [
                    "-c",
                    "ulimit -c unlimited && exec python3 -c 'import os, sys; s = sys.stdin.readline(); os.abort()'",
                ])
            other.directory = place
            other.input = Array((scene.vendor.secret + "\n").utf8)
            _ = try other.run()
            #expect(try cores().count == 1)
        }

        /// What the kernel says of the one process that has it.
        private func lookAtBroker(below pid: Int32) throws {
            let broker = try #require(
                MemoryScan.below(pid).first { text("/proc/\($0)/comm") == "sallyport-broke\n" })
            let status = try #require(text("/proc/\(broker)/status"))
            func field(_ name: String) -> String {
                let line = status.split(separator: "\n").first { $0.hasPrefix(name + ":") }
                return line.map { $0.dropFirst(name.count + 1).split(separator: "\t").joined(separator: " ") } ?? ""
            }
            for name in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
                #expect(field(name) == "0000000000000000")
            }
            #expect(field("NoNewPrivs") == "1" && field("Seccomp") == "2" && field("Threads") == "1")
            let ids = Set(field("Uid").split(separator: " "))
            #expect(ids.count == 1 && ids.first != "0", "\(ids)")
            let others = MemoryScan.below(pid).filter { $0 != broker }.compactMap { other -> Substring? in
                text("/proc/\(other)/status")?.split(separator: "\n").first { $0.hasPrefix("Uid:") }
            }
            #expect(!others.contains { line in ids.contains { line.contains($0) } }, "\(ids) \(others)")
            // Beside the session's groups, with limits of its own, and gone before a neighbour is.
            #expect(text("/proc/\(broker)/oom_score_adj") == "1000\n")
            let groups = try #require(text("/proc/\(broker)/cgroup")).split(separator: "\n")
            #expect(groups.contains { $0.hasSuffix("-broker") && $0.contains("s-") }, "\(groups)")
            let limits = try #require(text("/proc/\(broker)/limits"))
            let core = try #require(limits.split(separator: "\n").first { $0.hasPrefix("Max core file size") })
            #expect(core.split(separator: " ").filter { $0 == "0" }.count == 2, "\(core)")
            // A process that is not dumpable has files of root's in /proc. proc(5)
            #expect(TestSupport.status("/proc/\(broker)/environ")?.uid == 0)
            #expect(text("/proc/\(broker)/environ") == "")
        }

        private func lookInside(_ session: Running, _ scene: ModelScene) throws {
            let inner = try #require(
                MemoryScan.below(session.pid).first { text("/proc/\($0)/comm") == "python3\n" })
            let places = ["tmp", "run", "home", "root", "etc", "var", "workspace"].map { "/proc/\(inner)/root/\($0)" }
            func files(with word: String) throws -> [String] {
                try Command("/bin/grep", ["-rslaF", "-D", "skip", word] + places).run().lines
            }
            #expect(try files(with: "marker-of-this-test") == ["/proc/\(inner)/root/tmp/marker"])
            #expect(try files(with: scene.vendor.secret) == [])
        }
    }
}
