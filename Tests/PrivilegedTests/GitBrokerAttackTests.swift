// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing
import Wire
import Workspace

extension GitBroker {
    /// What somebody sends who does not use git's client.
    @Suite("git broker, hostile clients", .requires(.root), .requires(.git), .requires(.python))
    struct GitBrokerAttackTests {
        private static let zeros = PushLines.zeros

        /// A broker with one branch of the session's own, and the commit that it and main name.
        private func scene() throws -> (BrokerScene, String) {
            let scene = try BrokerScene()
            let work = try scene.clone()
            try work.git("push", "--quiet", "origin", "main:agent/one")
            return (scene, try work.git("rev-parse", "HEAD"))
        }

        /// A pack of no objects.
        private static let emptyPack: [UInt8] =
            Array("PACK".utf8) + [
                0, 0, 0, 2, 0, 0, 0, 0, 0x02, 0x9D, 0x08, 0x82, 0x3B, 0xD8, 0xA8, 0xEA, 0xB5, 0x10, 0xAD, 0x6A, 0xC7,
                0x5C,
                0x82, 0x3C, 0xFD, 0x3E, 0xD3, 0x1E,
            ]

        @Test("a raw push that is fine is taken: the control", .timeLimit(.minutes(25)))
        func control() throws {
            let (scene, id) = try scene()
            let answer = try scene.exchange(
                PushLines.request(
                    ["\(Self.zeros) \(id) refs/heads/agent/two\0report-status"], pack: Self.emptyPack))
            #expect(answer.contains("HTTP/1.1 200 OK") && answer.contains("ok refs/heads/agent/two"), "\(answer)")
            #expect(try scene.references()["refs/heads/agent/two"] == id)
        }

        @Test(
            "commands made by hand", .timeLimit(.minutes(25)),
            arguments: [
                ("refs/heads/agent/two\0x\0report-status", "HTTP/1.1 400"),
                ("refs/heads/agent/two\nrefs/heads/main\0report-status", "HTTP/1.1 400"),
                ("refs/heads/agent/../main\0report-status", "ng refs/heads/agent/../main"),
                ("refs/heads/agent//main\0report-status", "ng refs/heads/agent//main"),
                ("refs/heads/main\0report-status", "ng refs/heads/main only refs/heads/agent/* may be pushed"),
                ("refs/heads/agent/two.lock\0report-status", "ng refs/heads/agent/two.lock"),
                ("refs/heads/agent/two \0report-status", "HTTP/1.1 400"),
                ("refs/heads/agent/one/two\0report-status", "cannot both exist"),
                ("refs/heads/main\0", "HTTP/1.1 403"),
                ("HEAD\0report-status", "ng HEAD"),
                ("refs/heads/agent/two\0report-status push-options", "HTTP/1.1 400"),
            ])
        func commands(_ rest: String, _ expected: String) throws {
            let (scene, id) = try scene()
            let before = try scene.references()
            let answer = try scene.exchange(
                PushLines.request(["\(Self.zeros) \(id) \(rest)"], pack: Self.emptyPack))
            #expect(answer.contains(expected), "\(answer)")
            #expect(try scene.references() == before)
        }

        @Test("a second command smuggled in, and lies about what is there", .timeLimit(.minutes(25)))
        func smuggled() throws {
            let (scene, id) = try scene()
            let before = try scene.references()
            let good = "\(Self.zeros) \(id) refs/heads/agent/two\0report-status"
            for (lines, expected) in [
                ([good, "\(Self.zeros) \(id) refs/heads/main"], "ng refs/heads/main"),
                (
                    [good, "\(id) \(Self.zeros) refs/heads/agent/one"],
                    "ng refs/heads/agent/one a branch may not be deleted"
                ),
                ([good, "\(Self.zeros) \(id) refs/heads/agent/two"], "one reference twice"),
                (["\(Self.zeros) \(id) refs/heads/agent/one\0report-status"], "not where you think"),
                (["\(id) \(id) refs/heads/agent/two\0report-status"], "no such branch any more"),
                (
                    ["\(id) \(String(repeating: "1", count: 40)) refs/heads/agent/one\0report-status"],
                    "no commit that is there"
                ),
                (["push-cert\0report-status"], "signed pushes are not supported"),
            ] {
                let answer = try scene.exchange(PushLines.request(lines, pack: Self.emptyPack))
                #expect(answer.contains(expected), "\(answer)")
                #expect(try scene.references() == before)
            }
            // The object is there, and is no commit.
            let tree = try scene.clone("second").git("rev-parse", "HEAD^{tree}")
            let answer = try scene.exchange(
                PushLines.request(["\(Self.zeros) \(tree) refs/heads/agent/two\0report-status"], pack: Self.emptyPack))
            #expect(answer.contains("no commit that is there"), "\(answer)")
            #expect(try scene.references() == before)
        }

        @Test(
            "everything of a repository that is neither clone, fetch nor push", .timeLimit(.minutes(25)),
            arguments: [
                "GET /owner/name.git/HEAD", "GET /owner/name.git/info/refs", "GET /owner/name.git/objects/info/packs",
                "POST /owner/name.git/info/lfs/objects/batch",
                "GET /owner/name.git/info/refs?service=git-upload-archive",
                "GET /owner/../secret/info/refs?service=git-upload-pack",
                "GET /owner/%2e%2e/secret/info/refs?service=git-upload-pack",
                "GET /owner/secret.git/info/refs?service=git-upload-pack", "PUT /owner/name.git/HEAD", "GET /",
            ])
        func paths(_ line: String) throws {
            let scene = try BrokerScene()
            let answer = try scene.exchange(Array("\(line) HTTP/1.1\r\nHost: git.internal\r\n\r\n".utf8))
            #expect(answer.hasPrefix("HTTP/1.1 403 Forbidden\r\n"), "\(answer)")
            #expect(answer.contains("only clone, fetch and push of http://git.internal/owner/name.git"))
            let totals = try scene.close()
            #expect(totals.refusedRequests == 1 && totals.fetches == 0, "\(totals)")
            #expect(try scene.ledger.map { $0["status"]?.intValue } == [403])
        }

        @Test("requests that two readers could take in two ways", .timeLimit(.minutes(25)))
        func heads() throws {
            let scene = try BrokerScene()
            let get = "GET /owner/name.git/info/refs?service=git-upload-pack HTTP/1.1\r\n"
            for (bytes, status) in [
                (get + "Host: git.internal\r\nHost: git.internal\r\n\r\n", 400),
                (get + "Host: other.internal\r\n\r\n", 421), (get + "\r\n", 400),
                (get + "Host: git.internal\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0000", 400),
                (get + "Host: git.internal\n\n", 400), ("\0\0\0\0", 400), ("PRI * HTTP/2.0\r\n\r\n", 400),
                ("CONNECT git.internal:80 HTTP/1.1\r\nHost: git.internal\r\n\r\n", 400),
                (get + "Host: git.internal\r\nX: " + String(repeating: "x", count: 70_000) + "\r\n\r\n", 400),
            ] {
                let answer = try scene.exchange(Array(bytes.utf8))
                #expect(answer.hasPrefix("HTTP/1.1 \(status) "), "\(bytes.prefix(200)): \(answer)")
            }
            #expect(try scene.close().failures == 0)
        }

        @Test("a body that is not what its head says", .timeLimit(.minutes(25)))
        func bodies() throws {
            let (scene, _) = try scene()
            // Unpacks to 128 MiB of nothing.
            let bomb = try #require(
                try Command(
                    "/usr/bin/python3", ["-c", "import gzip,sys; sys.stdout.buffer.write(gzip.compress(bytes(1<<27)))"]
                )
                .run().output as [UInt8]?)
            let big = try scene.exchange(PushLines.post("git-upload-pack", bomb, "Content-Encoding: gzip\r\n"))
            #expect(big.hasPrefix("HTTP/1.1 413 "), "\(big)")
            let plain = try scene.exchange(
                PushLines.post("git-upload-pack", Array("0000".utf8), "Content-Encoding: gzip\r\n"))
            #expect(plain.hasPrefix("HTTP/1.1 400 "), "\(plain)")
            let coded = try scene.exchange(PushLines.post("git-receive-pack", bomb, "Content-Encoding: gzip\r\n"))
            #expect(coded.hasPrefix("HTTP/1.1 415 "), "\(coded)")
            let short = try scene.exchange(PushLines.post("git-receive-pack", Array("0000junk".utf8)))
            #expect(short.hasPrefix("HTTP/1.1 400 "), "\(short)")
            // git answers this one itself, and it is no failure of ours.
            let nonsense = try scene.exchange(PushLines.post("git-upload-pack", Array("0032want nonsense".utf8)))
            #expect(nonsense.hasPrefix("HTTP/1.1 "), "\(nonsense)")
            let totals = try scene.close()
            #expect(totals.failures == 0, "\(totals)")
        }

        @Test(
            "packs that are damaged, endless or too deep", .timeLimit(.minutes(25)),
            arguments: [
                "truncated", "flipped", "many", "inflating", "cycle", "short", "version", "trailing", "lone",
            ])
        func packs(_ kind: String) throws {
            let (scene, id) = try scene()
            let before = try scene.references()
            let lines = ["\(id) \(String(repeating: "1", count: 40)) refs/heads/agent/one\0report-status"]
            let made = try Command(
                "/usr/bin/python3", ["-B", "\(Executables.sources)/Tests/Fixtures/network-clients/packs.py", kind]
            ).run()
            try #require(made.code == 0, "\(made.errorText)")
            let answer = try scene.exchange(PushLines.request(lines, pack: made.output))
            #expect(answer.contains("HTTP/1.1 200 OK") && answer.contains("ng refs/heads/agent/one"), "\(answer)")
            #expect(try scene.references() == before)
            #expect(names("\(scene.quarantine)/objects") == ["info", "pack"])
            // Served as before.
            #expect(try scene.clone("after").git("rev-parse", "HEAD") == id)
            let totals = try scene.close()
            #expect(totals.failures == 0 && totals.refusedPushes == 1, "\(totals)")
        }

        @Test("a pack that takes the square of its size in processor time is given up", .timeLimit(.minutes(25)))
        func deep() throws {
            let scene = try BrokerScene(pushSeconds: 2)
            let work = try scene.clone()
            var maker = Command(
                "/usr/bin/python3", ["-B", "\(Executables.sources)/Tests/Fixtures/network-clients/packs.py", "deep"])
            // An emulated processor takes minutes over it.
            maker.deadline = .seconds(480)
            let made = try maker.run()
            try #require(made.code == 0, "\(made.errorText)")
            let command = "\(Self.zeros) \(String(repeating: "1", count: 40)) refs/heads/agent/one\0report-status"
            #expect(try scene.exchange(PushLines.request([command], pack: made.output)) == "")
            #expect(names("\(scene.quarantine)/objects").contains("incoming"))
            // The next push clears away what it left.
            let done = try work.push("main:agent/two")
            #expect(done.code == 0, "\(done.errorText)")
            #expect(names("\(scene.quarantine)/objects") == ["info", "pack"])
            let totals = try scene.close()
            #expect(totals.failures == 1 && totals.pushes == 1, "\(totals)")
            let line = try #require(try scene.ledger.first { $0["event"] == "git.failure" })
            #expect(line["reason"]?.stringValue == "a connection's process was ended by signal 24")
        }

        @Test("sixty-four connections at once, most of which say nothing", .timeLimit(.minutes(25)))
        func crowd() throws {
            let scene = try BrokerScene()
            let holder = """
                import socket, sys
                held = [socket.create_connection(("127.0.0.1", \(scene.port))) for _ in range(64)]
                for s in held[:32]: s.sendall(b"GET /owner/name.git/info/refs?service=git-up")
                print("held", flush=True)
                sys.stdin.read()
                answers = []
                for s in held[:32]:
                    s.settimeout(60)
                    answers.append(s.recv(65536)[:12])
                print(len([a for a in answers if a == b"HTTP/1.1 408"]), flush=True)
                """
            let crowd = try Command("/usr/bin/python3", ["-c", holder]).start()
            #expect(try crowd.line() == "held")
            // Those who hold connections lose them after five seconds, and then it is everybody's turn.
            let work = try scene.clone()
            #expect(try work.git("log", "--format=%s") == "first")
            crowd.closeInput()
            let done = try crowd.finish()
            #expect(done.lines == ["held", "32"], "\(done.errorText)")
            let totals = try scene.close()
            #expect(totals.failures == 0, "\(totals)")
        }

        @Test("sixty-four clients at once are all served", .timeLimit(.minutes(25)))
        func parallel() throws {
            let (scene, id) = try scene()
            let script = """
                for n in $(seq 64); do
                    (git ls-remote http://git.internal/owner/name.git refs/heads/main >out.$n 2>&1 || echo failed >>out.$n) &
                done; wait; cat out.*
                """
            try scene.scratch.directory("crowd")
            var command = Command("/bin/bash", ["-c", script])
            command.environment["http_proxy"] = "http://127.0.0.1:\(scene.port)"
            command.environment["GIT_CONFIG_GLOBAL"] = "/dev/null"
            command.directory = scene.scratch.at("crowd")
            command.deadline = .seconds(150)
            let done = try command.run()
            #expect(done.lines.filter { $0 == "\(id)\trefs/heads/main" }.count == 64, "\(done.text.suffix(2000))")
        }

        @Test("pushes at once take turns", .timeLimit(.minutes(25)))
        func turns() throws {
            let (scene, id) = try scene()
            let work = try scene.clone("mine")
            let script = """
                for n in $(seq 12); do
                    git update-ref refs/heads/agent/p$n $(git commit-tree -p HEAD -m $n 'HEAD^{tree}')
                done
                for n in $(seq 12); do git push -q origin agent/p$n 2>out.$n || echo failed $n & done; wait
                """
            var command = Command("/bin/bash", ["-c", script])
            command.environment = [
                "PATH": "/usr/bin:/bin", "http_proxy": "http://127.0.0.1:\(scene.port)",
                "GIT_CONFIG_GLOBAL": "/dev/null",
                "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b.c", "GIT_COMMITTER_NAME": "a",
                "GIT_COMMITTER_EMAIL": "a@b.c",
            ]
            command.directory = work.path
            let done = try command.run()
            #expect(done.text == "", "\(done.text)\(done.errorText)")
            let branches = try scene.references().filter { $0.key.hasPrefix("refs/heads/agent/p") }
            #expect(branches.count == 12 && !branches.values.contains(id))
            #expect(try scene.close().pushes == 13)
        }
    }
}

extension GitBroker {
    /// The process itself, as the kernel shows it.
    @Suite("git broker, confinement", .requires(.root), .requires(.git))
    struct GitBrokerConfinementTests {
        @Test(
            "has an id of its own, no capability, no network, and no file but two repositories",
            .timeLimit(.minutes(25))
        )
        func status() throws {
            let scene = try BrokerScene()
            let id = "\(scene.identity)"
            for field in ["Uid", "Gid"] {
                #expect(statusField(scene.pid, field) == [id, id, id, id].joined(separator: " "))
            }
            for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
                #expect(statusField(scene.pid, set) == "0000000000000000")
            }
            #expect(statusField(scene.pid, "Groups") == "")
            #expect(statusField(scene.pid, "NoNewPrivs") == "1")
            #expect(statusField(scene.pid, "Seccomp") == "2")
            #expect(statusField(scene.pid, "Threads") == "1")
            #expect(statusField(scene.pid, "NSpid")?.hasSuffix(" 1") == true)
            // Not dumpable: its memory belongs to root.
            #expect(TestSupport.status("/proc/\(scene.pid)/mem")?.uid == 0)
            for name in ["net", "mnt", "ipc", "uts", "pid"] {
                #expect(linkTarget("/proc/\(scene.pid)/ns/\(name)") != linkTarget("/proc/self/ns/\(name)"), "\(name)")
            }
            let mounts = (text("/proc/\(scene.pid)/mountinfo") ?? "").split(separator: "\n").map {
                $0.split(separator: " ")
            }
            let written = mounts.filter { $0.count > 5 && $0[5].split(separator: ",").contains("rw") }.map {
                String($0[4])
            }
            #expect(written == ["/workspace"], "\(mounts)")
            // What this host mounts below its own /usr comes with it.
            #expect(
                Set(mounts.map { String($0[4]) }.filter { !$0.hasPrefix("/usr/") })
                    == ["/", "/usr", "/dev", "/etc/ld.so.cache", "/run", "/workspace"])
            let open = names("/proc/\(scene.pid)/fd").map { linkTarget("/proc/\(scene.pid)/fd/\($0)") }
            #expect(
                open.filter { !$0.hasPrefix("socket:") && !$0.hasPrefix("anon_inode:") && $0 != "/dev/null" }.map {
                    $0.split(separator: "/").last.map(String.init) ?? ""
                } == ["git.jsonl"], "\(open)")
        }

        @Test(
            "a connection's process that dies is one failed request, and the session is told", .timeLimit(.minutes(25)))
        func death() throws {
            let scene = try BrokerScene()
            let work = try scene.clone()
            let (held, workers) = try hold(1, scene)
            #expect(kill(try #require(workers.first), SIGSEGV) == 0)
            #expect(try held.line() == "gone")
            held.closeInput()
            _ = try held.finish()
            #expect(try work.git("ls-remote", "origin", "refs/heads/main").hasSuffix("refs/heads/main"))
            let totals = try scene.close()
            #expect(totals.failures == 1, "\(totals)")
            let line = try #require(try scene.ledger.first { $0["event"] == "git.failure" })
            #expect(line["reason"]?.stringValue == "a connection's process was ended by signal 11")
        }

        @Test("nothing that a connection's process started outlives it", .requires(.python), .timeLimit(.minutes(25)))
        func leftovers() throws {
            let scene = try BrokerScene { upstream in
                let noise = try Command("/usr/bin/head", ["-c", "\(24 << 20)", "/dev/urandom"]).run().output
                try upstream.write("noise", bytes: noise)
                try upstream.commit("noise")
            }
            let id = try #require(try scene.references()["refs/heads/main"])
            // Wants everything and reads nothing: git waits with a full pipe.
            let body = "0032want \(id)\n00000009done\n"
            let holder = """
                import socket, sys
                s = socket.create_connection(("127.0.0.1", \(scene.port)))
                s.sendall(b"POST /owner/name.git/git-upload-pack HTTP/1.1\\r\\nHost: git.internal\\r\\n"
                    b"Content-Type: application/x-git-upload-pack-request\\r\\n"
                    b"Content-Length: \(body.utf8.count)\\r\\n\\r\\n" + \(Self.literal(body)))
                print("held", flush=True)
                sys.stdin.read()
                """
            let held = try Command("/usr/bin/python3", ["-c", holder]).start()
            #expect(try held.line() == "held")
            // The connection's process, git's upload-pack, and the program that makes the pack.
            var line: [Int32] = []
            while line.count < 3 { line = descent(of: scene.pid) }
            let last = line[2]
            // Stopped, it neither notices that nobody reads nor takes any other signal than the last.
            #expect(kill(last, SIGSTOP) == 0)
            let watch = try ProcessWatch(last)
            #expect(kill(line[0], SIGKILL) == 0)
            try watch.waitForEnd(.seconds(20))
            held.closeInput()
            _ = try held.finish()
            #expect(try scene.close().failures == 1)
        }

        private static func literal(_ text: String) -> String {
            "b\"" + text.replacing("\n", with: "\\n") + "\""
        }

        /// First children, and theirs.
        private func descent(of pid: Int32) -> [Int32] {
            children(of: pid).first.map { [$0] + descent(of: $0) } ?? []
        }

        private func children(of pid: Int32) -> Set<Int32> {
            Set((text("/proc/\(pid)/task/\(pid)/children") ?? "").split(separator: " ").compactMap { Int32($0) })
        }

        /// A client that holds connections, and the processes of the broker that serve them and wait for a body.
        ///
        /// The client says "gone" when the first has ended, and ends with its standard input.
        private func hold(_ count: Int, _ scene: BrokerScene) throws -> (client: Running, processes: Set<Int32>) {
            // Of clients before, which the broker may not have waited for yet.
            let before = children(of: scene.pid)
            let holder = """
                import socket, sys
                held = [socket.create_connection(("127.0.0.1", \(scene.port))) for _ in range(\(count))]
                for s in held:
                    s.sendall(b"POST /owner/name.git/git-upload-pack HTTP/1.1\\r\\nHost: git.internal\\r\\n"
                              b"Content-Type: application/x-git-upload-pack-request\\r\\nContent-Length: 4\\r\\n"
                              b"Expect: 100-continue\\r\\n\\r\\n")
                    assert s.recv(100) == b"HTTP/1.1 100 Continue\\r\\n\\r\\n"
                print("held", flush=True)
                try: print(held[0].recv(10) or "gone", flush=True)
                except ConnectionResetError: print("gone", flush=True)
                sys.stdin.read()
                """
            let client = try Command("/usr/bin/python3", ["-c", holder]).start()
            try #require(try client.line() == "held")
            let processes = children(of: scene.pid).subtracting(before)
            try #require(processes.count == count)
            return (client, processes)
        }

        @Test("nothing of it outlives it", .timeLimit(.minutes(25)))
        func end() throws {
            let scene = try BrokerScene()
            let (held, workers) = try hold(4, scene)
            let watches = try workers.map { try ProcessWatch($0) }
            #expect(kill(scene.pid, SIGKILL) == 0)
            for watch in watches { try watch.waitForEnd(.seconds(20)) }
            #expect(processes(uids: scene.identity..<(scene.identity + 1)).allSatisfy { $0 == scene.pid })
            held.closeInput()
            _ = try held.finish()
        }
    }
}
