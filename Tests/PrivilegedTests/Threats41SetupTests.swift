// SPDX-License-Identifier: Apache-2.0
import TestSupport
import Testing

extension Threats {
    /// Rows of section 4.1 that are tried from inside: descriptors, processes, mounts, /proc, devices.
    @Suite("threats 4.1: set-up, seen from inside")
    struct SetupThreatTests {
        @Test("R01: nobody inside can open the program that started the sandbox", .requires(.root))
        func r01() throws {
            try prove("R01", ["R01a": "EACCES"])
        }

        @Test("R01: a script whose interpreter is /proc/self/exe changes no program of ours", .requires(.root))
        func r01Interpreter() throws {
            let work = try Scratch()
            try work.file("evil", "#!/proc/self/exe\n", mode: 0o755)
            let before = contents(Executables.path("sp-init"))
            let run = try Sallyport().run(profile: "strict", workspace: work.path, ["/workspace/evil", "one", "two"])
            #expect(before != nil && contents(Executables.path("sp-init")) == before)
            // Whatever it executed was confined and ended: the session has a record of its own end.
            #expect(["exited", "signalled", "policy"].contains(run.outcome), "\(run.errorText)")
            #expect(run.code != 0)
        }

        @Test("R02: no descriptor leads out, and the current directory lies inside", .requires(.root))
        func r02() throws {
            try prove("R02", ["R02a": "ABSENT", "R02b": "ENOENT", "R02c": "ABSENT"])
        }

        @Test("R04: pid 1 shows neither descriptors nor memory and cannot be traced", .requires(.root))
        func r04() throws {
            try prove("R04", ["R04a": "EACCES", "R04b": "EACCES", "R04c": "EPERM"])
        }

        @Test("R13: a symbolic link lends no right to write", .requires(.root))
        func r13() throws {
            try prove("R13", ["R13a": "EROFS"])
        }

        @Test("R14: a read-only file cannot be hard linked to a writable place", .requires(.root))
        func r14() throws {
            try prove("R14", ["R14a": "EXDEV"])
        }

        @Test("R17: nothing can be mounted", .requires(.root))
        func r17() throws {
            let before = text("/proc/self/mountinfo")
            try prove("R17", ["R17a": "EPERM", "R17b": "EPERM"])
            #expect(before != nil)
            #expect(text("/proc/self/mountinfo")?.contains("sallyport-test") == false, "a mount reached the host")
        }

        @Test("R20: the sandbox's own mounts can be neither detached, moved nor made writable", .requires(.root))
        func r20() throws {
            try prove("R20", ["R20a": "EPERM", "R20b": "EPERM", "R20c": "EPERM", "R20d": "EPERM"])
        }

        @Test("R21: there is no way above the root", .requires(.root))
        func r21() throws {
            try prove("R21", ["R21a": "ABSENT", "R21b": "EACCES"])
        }

        @Test("R22: the root cannot be changed", .requires(.root))
        func r22() throws {
            try prove("R22", ["R22a": "EPERM", "R22b": "EPERM"])
        }

        @Test("R23: a forged file handle opens nothing", .requires(.root))
        func r23() throws {
            try prove("R23", ["R23a": "EPERM", "R23b": "EPERM", "R23c": "EPERM", "R23d": "EPERM"])
        }

        @Test("R24: a handle of a namespace or a process opens nothing", .requires(.root))
        func r24() throws {
            try prove("R24", ["R24a": "EPERM", "R24b": "EPERM", "R24c": "EPERM"])
        }

        @Test("R25: no process shows another root", .requires(.root))
        func r25() throws {
            try prove("R25", ["R25a": "EACCES", "R25b": "EACCES"])
        }

        @Test("R26: the environment, mappings and memory of pid 1 are closed", .requires(.root))
        func r26() throws {
            try prove("R26", ["R26a": "EACCES", "R26b": "EACCES", "R26c": "EACCES", "R26d": "EACCES"])
        }

        @Test("R27: the core pattern cannot be written, and a crash leaves no core", .requires(.root))
        func r27() throws {
            try prove("R27", ["R27a": "EACCES", "R27b": "EPERM", "R27c": "ABSENT"])
        }

        @Test("R28: the programs that the kernel starts cannot be renamed", .requires(.root))
        func r28() throws {
            try prove(
                "R28",
                [
                    "R28a": "ENOENT", "R28b": "EACCES", "R28c": "ENOENT", "R28d": "EACCES", "R28e": "EACCES",
                    "R28f": "EROFS", "R28g": "EACCES",
                ])
        }

        @Test("R29: sysrq cannot be triggered", .requires(.root))
        func r29() throws {
            try prove("R29", ["R29a": "EACCES", "R29b": "EACCES"])
        }

        @Test("R30: the kernel tells nothing about itself", .requires(.root))
        func r30() throws {
            try prove(
                "R30",
                [
                    "R30a": "EACCES", "R30b": "EMPTY", "R30c": "EACCES", "R30d": "ENOENT", "R30e": "EACCES",
                    "R30f": "EMPTY", "R30g": "EMPTY", "R30h": "EMPTY", "R30i": "EPERM", "R30j": "EACCES",
                    "R30k": "EACCES", "R30l": "EMPTY", "R30m": "EMPTY", "R30n": "EACCES",
                ])
        }

        @Test("R31: no cgroup hierarchy can be mounted, with or without a namespace for it", .requires(.root))
        func r31() throws {
            try prove("R31", ["R31a": "EPERM", "R31b": "EPERM", "R31c": "EPERM"])
        }

        @Test("R32: no cgroup file is in sight, and no path of the host's", .requires(.root))
        func r32() throws {
            try prove("R32", ["R32a": "ENOENT", "R32b": "ENOENT", "R32c": "ENOENT", "R32d": "ABSENT"])
        }

        @Test("R38: every capability set of every thread is empty and stays so", .requires(.root))
        func r38() throws {
            try prove("R38", ["R38a": "ABSENT", "R38b": "EPERM", "R38c": "EPERM", "R38d": "EPERM", "R38e": "ABSENT"])
        }

        @Test("R40: a setuid bit or a file capability made here is worth nothing", .requires(.root))
        func r40() throws {
            try prove("R40", ["R40a": "EPERM", "R40b": "ABSENT"])
        }

        @Test("R41: no device can be made, and none but the six harmless ones is there", .requires(.root))
        func r41() throws {
            var expected = ["R41a": "EPERM", "R41b": "EPERM", "R41c": "EPERM", "R41d": "ABSENT"]
            for letter in "efghijk" { expected["R41\(letter)"] = "ENOENT" }
            try prove("R41", expected)
        }

        @Test("R45: there is nothing to connect to", .requires(.root))
        func r45() throws {
            try prove("R45", ["R45a": "ABSENT", "R45b": "ABSENT", "R45c": "ABSENT"])
        }
    }
}
