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
            .timeLimit(.minutes(10)))
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
