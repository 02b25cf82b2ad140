// SPDX-License-Identifier: Apache-2.0
import Documents
import TestSupport
import Testing

extension Network {
    /// `limits.egress_bytes`, judged by what servers outside received.
    @Suite("limit on what is sent", .timeLimit(.minutes(10)))
    struct SendLimitTests {
        private static let rules = [
            webRule, "host: raw.allowed-lab.net, ports: [22], tls: raw",
        ]
        private static let figure = 65_536
        private static let cap = ["--limit", "egress_bytes=64KiB"]
        /// Sends so much and compares the echo.
        private static let send = """
            def send(count):
                with dial("raw.allowed-lab.net", 22) as one:
                    try:
                        one.sendall(b"x" * count)
                        one.shutdown(socket.SHUT_WR)
                    except OSError:
                        return "cut"
                    return "whole" if len(read_all(one)) == count else "cut"

            """

        private func received(_ run: EgressRun) -> Int {
            run.seen.of(.closed).filter { $0.port == 22 }.reduce(0) { $0 + $1.received }
        }

        @Test(
            "all connections together stop at the figure; what comes later is refused and told why",
            .requires(NetworkLab.need))
        func figure() throws {
            let script =
                Self.send + """
                    attempt("first", send, 40000)
                    attempt("second", send, 40000)
                    attempt("third", send, 10)
                    attempt("web", get, "www.allowed-lab.net")
                    attempt("name", lookup, "www.allowed-lab.net")
                    """
            let scene = try EgressScene()
            let free = try scene.attempts(Self.rules, options: ["--limit", "egress_bytes=unlimited"], script)
            free.expect(["first": "whole", "second": "whole", "third": "whole", "web": "200", "name": "pool"])
            #expect(received(free) == 80_010 && free.outcome.limitsHit == [], "\(free.story)")

            let capped = try scene.attempts(Self.rules, options: Self.cap, script)
            capped.expect([
                "first": "whole", "second": "cut", "third": "cut", "web": "403 egress_bytes", "name": "pool",
            ])
            #expect(received(capped) > 40_000 - 1 && received(capped) <= Self.figure, "\(capped.story)")
            let sent = capped.audit.filter { $0.event == "tcp.close" }.compactMap(\.bytesUp).reduce(0, +)
            #expect(sent == Self.figure, "\(capped.story)")
            #expect(capped.seen.of(.request).isEmpty, "\(capped.story)")

            let refused = capped.audit.filter { $0.event == "limit.deny" }
            #expect(refused.reduce(0) { $0 + $1.count } == 3, "\(capped.story)")
            #expect(refused.allSatisfy { $0.reason == "egress_bytes" })
            #expect(refused.allSatisfy { $0.remedy?.contains("limits.egress_bytes") == true })
            #expect(capped.outcome.limitsHit == ["egress_bytes"])
            #expect(capped.outcome.result?["egress"]?["capped"]?.intValue == 3)
            #expect(capped.outcome.errorText.contains("(limits.egress_bytes)"), "\(capped.outcome.errorText)")
            let id = try #require(refused.first?.id)
            let why = try scene.sallyport.command(["why", id]).run()
            #expect(why.code == 0, "\(why.errorText)")
            #expect(why.text.contains("may send 64KiB beyond this host"), "\(why.text)")
        }

        @Test("connections that send at the same time do not pass the figure together", .requires(NetworkLab.need))
        func together() throws {
            let script =
                Self.send + """
                    import threading
                    many = [threading.Thread(target=attempt, args=(f"{number}", send, 30000)) for number in range(8)]
                    for one in many: one.start()
                    for one in many: one.join()
                    """
            let scene = try EgressScene()
            let run = try scene.attempts(Self.rules, options: Self.cap, script)
            #expect(run.results.count == 8 && run.results.values.contains("cut"), "\(run.story)")
            #expect(received(run) <= Self.figure, "\(run.story)")
            let sent = run.audit.filter { $0.event == "tcp.close" }.compactMap(\.bytesUp).reduce(0, +)
            #expect(sent == Self.figure, "\(run.story)")
        }

        @Test(
            "a plain request whose body passes the figure is cut and no server sees it whole",
            .requires(NetworkLab.need))
        func body() throws {
            let shell = """
                head -c 30000 /dev/zero | curl -sS -T - -o /dev/null -w '%{http_code}\\n' http://www.allowed-lab.net/a
                head -c 90000 /dev/zero | curl -sS -T - -o /dev/null -w '%{http_code}\\n' http://www.allowed-lab.net/b || true
                """
            let scene = try EgressScene()
            let run = try scene.run(Self.rules, options: Self.cap, ["/bin/bash", "-c", shell])
            #expect(run.outcome.lines.first == "200" && run.outcome.lines.last != "200", "\(run.story)")
            let whole = run.seen.of(.request).filter { $0.bodyBytes >= 30_000 }
            #expect(whole.map(\.target) == ["/a"], "\(run.story)")
            let sent = run.seen.of(.closed).reduce(0) { $0 + $1.received }
            #expect(sent <= Self.figure && run.outcome.limitsHit == ["egress_bytes"], "\(run.story)")
        }

        @Test("a change of policy while it runs renews nothing", .requires(NetworkLab.need))
        func renewed() throws {
            let script =
                Self.send + """
                    first = send(70000)
                    print("ready", flush=True)
                    sys.stdin.readline()
                    print("first", first, sep="\\t", flush=True)
                    attempt("after", send, 10)
                    """
            let session = try LivePolicyTests.Session(
                try EgressScene(), Self.rules, options: Self.cap, script)
            let change = try session.change(Self.rules + ["host: second-lab.net, ports: [80]"])
            #expect(change.code == 0, "\(change.errorText)")
            let run = try session.finish()
            run.expect(["first": "cut", "after": "cut"])
            #expect(run.outcome.result?["egress"]?["generation"]?.intValue == 2, "\(run.story)")
            #expect(run.outcome.limitsHit == ["egress_bytes"], "\(run.story)")
        }
    }
}
