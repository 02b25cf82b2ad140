// SPDX-License-Identifier: Apache-2.0
import Documents
import Policy
import Testing

@Suite("the ceiling of the listening supervisor")
struct SessionCeilingTests {
    static let head = "version: 1\nreason: a test\n"
    static let whole =
        head
        + "supervise:\n  - user: alice\n    profiles: [small]\n    rootfs: [host]\n    sources: [/srv/a]\n    sessions: 2\n"

    @Test("an entry says everything that its user may have")
    func entry() throws {
        let ceiling = try SessionCeiling(
            Array(
                (Self.whole + "    limits: {wall: 1h}\n    models: [\"m.example.com:443\"]\n    export: 2MiB\n").utf8),
            file: "c")
        let entry = try #require(ceiling.entries.first)
        #expect(entry.user.value == "alice" && entry.profiles.map(\.value) == ["small"] && entry.rootfs == ["host"])
        #expect(entry.sources == ["/srv/a"] && entry.sessions == 2 && entry.models == ["m.example.com:443"])
        #expect(entry.limits.map { "\($0.key.rawValue)=\($0.text)" } == ["wall=1h"])
        #expect(entry.exportBytes == 2 << 20)
        #expect(try SessionCeiling(Array(Self.whole.utf8), file: "c").entries.first?.exportBytes == 1 << 30)
        #expect(try SessionCeiling(Array(Self.head.utf8), file: "c").entries.isEmpty)
    }

    static let flawed: [(text: String, message: String)] = [
        (whole + "    profile: [x]\n", "unknown key \"supervise[0].profile\""),
        (whole + "extra: 1\n", "unknown key \"extra\""),
        (head + "supervise:\n  - profiles: [small]\n    sessions: 1\n", "has no \"user\""),
        (head + "supervise:\n  - user: a\n", "has no \"sessions\" from 1 to 1024"),
        (head + "supervise:\n  - user: a\n    sessions: 0\n", "has no \"sessions\" from 1 to 1024"),
        (head + "supervise:\n  - user: a\n    sessions: 1\n    sources: [srv]\n", "which is no plain absolute path"),
        (
            head + "supervise:\n  - user: a\n    sessions: 1\n    sources: [/srv/../etc]\n",
            "which is no plain absolute path"
        ),
        (head + "supervise:\n  - user: a\n    sessions: 1\n    profiles: [/etc/x.yaml]\n", "which is no name"),
        (head + "supervise:\n  - user: a\n    sessions: 1\n  - user: a\n    sessions: 2\n", "names user \"a\" again"),
        (head + "supervise:\n  - user: a\n    sessions: 1\n    limits: {walls: 1h}\n", "unknown key"),
        (whole + "    export: 0\n", "is no size"), (whole + "    export: 2 GiB\n", "is no size"),
        ("reason: a test\n", "no \"version: 1\""),
    ]

    @Test("a file with a flaw is refused as a whole", arguments: flawed.indices)
    func refused(_ index: Int) {
        let (text, message) = Self.flawed[index]
        let error = #expect(throws: PolicyError.self) { try SessionCeiling(Array(text.utf8), file: "c") }
        #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
    }

    @Test("the egress part is the same file without the entries, line by line")
    func egressPart() throws {
        let egress = "egress:\n  rules: []\n"
        #expect(try SessionCeiling.egressPart(Array(Self.whole.utf8), file: "c") == nil)
        let part = try #require(try SessionCeiling.egressPart(Array((Self.whole + egress).utf8), file: "c"))
        let blank = String(repeating: "\n", count: 6)
        #expect(String(decoding: part, as: UTF8.self) == Self.head + blank + egress)
        let plain = Array((Self.head + egress).utf8)
        #expect(try SessionCeiling.egressPart(plain, file: "c") == plain)
        let error = #expect(throws: PolicyError.self) {
            try SessionCeiling.egressPart(Array("{version: 1, supervise: [], egress: {}}".utf8), file: "c")
        }
        #expect(error?.message.contains("shares its line") == true)
    }

    // MARK: Profiles

    static func profile(_ name: String, pids: Int = 100, wall: String = "10m", set: String = "{}") throws(PolicyError)
        -> Profile
    {
        let text = """
            version: 1
            reason: a test
            rootfs: host
            filesystem: {writable: [/workspace, /tmp], read_only: [/usr], workspace: read-write}
            syscalls: {allow_groups: [default]}
            environment: {pass: [LANG], set: \(set)}
            landlock: required
            limits: {enforcement: cgroup, pids: \(pids), memory: 1GiB, shm: 64MiB, tmp: 64MiB, workspace_bytes: 64MiB,
                     workspace_inodes: 1000, open_files: 100, cpu: 1, log_bytes: 1MiB, wall: \(wall)}
            """
        return try Profile.load(name: name) { _ throws(PolicyError) in ("\(name).yaml", Array(text.utf8)) }
    }

    private func ask(_ wanted: Profile, limits: String = "") throws -> Profile {
        let ceiling = try SessionCeiling(Array((Self.whole + limits).utf8), file: "c")
        return try ceiling.entries[0].profile(JSONWriter().write(wanted.document), name: wanted.name) {
            name throws(PolicyError) in try Self.profile(name)
        }
    }

    @Test("what the ceiling's profile gives is given, under the name that was asked for")
    func within() throws {
        let wanted = try Self.profile("own", pids: 50)
        let given = try ask(wanted)
        #expect(given.name == "own" && given.limits.pids == 50)
        #expect(given.canonicalText == wanted.canonicalText)
    }

    static let wider: [(Profile, String)] = {
        do {
            return [
                (
                    try profile("own", pids: 101),
                    "limits.pids is 101, more than 100, and a client may only narrow profile \"small\""
                ),
                (try profile("own", wall: "11m"), "limits.wall is 11m, more than 10m"),
                (try profile("own", set: "{A: \"1\"}"), "environment.set sets \"A\""),
            ]
        } catch { fatalError("\(error)") }
    }()

    @Test("what is wider in one key is refused by its name", arguments: wider.indices)
    func beyond(_ index: Int) {
        let (wanted, message) = Self.wider[index]
        let error = #expect(throws: PolicyError.self) { try ask(wanted) }
        #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
        #expect(error?.description.hasPrefix("cannot stay within the ceiling") == true)
    }

    @Test("limits of the entry take the place of the profile's, up and down")
    func limits() throws {
        let more = try Self.profile("own", wall: "15m")
        #expect(try ask(more, limits: "    limits: {wall: 20m}\n").limits.wallSeconds == 900)
        #expect(throws: PolicyError.self) { try ask(try Self.profile("own"), limits: "    limits: {wall: 5m}\n") }
    }

    @Test("another root file system is refused")
    func rootfs() throws {
        var wanted = try Self.profile("own")
        wanted.rootfs = "debian"
        let error = #expect(throws: PolicyError.self) { try ask(wanted) }
        #expect(error?.message == "rootfs \"debian\" is not among those of \"alice\"")
    }
}
