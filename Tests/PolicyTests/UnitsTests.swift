// SPDX-License-Identifier: Apache-2.0
import Documents
import Policy
import Testing

@Suite("limit values")
struct UnitsTests {
    private func load(_ key: String, _ text: String) throws(PolicyError) -> Profile {
        try ProfileFixtures.resolve(ProfileFixtures.overStrict("limits: {\(key): \(text)}"))
    }

    @Test(
        "reads each spelling and writes the shortest",
        arguments: [
            ("memory", "1073741824", "1GiB"), ("memory", "1024KiB", "1MiB"), ("memory", "1000", "1000"),
            ("memory", "1536MiB", "1536MiB"), ("shm", "0", "0"), ("cpu", "2", "2.0"), ("cpu", "0.25", "0.25"),
            ("cpu", "1.005", "1.005"), ("cpu", "1.50", "1.5"), ("wall", "90s", "90s"), ("wall", "120s", "2m"),
            ("wall", "60m", "1h"), ("wall", "0s", "0s"), ("pids", "\"12\"", "12"), ("pids", "4194304", "4194304"),
            ("egress_bytes", "2048KiB", "2MiB"),
            ("egress_bytes", "unlimited", "unlimited"), ("enforcement", "rlimit", "rlimit"),
            ("workspace", "unmetered", "unmetered"),
        ])
    func spellings(key: String, text: String, shown: String) throws {
        let limit = try #require(LimitKey(rawValue: key))
        #expect(try load(key, text).limits.text(limit) == shown)
        #expect(try load(key, shown).limits.text(limit) == shown)
    }

    @Test(
        "refuses every other spelling",
        arguments: [
            ("memory", "1G"), ("memory", "1gib"), ("memory", "1 GiB"), ("memory", "1.5GiB"), ("memory", "-1"),
            ("memory", "0x10"), ("memory", "1_000"), ("memory", "1e9"), ("memory", "17179869185GiB"),
            ("memory", "99999999999999999999"), ("memory", "1TiB"), ("memory", "GiB"), ("memory", "\u{0661}"),
            ("cpu", "1.2345"), ("cpu", ".5"), ("cpu", "1."), ("cpu", "\"1,5\""), ("cpu", "200%"), ("cpu", "1.2.3"),
            ("wall", "1"), ("wall", "1d"), ("wall", "1h30m"), ("wall", "1.5h"), ("wall", "9999h"), ("pids", "4194305"),
            ("pids", "1.0"), ("open_files", "1048577"), ("workspace_inodes", "4294967296"), ("enforcement", "none"),
            ("egress_bytes", "none"), ("egress_bytes", "1TiB"), ("memory", "unlimited"), ("workspace", "yes"),
            ("pids", "[1]"), ("pids", "{a: 1}"), ("pids", "\"\""),
        ])
    func refusals(key: String, text: String) {
        let error = #expect(throws: PolicyError.self) { try load(key, text) }
        #expect(error?.message.hasPrefix("limits.\(key) is ") == true)
        #expect(error?.line == 4)
    }
}
