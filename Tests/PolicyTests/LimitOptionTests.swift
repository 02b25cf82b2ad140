// SPDX-License-Identifier: Apache-2.0
import Documents
import Policy
import Testing

@Suite("limits from the command line")
struct LimitOptionTests {
    static let refusedAlways = [
        ("memroy", "1GiB", "unknown limit \"memroy\""), ("memory", "1GB", "limit \"memory\" is \"1GB\""),
        ("wall", "5", "limit \"wall\" is \"5\""), ("pids", "", "limit \"pids\" is \"\""),
        ("pids", "3", "limits.pids is 3, too small for pid 1, a shell and its command"),
        ("egress_bytes", "1000", "limits.egress_bytes is 1000, too small for the head of a request"),
        ("wall", "0s", "limits.wall is 0s, too small for anything to happen"),
    ]

    private static func both(_ profile: Profile) -> [(String, String) throws -> Profile] {
        [{ try profile.narrowed(limit: $0, value: $1) }, { try profile.setting(limit: $0, value: $1) }]
    }

    @Test("both lower a limit, and say where it came from")
    func lower() throws {
        let strict = try ProfileFixtures.strict()
        for change in Self.both(strict) {
            #expect(try change("memory", "64MiB").limits.memoryBytes == 64 << 20)
            #expect(try change("cpu", "0.5").limits.cpuMillis == 500)
            #expect(try change("wall", "90s").limits.wallSeconds == 90)
            let same = try change("pids", "256")
            #expect(same.limits.pids == 256)
            #expect(same.origins["limits.pids"] == Place(file: "--limit", line: 0))
        }
    }

    @Test("setting raises a limit and leaves the others alone; narrowing refuses the same value")
    func higher() throws {
        let strict = try ProfileFixtures.strict()
        let raised = try strict.setting(limit: "memory", value: "3GiB")
        #expect(raised.limits.memoryBytes == 3 << 30)
        var others = raised.limits
        others.memoryBytes = strict.limits.memoryBytes
        #expect(others == strict.limits)
        #expect(raised.canonicalText != strict.canonicalText)
        let error = #expect(throws: PolicyError.self) { try strict.narrowed(limit: "memory", value: "3GiB") }
        #expect(error?.message == "limit \"memory\" of 3GiB is wider than the 2GiB of profile \"strict\"")
    }

    @Test(
        "how limits are held is not weakened by an option",
        arguments: [
            (
                "enforcement", "rlimit",
                "limit \"enforcement\" of rlimit is weaker than the cgroup of profile \"strict\""
            ),
            (
                "workspace", "unmetered",
                "limit \"workspace\" of unmetered is weaker than the metered of profile \"strict\""
            ),
        ])
    func weaker(key: String, value: String, message: String) throws {
        let strict = try ProfileFixtures.strict()
        let error = #expect(throws: PolicyError.self) { try strict.setting(limit: key, value: value) }
        #expect(error?.message == message)
        let rlimit = try Profile.load(name: "strict-rlimit", source: ProfileFixtures.source())
        #expect(try rlimit.setting(limit: "enforcement", value: "cgroup").limits.enforcement == .cgroup)
    }

    @Test("both refuse what is unknown, unreadable or too small", arguments: refusedAlways)
    func refusals(key: String, value: String, message: String) throws {
        let strict = try ProfileFixtures.strict()
        for change in Self.both(strict) {
            let error = #expect(throws: PolicyError.self) { try change(key, value) }
            #expect(error?.message == message)
            #expect(error?.description.hasPrefix("cannot apply --limit: \(message). ") == true)
        }
    }
}
