// SPDX-License-Identifier: Apache-2.0
import Documents
import TestSupport
import Testing

extension Threats {
    /// Rows of section 4.3 about how sessions end: daemons, stopped processes, zombies, crashes, deadlines, floods.
    @Suite("threats 4.3: ends")
    struct LifetimeThreatTests {
        /// Processes that are still in a session's group, in any hierarchy.
        private func leftOver(_ run: Outcome) throws -> [Int32] {
            let session = try #require(run.session, "\(run.errorText)")
            return names("/proc").compactMap { Int32($0) }.filter {
                text("/proc/\($0)/cgroup")?.contains(session) == true
            }
        }

        /// No group bears the session's name, wherever in a hierarchy groups are made on this host.
        private func noResidue(_ session: String?, sourceLocation: SourceLocation = #_sourceLocation) throws {
            let name = try #require(session, sourceLocation: sourceLocation)
            let found = try Command("/usr/bin/find", ["/sys/fs/cgroup", "-name", "*\(name)*"]).run()
            #expect(found.text.isEmpty, "\(found.text)", sourceLocation: sourceLocation)
        }

        @Test(
            "L09: a daemon that ignores every signal ends with its session", .requires(.root), .timeLimit(.minutes(25)))
        func l09() throws {
            let sallyport = try Sallyport()
            let run = try sallyport.probe(profile: "strict", ["bomb", "daemon", "1"])
            #expect(run.outcome == "exited" && run.text == "daemon\tunbounded\t1\n", "\(run.text)\(run.errorText)")
            #expect(try leftOver(run) == [])
            try noResidue(run.session)
        }

        @Test(
            "L10: a session whose processes are all stopped ends at its deadline", .requires(.root),
            .timeLimit(.minutes(25)))
        func l10() throws {
            let sallyport = try Sallyport()
            let run = try sallyport.run(
                profile: "strict", options: ["--limit", "wall=1s"],
                ["sh", "-c", "sleep 1000 & kill -STOP $!; kill -STOP $$"])
            #expect(run.outcome == "timed_out" && run.limit == "wall", "\(run.errorText)")
            #expect(try leftOver(run) == [])
            try noResidue(run.session)
        }

        @Test("L11: orphans are reaped, however many", .requires(.root), .timeLimit(.minutes(25)))
        func l11() throws {
            let run = try Sallyport().probe(
                profile: "strict", options: ["--limit", "pids=32"], ["bomb", "zombies", "3000"])
            // With 32 at a time 3000 only fit when the dead ones are gone; that some had to wait for it is no fault.
            #expect(run.text == "zombies\tunbounded\t3000\n", "\(run.text)\(run.errorText)")
        }

        @Test(
            "L12: a session dies with its supervisor, and sweep leaves nothing of it", .requires(.root),
            .timeLimit(.minutes(25)))
        func l12() throws {
            let sallyport = try Sallyport()
            let running = try sallyport.runCommand(
                profile: "strict", options: Sallyport.probeMount, record: sallyport.home.at("l12.json"),
                [Sallyport.probe, "do", "then", "ids"]
            ).start()
            #expect(try running.line() == "ready")
            let session = try #require(names("\(sallyport.runtime)/sessions").first)
            let inside = descendants(of: running.pid)
            #expect(inside.count >= 2, "control: pid 1 and its workload are there")
            let watched = try inside.map { try ProcessWatch($0.pid) }
            try running.signal(9)
            #expect(try running.finish().ending == .signalled(9))
            for watch in watched { try watch.waitForEnd(.seconds(10)) }
            let sweep = try sallyport.command(["sweep"]).run()
            #expect(sweep.code == 0, "\(sweep.errorText)")
            #expect(names("\(sallyport.runtime)/sessions") == [])
            try noResidue(session)
        }

        @Test(
            "L13: a program that ignores TERM ends at its limit and grace, told apart from any other end",
            .requires(.root), .timeLimit(.minutes(25)))
        func l13() throws {
            let sallyport = try Sallyport()
            let run = try sallyport.probe(profile: "strict", options: ["--limit", "wall=1s"], ["bomb", "sleep"])
            #expect(
                run.outcome == "timed_out" && run.limit == "wall" && run.limitsHit.contains("wall"), "\(run.errorText)")
            #expect(run.code == 137)
            #expect(try leftOver(run) == [])
            let polite = try sallyport.run(profile: "strict", options: ["--limit", "wall=1s"], ["sleep", "1000"])
            #expect(polite.outcome == "timed_out" && polite.code == 143, "\(polite.errorText)")
        }

        @Test(
            "L14: a start that is cancelled leaves nothing that sweep does not take", .requires(.root),
            .timeLimit(.minutes(25)))
        func l14() throws {
            let sallyport = try Sallyport()
            let points = [
                "session.directory", "session.state", "ids.allocated", "cgroup.created", "maps.wait",
                "sandbox.launched",
                "sandbox.verified", "workload.released",
            ]
            for point in points {
                var command = sallyport.runCommand(
                    profile: "strict", record: sallyport.home.at("l14.json"), ["sleep", "1000"])
                command.environment["SALLYPORT_FAULT_POINT"] = point
                #expect(try command.run().ending == .signalled(9), "\(point) was not reached")
            }
            #expect(names("\(sallyport.runtime)/sessions").count == points.count)
            let sweep = try sallyport.command(["sweep"]).run()
            #expect(sweep.code == 0, "\(sweep.errorText)")
            #expect(names("\(sallyport.runtime)/sessions") == [])
            let again = try sallyport.run(profile: "strict", ["true"])
            #expect(again.code == 0 && again.idBase != nil, "\(again.errorText)")
        }

        @Test("L15: a flood of output is cut, marked and blocks nobody", .requires(.root), .timeLimit(.minutes(25)))
        func l15() throws {
            let control = try Command(Executables.probe, ["bomb", "log", "8"]).run()
            #expect(control.output.count == 8 * 1024 * 1024)
            let run = try Sallyport().probe(
                profile: "strict", options: ["--limit", "log_bytes=1MiB"], ["bomb", "log", "64"])
            #expect(run.finished.output.count <= 1024 * 1024)
            #expect(run.finished.output.count >= 1024 * 1024 - 65536)
            #expect(run.limitsHit.contains("log_bytes"), "\(run.errorText)")
            #expect(run.result?["stdout"]?["truncated"]?.boolValue == true)
            #expect(run.outcome == "exited", "the writer came to its end: \(run.errorText)")
        }

        @Test(
            "L16: a spinning program gets the share it has, and the record says that it wanted more", .requires(.root),
            .timeLimit(.minutes(25)))
        func l16() throws {
            let free = try Command(Executables.probe, ["bomb", "spin", "400"]).run()
            #expect(free.text == "spin\tunbounded\t400\n")
            let run = try Sallyport().probe(
                profile: "strict", options: ["--limit", "cpu=0.25"], ["bomb", "spin", "400"])
            #expect(run.text == "spin\tunbounded\t400\n", "\(run.errorText)")
            #expect(run.limitsHit.contains("cpu"))
            // A quarter of a processor: 400 ms of work take 1.6 s at least, however loaded this machine is.
            #expect(run.result?["duration_ms"]?.intValue ?? 0 >= 1200)
        }

        @Test("L18: there is no network to take a share of", .requires(.root))
        func l18() throws {
            let run = try Sallyport().run(profile: "strict", ["sh", "-c", "cat /proc/net/dev /proc/net/route"])
            #expect(
                run.lines.filter { $0.contains(":") }.map { $0.split(separator: ":")[0].split(separator: " ")[0] } == [
                    "lo"
                ])
        }
    }
}
