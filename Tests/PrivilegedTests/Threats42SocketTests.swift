// SPDX-License-Identifier: Apache-2.0
import TestSupport
import Testing

extension Threats {
    /// Rows of section 4.2 about sockets and objects that are named across processes.
    @Suite("threats 4.2: sockets and shared names")
    struct SocketThreatTests {
        @Test("K17: there is no vsock", .requires(.root))
        func k17() throws {
            try prove("K17", ["K17a": "EAFNOSUPPORT", "K17b": "EAFNOSUPPORT"])
        }

        @Test("K18: netlink is ROUTE and reads only", .requires(.root))
        func k18() throws {
            var expected = ["K18k": "EPERM"]
            for letter in "abcdefghij" { expected["K18\(letter)"] = "EPROTONOSUPPORT" }
            try prove("K18", expected)
        }

        @Test("K19: no family and no protocol but local, TCP and UDP", .requires(.root))
        func k19() throws {
            var expected: [String: String] = [:]
            for letter in "adefghijkqrstuv" { expected["K19\(letter)"] = "EAFNOSUPPORT" }
            for letter in "bclmnop" { expected["K19\(letter)"] = "EPROTONOSUPPORT" }
            try prove("K19", expected)
        }

        @Test("K20: abstract names of the host do not exist inside", .requires(.root))
        func k20() throws {
            try prove("K20", ["K20a": "ECONNREFUSED", "K20b": "ECONNREFUSED", "K20c": "ECONNREFUSED"])
            let name = "@sallyport-test-\(UInt32.random(in: 0...UInt32.max))"
            let listener = try LocalListener(name)
            #expect(try onHost(["connect", name]) == "ok")
            #expect(try Sallyport().probe(profile: "strict", ["do", "connect", name]).deed == "ECONNREFUSED")
            withExtendedLifetime(listener) {}
        }

        @Test(
            "K21: socket files of the host do not exist inside, and one in the workspace answers nobody",
            .requires(.root))
        func k21() throws {
            var expected: [String: String] = [:]
            for letter in "abcdef" { expected["K21\(letter)"] = "ENOENT" }
            try prove("K21", expected)
            let work = try Scratch()
            let listener = try LocalListener(work.at("agent.sock"))
            #expect(try onHost(["connect", work.at("agent.sock")]) == "ok")
            let run = try Sallyport().probe(
                profile: "strict", workspace: work.path, ["do", "connect", "/workspace/agent.sock"])
            #expect(["ECONNREFUSED", "EACCES"].contains(run.deed), "\(run.text)")
            withExtendedLifetime(listener) {}
        }

        @Test("K22: no descriptor inside is a socket over which another could come", .requires(.root))
        func k22() throws {
            try prove("K22", ["K22a": "ABSENT"])
        }

        @Test("K24: System V objects and message queues are the sandbox's own", .requires(.root))
        func k24() throws {
            try prove("K24", ["K24a": "ABSENT", "K24b": "ENOENT"])
            let key = "\(Int32.random(in: 1_000_000...Int32.max))"
            #expect(try onHost(["shm-make", key]) == "ok")
            #expect(try onHost(["shm", key]) == "ok")
            let run = try Sallyport().probe(profile: "strict", ["do", "shm", key])
            #expect(try onHost(["shm-drop", key]) == "ok")
            #expect(run.deed == "ENOENT", "\(run.text)")
        }
    }
}
