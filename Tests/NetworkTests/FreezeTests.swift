// SPDX-License-Identifier: Apache-2.0
import Glibc
import TestSupport
import Testing

extension Network {
    /// `sallyport session freeze` and `thaw` on a session at work.
    @Suite("frozen sessions", .timeLimit(.minutes(25)))
    struct FreezeTests {
        typealias Session = LivePolicyTests.Session

        /// Says again what it is told, until it is told "go"; says so when it is asked to end.
        static let echo = """
            import signal
            def heard(*_):
                # Not print: the signal may come in the middle of one.
                os.write(1, b"heard\\n")
                os._exit(7)
            signal.signal(signal.SIGTERM, heard)
            print("ready", flush=True)
            for line in sys.stdin:
                if line == "go\\n": break
                print(line.strip(), flush=True)
            """

        private func hold(_ session: Session, _ verb: String) throws -> Finished {
            try session.scene.sallyport.command(["session", verb, session.id]).run()
        }

        private func isFrozen(_ session: Session) throws -> Bool { try SessionGroup(session.id).isFrozen }

        @Test("nothing of a frozen session runs, and it goes on where it was", .requires(NetworkLab.need))
        func held() throws {
            let session = try Session(try EgressScene(), [webRule], Self.echo)
            try session.running.send(Array("one\n".utf8))
            #expect(try session.running.line() == "one" && !isFrozen(session))
            for _ in 0..<2 {
                let frozen = try hold(session, "freeze")
                #expect(frozen.code == 0, "\(frozen.errorText)")
                // The answer came when nothing ran any more.
                #expect(try isFrozen(session))
            }
            // Its gateway is none of it: the policy can be changed meanwhile.
            #expect(try session.change([webRule, "host: second-lab.net, ports: [80]"]).code == 0)
            try session.running.send(Array("two\n".utf8))
            #expect(try isFrozen(session))
            #expect(try hold(session, "thaw").code == 0)
            #expect(try session.running.line() == "two" && !isFrozen(session))
            #expect(try hold(session, "thaw").code == 0)
            #expect(try session.finish().outcome.code == 0)
        }

        @Test("a frozen session that is ended hears of it, and one that is killed is gone", .requires(NetworkLab.need))
        func ended() throws {
            for kill in [false, true] {
                let session = try Session(try EgressScene(), [webRule], Self.echo)
                #expect(try hold(session, "freeze").code == 0)
                let stop = try session.scene.sallyport.command(
                    ["session", "stop", session.id] + (kill ? ["--kill"] : [])
                ).run()
                #expect(stop.code == 0, "\(stop.errorText)")
                let finished = try session.running.finish()
                if !kill { #expect(finished.text.contains("heard"), "\(finished.text)\(finished.errorText)") }
                #expect(try SessionGroup(session.id).directories == [])
                let late = try hold(session, "thaw")
                #expect(late.code == 125 && late.errorText.contains("not running any more"), "\(late.errorText)")
            }
        }

        @Test("a session without egress cannot be frozen, and says so", .requires(NetworkLab.need))
        func noGateway() throws {
            let session = try Session(try EgressScene(), [], LivePolicyTests.waiting)
            let refused = try hold(session, "freeze")
            #expect(refused.code == 125 && refused.errorText.contains("cannot freeze session"), "\(refused.errorText)")
            #expect(try session.finish().outcome.code == 0)
        }
    }
}
