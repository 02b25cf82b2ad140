// SPDX-License-Identifier: Apache-2.0
import TestSupport
import Testing

extension Threats {
    /// Rows of section 4.2 that are tried from inside: namespaces, other entries, other processes, privileges.
    @Suite("threats 4.2: kernel surface")
    struct KernelThreatTests {
        @Test("K01: no new namespace, by no call and however often it is tried", .requires(.root))
        func k01() throws {
            try prove(
                "K01",
                [
                    "K01a": "EPERM", "K01b": "EPERM", "K01c": "ENOSYS", "K01d": "EPERM", "K01e": "EPERM",
                    "K01f": "EPERM",
                    "K01g": "EPERM", "K01h": "EPERM", "K01i": "EPERM", "K01j": "EPERM", "K01k": "EPERM",
                ])
        }

        @Test("K02: clone3, whose flags a filter cannot see, does not exist", .requires(.root))
        func k02() throws {
            try prove("K02", ["K02a": "ENOSYS"])
        }

        @Test("K03: the new mount calls are refused", .requires(.root))
        func k03() throws {
            var expected: [String: String] = [:]
            for letter in "abcdefg" { expected["K03\(letter)"] = "EPERM" }
            try prove("K03", expected)
        }

        @Test("K04: io_uring does not exist", .requires(.root))
        func k04() throws {
            try prove("K04", ["K04a": "ENOSYS", "K04b": "ENOSYS", "K04c": "ENOSYS"])
        }

        @Test("K05: AF_ALG is refused by every entry into the kernel", .requires(.root))
        func k05() throws {
            try prove(
                "K05", ["K05a": "EAFNOSUPPORT", "K05b": Self.foreign, "K05c": Self.x32, "K05d": Self.foreign])
        }

        @Test("K06: calls by another architecture's numbers are refused", .requires(.root))
        func k06() throws {
            try prove(
                "K06",
                [
                    "K06a": Self.foreign, "K06b": Self.foreign, "K06c": Self.foreign, "K06d": Self.x32,
                    "K06e": Self.x32,
                ])
        }

        @Test("K08: a request with bits above the low 32 is the same request", .requires(.root))
        func k08() throws {
            try prove("K08", ["K08a": "EPERM", "K08b": "EPERM"])
        }

        @Test("K10: a filter of one's own takes nothing back and listens to nobody", .requires(.root))
        func k10() throws {
            try prove(
                "K10",
                [
                    "K10a": "EPERM", "K10b": "EPERM", "K10c": "ABSENT", "K10d": "EINVAL", "K10e": "EINVAL",
                    "K10f": "ENOPROTOOPT", "K10g": "ENOPROTOOPT",
                ])
        }

        @Test("K11: keyrings are out of reach", .requires(.root))
        func k11() throws {
            try prove("K11", ["K11a": "EPERM", "K11b": "EPERM", "K11c": "EPERM", "K11d": "EPERM"])
        }

        @Test("K12: no memory and no descriptor of another process can be taken", .requires(.root))
        func k12() throws {
            try prove(
                "K12",
                [
                    "K12a": "EPERM", "K12b": "EPERM", "K12c": "EPERM", "K12d": "EPERM", "K12e": "EPERM",
                    "K12f": "EPERM",
                ])
        }

        @Test("K13: hardenings of a process cannot be switched off", .requires(.root))
        func k13() throws {
            try prove("K13", ["K13a": "EPERM", "K13b": "EPERM", "K13c": "EPERM"])
        }

        @Test("K15: a program from memory is as confined as its parent", .requires(.root))
        func k15() throws {
            try prove("K15", ["K15a": "EPERM"])
        }

        @Test("K16: a setuid file of the host's root gives nothing", .requires(.root))
        func k16() throws {
            try prove("K16", ["K16a": "EPERM", "K16b": "EPERM", "K16c": "EPERM"])
            let tools = try Scratch()
            try tools.file("setuid", bytes: try #require(contents(Executables.probe)), mode: 0o6755)
            let control = try Command(Executables.probe, ["do", "as-nobody", tools.at("setuid"), "do", "ids"]).run()
            #expect(control.lines.first == "euid=0 egid=0")
            let run = try Sallyport().run(
                profile: "strict", options: ["--mount", "\(tools.path):/run/tools"], ["/run/tools/setuid", "do", "ids"])
            #expect(run.lines.first == "euid=1000 egid=1000", "\(run.errorText)")
        }

        @Test("K23: no file system of the kernel can be mounted", .requires(.root))
        func k23() throws {
            var expected: [String: String] = [:]
            for letter in "abcdef" { expected["K23\(letter)"] = "EPERM" }
            try prove("K23", expected)
        }

        @Test("K25: clocks cannot be set", .requires(.root))
        func k25() throws {
            try prove("K25", ["K25a": "EPERM", "K25b": "EPERM", "K25c": "EPERM", "K25d": "EPERM"])
        }

        @Test("K26: no priority above the host's own can be taken", .requires(.root))
        func k26() throws {
            try prove("K26", ["K26a": "EPERM", "K26b": "EACCES", "K26c": "EPERM", "K26d": "EACCES"])
        }

        @Test("K27: counters that tell what neighbours do are not readable", .requires(.root))
        func k27() throws {
            try prove(
                "K27",
                [
                    "K27a": "ENOENT", "K27b": "ENOENT", "K27c": "ENOENT", "K27d": "EMPTY", "K27f": "EMPTY",
                ])
        }

        @Test("K28: the filter leaves the control of speculation to the kernel", .requires(.root))
        func k28() throws {
            let control = try Command(Executables.probe, ["control", "K28"]).run()
            let inside = try Sallyport().probe(profile: "strict", ["run", "K28"])
            let host = try #require(Attempt.read(control.lines).first)
            let found = try #require(inside.attempts.first, "\(inside.errorText)")
            if host.verdict == "works" {
                #expect(found.verdict == "refused", "\(found.line)")
            } else {
                // The processor offers no choice per process: then inside must see exactly what the host sees.
                #expect(host.verdict == "not-applicable" && found.word == host.word, "\(found.line)")
            }
        }

        @Test("K29: signals and descriptors for signals stay within the sandbox", .requires(.root))
        func k29() throws {
            try prove(
                "K29", ["K29a": "EPERM", "K29b": "EPERM", "K29c": "EPERM", "K29d": "EPERM", "K29e": "EPERM"])
            let own = "\(ownPid)"
            #expect(try onHost(["kill", own]) == "ok")
            #expect(try onHost(["setown", own]) == "ok")
            let sallyport = try Sallyport()
            #expect(try sallyport.probe(profile: "strict", ["do", "kill", own]).deed == "ESRCH")
            #expect(try sallyport.probe(profile: "strict", ["do", "setown", own]).deed == "ESRCH")
        }

        // A call by another table's number comes from no compiler of this system: it ends the process.
        private static let foreign = "SIGSYS"
        private static let x32 = "SIGSYS"
    }
}
