// SPDX-License-Identifier: Apache-2.0
import TestSupport
import Testing

extension Threats {
    /// Rows K07, K09, K14 and K30: the filter that a running session really has, taken out of the kernel and computed.
    @Suite("threats 4.2: the filter in force")
    struct FilterThreatTests {
        /// The filter of a live session's workload.
        private func filterInForce(_ profile: String) throws -> FilterMachine {
            let sallyport = try Sallyport()
            let running = try sallyport.runCommand(
                profile: profile, options: Sallyport.probeMount, record: sallyport.home.at("result.json"),
                [Sallyport.probe, "do", "then", "ids"]
            ).start()
            #expect(try running.line() == "ready")
            let workload = try #require(descendants(of: running.pid).first { $0.name == "sp-probe" })
            let dump = try Command(Executables.probe, ["filter", "\(workload.pid)"]).run()
            running.closeInput()
            #expect(try running.finish().code == 0)
            return try #require(FilterMachine(dump.lines), "\(dump.errorText)")
        }

        @Test("K07: another architecture is refused before any number is looked at", .requires(.root))
        func k07() throws {
            let filter = try filterInForce("strict")
            // The word at offset 4 is the architecture: it decides first, in each filter that the kernel runs.
            for code in filter.filters { #expect(code[0].code == 0x20 && code[0].k == 4) }
            for number in UInt32(0)..<1024 {
                for architecture in [FilterMachine.i386, FilterMachine.aarch64, 0] {
                    let verdict = filter.verdict(number, architecture: architecture)
                    #expect(verdict == .killProcess || verdict == .killThread, "number \(number)")
                }
                let x32 = filter.verdict(number | 0x4000_0000)
                #expect(x32 == .killProcess || x32 == .killThread, "x32 number \(number)")
            }
            // The controls: a native read goes through, and so does what socketcall would have stood for.
            #expect(filter.verdict(0) == .allow)
            #expect(filter.verdict(41, [2, 1, 0]) == .allow)
            try prove("K07", ["K07a": "ENOSYS", "K07b": "SIGSYS"])
        }

        @Test("K09: a refusal that is notified is never turned into a call", .requires(.root))
        func k09() throws {
            let filter = try filterInForce("strict")
            // Whatever the filter hands to the listener is a call that the policy refuses whatever its arguments point
            // to, so there is no answer for which a pointer would have to be read: mount and unshare, but never openat.
            #expect(filter.verdict(165) == .notify)
            for number: UInt32 in [2, 59, 257, 322, 42, 49] {
                #expect(filter.verdict(number) == .allow, "number \(number)")
            }
            // 257 openat, 59 execve, 322 execveat, 42 connect, 49 bind, 2 open.
            let run = try Sallyport().probe(profile: "strict", ["run", "K14.mount"])
            #expect(run.attempts.map(\.word) == ["EPERM"], "\(run.text)\(run.errorText)")
        }

        @Test("K14: no call with a history of holes is let through", .requires(.root))
        func k14() throws {
            var expected: [String: String] = [:]
            let ids = try Command(Executables.probe, ["list"]).run().lines.compactMap {
                $0.split(separator: "\t").first
            }
            for id in ids where id.hasPrefix("K14.") { expected[String(id)] = "EPERM" }
            #expect(expected.count > 40)
            try prove("K14", expected)
        }

        @Test("K14: every number that the filter lets through is in the golden list", .requires(.root))
        func k14Golden() throws {
            let filter = try filterInForce("strict")
            let allowed = (UInt32(0)..<1024).filter { filter.verdict($0) == .allow }
            let never: [UInt32] = [
                101, 103, 134, 153, 155, 156, 159, 161, 163, 164, 165, 166, 167, 168, 169, 170, 171, 172, 173,
                174, 175, 176, 177, 178, 179, 180, 212, 227, 237, 238, 246, 248, 249, 250, 256, 272, 278, 279, 298, 300,
                301, 303, 304, 305, 308, 310, 311, 312, 313, 320, 321, 323, 425, 426, 427, 428, 429, 430, 431, 432, 433,
                435, 438, 442, 443, 447,
            ]
            #expect(allowed.count > 150)
            #expect(Set(allowed).isDisjoint(with: never), "\(Set(allowed).intersection(never).sorted())")
            // Above the newest number that this kernel's table has, nothing is known and nothing is allowed.
            #expect(allowed.allSatisfy { $0 < 480 })
        }

        @Test("K30: no list of programs is claimed, and a loader or a copy gains nothing", .requires(.root))
        func k30() throws {
            let sallyport = try Sallyport()
            let script =
                "cp \(Sallyport.probe) /tmp/copy && /tmp/copy do unshare-user; rm /tmp/copy; "
                + "cp \(Sallyport.probe) /workspace/copy && (exec /workspace/copy do unshare-user)"
            let run = try sallyport.run(profile: "strict", options: Sallyport.probeMount, ["sh", "-c", script])
            #expect(run.lines == ["unshare-user\tEPERM", "unshare-user\tEPERM"], "\(run.errorText)")
            #expect(try onHost(["unshare-user"]) == "ok")
        }
    }
}
