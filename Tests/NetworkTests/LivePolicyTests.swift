// SPDX-License-Identifier: Apache-2.0
import Documents
import TestSupport
import Testing

extension Network {
    /// `sallyport session policy` on a session that goes on meanwhile.
    @Suite("live policy", .timeLimit(.minutes(25)))
    struct LivePolicyTests {
        /// A run whose script waits on its standard input until the test lets it go on.
        struct Session {
            let scene: EgressScene
            let running: Running
            let record: String
            let id: String

            /// Returns when the script has printed "ready".
            init(
                _ scene: EgressScene, _ rules: [String], options: [String] = [], _ script: String
            ) throws {
                let (command, record) = try scene.command(
                    rules, options: options, ["/usr/bin/python3", "-B", "-c", EgressScene.prelude + script])
                self.scene = scene
                running = try command.start()
                self.record = record
                let first = try running.line()
                if first != "ready" {
                    let finished = try running.finish()
                    throw HarnessError("no session: \(first ?? "") \(finished.errorText)")
                }
                id = try #require(names(scene.sallyport.runtime + "/sessions").first)
            }

            var directory: String { "\(scene.sallyport.runtime)/sessions/\(id)" }

            func policy(_ arguments: [String] = []) throws -> Finished {
                try scene.sallyport.command(["session", "policy", id] + arguments).run()
            }

            func change(_ rules: [String]) throws -> Finished {
                let file = try scene.profile(rules, name: "change-\(UInt32.random(in: 0...UInt32.max))")
                return try policy(["--file", file])
            }

            func finish() throws -> EgressRun {
                try running.send(Array("go\n".utf8))
                let outcome = try scene.sallyport.outcome(of: try running.finish(), record: record)
                return EgressRun(outcome: outcome, seen: [], audit: try scene.audit(of: outcome))
            }

            func expectUnchanged(_ run: EgressRun, sourceLocation: SourceLocation = #_sourceLocation) {
                #expect(run.outcome.code == 0, "\(run.story)", sourceLocation: sourceLocation)
                #expect(
                    !run.audit.contains { $0.event == "policy.apply" }, "\(run.story)", sourceLocation: sourceLocation)
                #expect(
                    run.outcome.result?["egress"]?["generation"]?.intValue == 1, "\(run.story)",
                    sourceLocation: sourceLocation)
            }
        }

        static let waiting = "print('ready', flush=True)\nsys.stdin.readline()\n"

        @Test("a name that a wider policy allows is reached in the session that runs", .requires(NetworkLab.need))
        func widened() throws {
            let script = """
                try: socket.getaddrinfo("second-lab.net", 80); before = "found"
                except socket.gaierror: before = "no name"
                print("ready", flush=True)
                sys.stdin.readline()
                print("before", before, sep="\\t", flush=True)
                attempt("after", get, "second-lab.net")
                attempt("other", lookup, "www.denied-lab.org")
                """
            let session = try Session(try EgressScene(), [webRule], script)
            let change = try session.change([webRule, "host: second-lab.net, ports: [80]"])
            #expect(change.code == 0, "\(change.errorText)")
            #expect(change.text == "generation 2 is in force; 0 connections were cut\n")
            let run = try session.finish()
            run.expect(["before": "no name", "after": "200", "other": "EAI_NONAME"])
            #expect(run.audit.contains { $0.event == "policy.apply" && $0.generation == 2 }, "\(run.story)")
            #expect(run.outcome.result?["egress"]?["generation"]?.intValue == 2, "\(run.story)")
            // What was denied before the change is explained by the policy of then.
            let denial = try #require(run.denials.first { $0.name == "second-lab.net" }, "\(run.story)")
            let why = try session.scene.sallyport.command(["why", denial.json["id"]?.stringValue ?? ""]).run()
            #expect(why.text.contains("none names it"), "\(why.text)")
        }

        @Test(
            "a connection that a narrower policy does not allow is reset at once, and the cut is counted",
            .requires(NetworkLab.need))
        func narrowed() throws {
            let script = """
                held = dial("www.allowed-lab.net", 80)
                held.sendall(b"GET /stream HTTP/1.1\\r\\nHost: www.allowed-lab.net\\r\\n\\r\\n")
                answer = b""
                while b"first" not in answer: answer += held.recv(65536) or sys.exit("no stream")
                print("ready", flush=True)
                def end():
                    while held.recv(65536): pass
                    return "ended"
                # Blocks until the gateway ends the connection: nothing here looks at a clock.
                attempt("held", end)
                attempt("again", lookup, "www.allowed-lab.net")
                sys.stdin.readline()
                """
            let session = try Session(try EgressScene(), [webRule], script)
            let change = try session.policy(["--json", "--file", try session.scene.profile([], name: "nothing")])
            #expect(change.code == 0, "\(change.errorText)")
            #expect(change.text == #"{"applied":true,"generation":2,"cut":1}"# + "\n")
            #expect(try session.running.line() == "held\tECONNRESET")
            let run = try session.finish()
            #expect(run.results["again"] == "EAI_NONAME", "\(run.story)")
            let applied = run.audit.filter { $0.event == "policy.apply" }
            #expect(applied.count == 1 && applied[0].generation == 2, "\(run.story)")
            #expect(applied.first?.json["detail"]?.stringValue == "1 connections cut", "\(run.story)")
            #expect(run.audit.contains { $0.event == "tcp.close" && $0.reason == "policy_changed" }, "\(run.story)")
        }

        @Test("what is in force is shown with the place of each rule, then and afterwards", .requires(NetworkLab.need))
        func shown() throws {
            let session = try Session(try EgressScene(), [webRule], Self.waiting)
            let first = try session.policy()
            #expect(first.lines.first == "generation 1, direct_ip explain", "\(first.text)\(first.errorText)")
            #expect(first.text.contains("host www.allowed-lab.net ports 80,443 ("), "\(first.text)")
            #expect(try session.change(["host: second-lab.net"]).code == 0)
            let second = try session.policy(["--json"])
            let state = try JSON.read(Array(second.text.utf8), file: "state")
            #expect(state["generation"]?.intValue == 2, "\(second.text)")
            let rule = state["policy"]?["rules"]?.arrayValue?.first
            #expect(rule?["host"]?.stringValue == "second-lab.net", "\(second.text)")
            #expect(rule?["origin"]?.stringValue?.contains(".yaml:") == true, "\(second.text)")
            _ = try session.finish()
            let after = try session.policy()
            #expect(after.lines.first == "generation 2, direct_ip explain", "\(after.text)\(after.errorText)")
            let late = try session.change([webRule])
            #expect(late.code == 125 && late.errorText.contains("It is not running any more"), "\(late.errorText)")
        }

        @Test("a file that is no policy changes nothing", .requires(NetworkLab.need))
        func badFile() throws {
            let session = try Session(try EgressScene(), [webRule], Self.waiting)
            let wrong = try session.scene.sallyport.home.file(
                "wrong.yaml",
                "version: 1\nreason: A test.\negress:\n  rules:\n    - {host: \"*.com\", reason: All of it.}\n")
            let refused = try session.policy(["--file", wrong])
            #expect(refused.code == 125 && refused.errorText.contains("wrong.yaml:5"), "\(refused.errorText)")
            let observing = try session.scene.sallyport.home.file(
                "observing.yaml", "version: 1\nreason: A test.\negress:\n  observes: true\n")
            let unknown = try session.policy(["--file", observing])
            #expect(unknown.code == 125 && unknown.errorText.contains("observes"), "\(unknown.errorText)")
            let missing = try session.policy(["--file", "/nowhere/at-all.yaml"])
            #expect(missing.code == 125 && missing.errorText.contains("ENOENT"), "\(missing.errorText)")
            session.expectUnchanged(try session.finish())
            #expect(!names(session.directory).contains("egress-2.json"))
        }

        @Test("a port that the session does not listen on is refused with what to do", .requires(NetworkLab.need))
        func port() throws {
            let session = try Session(try EgressScene(), [webRule], Self.waiting)
            let refused = try session.change([webRule, "host: second-lab.net, ports: [8443], tls: sni"])
            #expect(refused.code == 1, "\(refused.text)")
            #expect(
                refused.errorText.contains("cannot open port 8443") && refused.errorText.contains("EADDRNOTAVAIL")
                    && refused.errorText.contains("Start a new session"), "\(refused.errorText)")
            session.expectUnchanged(try session.finish())
        }

        /// The same command on a host whose operator has this ceiling.
        private func under(_ ceiling: String, mode: String = "644", _ command: Command, _ scratch: Scratch) throws
            -> Command
        {
            let place = try scratch.directory("etc-\(UInt32.random(in: 0...UInt32.max))")
            let script = """
                set -e
                mkdir "$1/upper" "$1/work"
                mount -t overlay overlay -o "lowerdir=/etc,upperdir=$1/upper,workdir=$1/work" /etc
                mkdir -p /etc/sallyport
                cp "$2" /etc/sallyport/ceiling.yaml
                chmod "$3" /etc/sallyport/ceiling.yaml
                shift 3
                exec "$@"
                """
            var moved = command
            moved.path = "/usr/bin/unshare"
            moved.arguments =
                [
                    "--mount", "--propagation", "private", "/bin/sh", "-c", script, "sh", place, ceiling, mode,
                    command.path,
                ]
                + command.arguments
            return moved
        }

        @Test(
            "a change stays within the operator's ceiling, or what the session began with", .requires(NetworkLab.need))
        func ceiling() throws {
            let scene = try EgressScene()
            let session = try Session(scene, [webRule], Self.waiting)
            let ceiling = try scene.sallyport.home.file(
                "ceiling.yaml",
                "version: 1\nreason: A ceiling.\negress:\n  rules:\n    - {host: second-lab.net, ports: [80, 443], reason: A test.}\n"
            )
            func change(_ rules: [String], mode: String = "644") throws -> Finished {
                let file = try scene.profile(rules, name: "change-\(UInt32.random(in: 0...UInt32.max))")
                let command = scene.sallyport.command(["session", "policy", session.id, "--json", "--file", file])
                return try under(ceiling, mode: mode, command, scene.sallyport.home).run()
            }
            let beyond = try change(["host: www.denied-lab.org"])
            #expect(beyond.code == 1 && beyond.text.contains(#""applied":false,"reason":"ceiling""#), "\(beyond.text)")
            #expect(beyond.text.contains("opens port 443 of www.denied-lab.org"), "\(beyond.text)\(beyond.errorText)")
            // One that anybody could have written is no ceiling, and none is no limit: so it is an error.
            let writable = try change(["host: second-lab.net"], mode: "666")
            #expect(writable.code == 125 && writable.errorText.contains("Others can write it"), "\(writable.errorText)")
            let within = try change(["host: second-lab.net"])
            #expect(within.text == #"{"applied":true,"generation":2,"cut":0}"# + "\n", "\(within.errorText)")
            let back = try change([webRule])
            #expect(back.text == #"{"applied":true,"generation":3,"cut":0}"# + "\n", "\(back.errorText)")
            let run = try session.finish()
            #expect(run.audit.filter { $0.event == "policy.apply" }.compactMap(\.generation) == [2, 3], "\(run.story)")
        }

        @Test("a session that listens on every port takes any", .requires(NetworkLab.need))
        func anyPort() throws {
            let script = Self.waiting + "attempt('after', tls, 'second-lab.net', 8443, name='second-lab.net')"
            let session = try Session(try EgressScene(), ["host: second-lab.net, ports: [8080], tls: none"], script)
            let changed = try session.change(["host: second-lab.net, ports: [8443], tls: sni"])
            #expect(changed.code == 0, "\(changed.errorText)")
            try session.finish().expect(["after": "200"])
        }

        @Test("a session without egress says so, and so does one that is not there", .requires(NetworkLab.need))
        func noGateway() throws {
            let session = try Session(try EgressScene(), [], Self.waiting)
            #expect(!names(session.directory).contains("control.sock"))
            let refused = try session.change([webRule])
            #expect(refused.code == 125, "\(refused.text)")
            #expect(refused.errorText.contains("lets nothing out"), "\(refused.errorText)")
            #expect(try session.finish().outcome.code == 0)
            let unknown = try session.scene.sallyport.command(
                ["session", "policy", "s-aaaaaaaaaaaa", "--file", try session.scene.profile([webRule])]
            ).run()
            #expect(unknown.code == 125 && unknown.errorText.contains("cannot find session"), "\(unknown.errorText)")
        }

        /// Connects to a control socket and prints the kind and the reason of the answer, or how the connection ended.
        private static let guest = """
            import array, fcntl, os, socket, sys
            os.chdir(sys.argv[1])
            def ask(label, data, *held):
                with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as one:
                    one.connect("control.sock")
                    control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", held))] if held else []
                    try:
                        one.sendmsg([data], control)
                    except BrokenPipeError: pass
                    # Also of a refusal that came before the request was read: no reset stands before the answer.
                    answer = one.recv(4096)
                    print(label, hex(answer[1]) if len(answer) > 4 else "end", answer[4] if len(answer) > 4 else "-")
            def memory(text, sealed=True):
                fd = os.memfd_create("policy", os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC)
                os.write(fd, text)
                if sealed: fcntl.fcntl(fd, 1033, 15)
                return fd
            request = bytes([1, 0x21, 0, 0])

            """

        private func guest(_ session: Session, _ script: String, through: [String] = []) throws -> [String] {
            let line = through + ["/usr/bin/python3", "-B", "-c", Self.guest + script, session.directory]
            let finished = try Command(line[0], Array(line.dropFirst())).run()
            #expect(finished.code == 0, "\(finished.errorText)")
            return finished.lines
        }

        @Test("requests that are none are refused, and the session does not notice", .requires(NetworkLab.need))
        func hostileRequests() throws {
            let script = Self.waiting + "attempt('after', get, 'www.allowed-lab.net')"
            let session = try Session(try EgressScene(), [webRule], script)
            let found = try guest(
                session,
                """
                ask("long", request + bytes(60000))
                ask("short", b"\\x01")
                ask("kind", bytes([1, 0x99, 0, 0]))
                ask("nothing", request)
                ask("two", request, memory(b"{}"), memory(b"{}"))
                ask("many", request, *[0] * 100)
                ask("unsealed", request, memory(b"{}", sealed=False))
                reader, writer = os.pipe()
                ask("pipe", request, reader)
                ask("device", request, os.open("/dev/zero", os.O_RDONLY))
                ask("no json", request, memory(b"\\xff\\x00{"))
                ask("no policy", request, memory(b"{}"))
                ask("observing", request, memory(b'{"version":1,"direct_ip":"explain","rules":[],"observes":true}'))
                ask("registry", request, memory(b'{"version":1,"direct_ip":"explain","rules":[{"id":0,"origin":"x:1",'
                    b'"reason":"r","registry":"pip","ports":[],"ech":"refuse"}]}'))
                silent = [socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(40)]
                for one in silent: one.connect("control.sock")
                ask("behind silent ones", b"\\x01")
                """)
            let labels = [
                "long", "short", "kind", "nothing", "two", "many", "unsealed", "pipe", "device", "no json", "no policy",
                "observing", "registry", "behind silent ones",
            ]
            #expect(found == labels.map { "\($0) 0xa2 2" })
            let run = try session.finish()
            run.expect(["after": "200"])
            session.expectUnchanged(run)
        }

        @Test("R45: the control socket has no path inside, and cannot be given one", .requires(NetworkLab.need))
        func unreachable() throws {
            let script =
                Self.waiting
                    + """
                    found = [os.path.join(place, one) for place, _, files in os.walk("/") for one in files if one == "control.sock"]
                    print("found", found, sep="\\t", flush=True)
                    with open("/proc/net/unix") as table: print("sockets", "control" in table.read(), sep="\\t", flush=True)
                    """
            let session = try Session(try EgressScene(), [webRule], script)
            // The control: it is there, and the walk would have found it.
            #expect(names(session.directory).contains("control.sock"))
            let runtime = session.scene.sallyport.runtime
            for path in [session.directory, session.directory + "/control.sock", runtime + "/sessions", runtime] {
                let record = session.scene.sallyport.home.at("mounted.json")
                let mounted = try session.scene.sallyport.runCommand(
                    options: ["--mount", "\(path):/run/control"], record: record, ["/bin/true"]
                ).run()
                #expect(mounted.code == 125, "\(path): \(mounted.text)")
                #expect(mounted.errorText.contains("keeps its own files"), "\(mounted.errorText)")
            }
            try session.finish().expect(["found": "[]", "sockets": "False"])
        }

        @Test(
            "only root and the session's own user are listened to, from outside of every user namespace",
            .requires(NetworkLab.need))
        func foreigners() throws {
            let session = try Session(try EgressScene(), [webRule], Self.waiting)
            let ask = #"ask("asked", request, memory(b'{"version":1,"direct_ip":"explain","rules":[]}'))"#
            // As it is, the directory alone keeps others away.
            let shut = try Command(
                "/usr/bin/setpriv",
                ["--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/ls", session.directory]
            ).run()
            #expect(shut.code != 0 && shut.text.isEmpty, "\(shut.text)")
            // With the doors wide open it is the kernel's word about the peer that counts.
            let open = try Command(
                "/usr/bin/chmod",
                [
                    "a+rwx", session.scene.sallyport.runtime + "/sessions", session.directory,
                    session.directory + "/control.sock",
                ]
            ).run()
            #expect(open.code == 0, "\(open.errorText)")
            #expect(
                try guest(
                    session, ask, through: ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"])
                    == ["asked 0xa2 1"])
            #expect(
                try guest(session, ask, through: ["/usr/bin/unshare", "--user", "--map-root-user"]) == ["asked 0xa2 1"])
            // The control: the same request of root is a policy like any other.
            let control = try guest(session, ask)
            #expect(control == ["asked 0xa1 0"])
            let run = try session.finish()
            #expect(run.audit.filter { $0.event == "policy.apply" }.count == 1, "\(run.story)")
        }
    }
}
