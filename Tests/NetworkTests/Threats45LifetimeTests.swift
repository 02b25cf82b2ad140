// SPDX-License-Identifier: Apache-2.0
import TestSupport
import Testing

extension Network {
    /// Rows of section 4.5 about floods, crashes and changes while a session runs.
    @Suite("threats 4.5: lifetime", .timeLimit(.minutes(25)))
    struct LifetimeEgressTests {
        /// A run that goes on while the test looks at it from outside.
        struct Live {
            let running: Running
            let record: String
            let scene: EgressScene

            init(_ scene: EgressScene, _ rules: [String], _ script: String) throws {
                let (command, record) = try scene.command(
                    rules, ["/usr/bin/python3", "-B", "-c", EgressScene.prelude + script])
                running = try command.start()
                self.record = record
                self.scene = scene
            }

            /// Lets the script read one more line of its input.
            func go() throws { try running.send(Array("go\n".utf8)) }

            func finish() throws -> EgressRun {
                let outcome = try scene.sallyport.outcome(of: try running.finish(), record: record)
                return EgressRun(outcome: outcome, seen: [], audit: try scene.audit(of: outcome))
            }

            /// The process that holds this session's door: a child of the supervisor, by its arguments.
            func gateway() throws -> Int32 {
                let found = names("/proc").compactMap(Int32.init).filter { pid in
                    guard let status = text("/proc/\(pid)/status"), let arguments = text("/proc/\(pid)/cmdline") else {
                        return false
                    }
                    return status.contains("\nPPid:\t\(running.pid)\n") && arguments.contains("egress")
                }
                return try #require(found.count == 1 ? found[0] : nil, "\(found)")
            }
        }

        @Test(
            "E33: half-open connections, slow heads and endless ones end at their caps, and the next session does not notice",
            .requires(NetworkLab.need))
        func e33() throws {
            let script = """
                import select
                held, poll = [], select.poll()
                gone, address = set(), socket.gethostbyname("www.allowed-lab.net")
                for number in range(600):
                    try:
                        one = dial(address, 80)
                        one.send(b"G")
                    except OSError:
                        gone.add(-number)
                        continue
                    held.append(one)
                    poll.register(one, select.POLLIN | select.POLLHUP)
                while len(gone) < 300:
                    for number, _ in poll.poll(20000) or sys.exit("no more were cut: " + str(len(gone))):
                        gone.add(number)
                        poll.unregister(number)
                print("cut", len(gone) >= 300, sep="\\t", flush=True)
                sys.stdin.readline()
                for one in held: one.close()
                def endless():
                    with dial("www.allowed-lab.net", 80) as one:
                        one.sendall(b"GET / HTTP/1.1\\r\\nHost: www.allowed-lab.net\\r\\nX: ")
                        sent = 0
                        try:
                            while sent < 64 << 20: sent += one.send(b"a" * 65536)
                        except OSError: pass
                        return "cut" if sent < 32 << 20 else "took all"
                attempt("endless", endless)
                attempt("after", get, "www.allowed-lab.net")
                """
            let scene = try EgressScene()
            let live = try Live(scene, [webRule], script)
            #expect(try live.running.line() == "cut\tTrue")
            let other = try EgressScene().attempts([webRule], "attempt('other', get, 'www.allowed-lab.net')")
            other.expect(["other": "200"])
            let memory = text("/proc/\(try live.gateway())/status")?.split(separator: "\n").first {
                $0.hasPrefix("VmHWM")
            }
            let kibibytes = memory?.split(separator: " ").compactMap { Int($0) }.first ?? 0
            #expect(kibibytes > 0 && kibibytes < 128 * 1024, "\(memory ?? "")")
            try live.go()
            let run = try live.finish()
            #expect(run.results["endless"] == "cut", "\(run.story)")
            #expect(run.results["after"] == "200", "\(run.story)")
            #expect(run.audit.contains { $0.event == "limit.deny" }, "\(run.story)")
        }

        @Test("E34: without its gateway a session has no way out, and others keep theirs", .requires(NetworkLab.need))
        func e34() throws {
            let script = """
                held = dial("www.allowed-lab.net", 80)
                held.sendall(b"GET /stream HTTP/1.1\\r\\nHost: www.allowed-lab.net\\r\\n\\r\\n")
                print("open", until(held, b"first"), sep="\\t", flush=True)
                sys.stdin.readline()
                attempt("held", lambda: "ended" if not read_all(held).strip(b"RESET") else "went on")
                attempt("name", lookup, "www.allowed-lab.net")
                attempt("address", tcp, "23.50.60.70", 80)
                attempt("resolver", ask, "198.18.0.53", "www.allowed-lab.net")
                """
            let scene = try EgressScene()
            let bystander = try EgressScene()
            let second = try Live(
                bystander, [webRule],
                """
                print("ready", flush=True)
                sys.stdin.readline()
                attempt("second", get, "www.allowed-lab.net")
                """)
            #expect(try second.running.line() == "ready")
            let live = try Live(scene, [webRule], script)
            #expect(try live.running.line() == "open\tTrue")
            try signal(9, to: try live.gateway())
            let (run, seen) = try scene.lab.watch {
                try live.go()
                return try live.finish()
            }
            #expect(seen.of(.packet).isEmpty && seen.of(.connection).isEmpty, "\(seen)")
            // Either the session was ended with its gateway, or everything it tried failed.
            for (label, result) in run.results where label != "open" {
                #expect(
                    ["ended", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET"].contains(result), "\(label)\n\(run.story)")
            }
            #expect(run.outcome.errorText.contains("gateway"), "\(run.story)")
            try second.go()
            #expect(try second.finish().results["second"] == "200")
        }

        @Test(
            "E32: a connection that the policy no longer allows is cut, and the change is recorded",
            .requires(NetworkLab.need))
        func e32() throws {
            let script = """
                held = dial("www.allowed-lab.net", 80)
                held.sendall(b"GET /stream HTTP/1.1\\r\\nHost: www.allowed-lab.net\\r\\n\\r\\n")
                kept = dial("second-lab.net", 80)
                kept.sendall(b"GET /stream HTTP/1.1\\r\\nHost: second-lab.net\\r\\n\\r\\n")
                print("open", until(held, b"first"), sep="\\t", flush=True)
                attempt("held", lambda: "ended" if not read_all(held).strip(b"RESET") else "went on")
                attempt("name", lookup, "www.allowed-lab.net")
                attempt("kept", get, "second-lab.net")
                kept.setblocking(False)
                def still():
                    while chunk := kept.recv(65536): pass
                    return "ended"
                attempt("other", still)
                """
            let scene = try EgressScene()
            let live = try Live(scene, [webRule, "host: second-lab.net, ports: [80]"], script)
            #expect(try live.running.line() == "open\tTrue")
            let session = try #require(names(scene.sallyport.runtime + "/sessions").first)
            let narrower = try scene.profile(["host: second-lab.net, ports: [80]"], name: "narrower")
            let change = try scene.sallyport.command(["session", "policy", session, "--file", narrower]).run()
            #expect(change.code == 0, "\(change.errorText)")
            let run = try live.finish()
            #expect(run.results["held"] == "ended", "\(run.story)")
            #expect(run.results["name"] == "EAI_NONAME", "\(run.story)")
            #expect(run.results["kept"] == "200", "\(run.story)")
            #expect(run.results["other"] == "EAGAIN", "\(run.story)")
            #expect(
                run.audit.contains { $0.event == "policy.apply" && $0.generation == 2 },
                "\(run.story)")
        }

        @Test(
            "the gateway that answers has no capability, a filter, Landlock and an id of its own",
            .requires(NetworkLab.need))
        func confined() throws {
            let scene = try EgressScene()
            let live = try Live(scene, [webRule], "print('ready', flush=True)\nsys.stdin.readline()")
            #expect(try live.running.line() == "ready")
            let status = try #require(text("/proc/\(try live.gateway())/status"))
            for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
                #expect(status.contains("\(set):\t0000000000000000\n"), "\(status)")
            }
            #expect(status.contains("NoNewPrivs:\t1\n") && status.contains("Seccomp:\t2\n"), "\(status)")
            #expect(!status.contains("Uid:\t0\t"), "\(status)")
            try live.go()
            _ = try live.finish()
        }
    }
}
