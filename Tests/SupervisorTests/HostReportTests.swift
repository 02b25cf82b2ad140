// SPDX-License-Identifier: Apache-2.0
import Documents
import Supervisor
import Testing

@Suite("host report")
struct HostReportTests {
    private func report(_ checks: HostCheck...) -> HostReport {
        HostReport(mode: "host", profile: "strict", checks: checks, differences: [])
    }

    @Test("a profile is held when nothing that it requires is missing or degraded")
    func held() {
        #expect(report(HostCheck("a", .ok, "x")).isHeld)
        #expect(report(HostCheck("a", .missing, "x", isRequired: false)).isHeld)
        #expect(report(HostCheck("a", .degraded(key: "landlock: waived"), "x", isRequired: false)).isHeld)
        #expect(!report(HostCheck("a", .ok, "x"), HostCheck("b", .missing, "x")).isHeld)
        #expect(!report(HostCheck("a", .degraded(key: "landlock: waived"), "x")).isHeld)
    }

    @Test("the key that would allow a degraded layer is part of the record")
    func json() {
        let json = HostCheck("landlock", .degraded(key: "landlock: waived"), "none \u{1b}", remedy: "Boot.").json
        #expect(
            json.compactText
                == #"{"layer":"landlock","status":"degraded","required":true,"found":"none \\u{1b}","key":"landlock: waived","remedy":"Boot."}"#
        )
    }

    @Test(
        "a release is read by its first two numbers",
        arguments: [
            ("6.1.0-18-amd64", KernelVersion(6, 1)), ("6.18.44-fc-v657", KernelVersion(6, 18)),
            ("5.10-rc1", KernelVersion(5, 10)),
            ("6", nil), ("next", nil), ("", nil),
        ])
    func release(text: String, version: KernelVersion?) { #expect(KernelVersion(release: text) == version) }

    @Test("versions compare as numbers, not as text")
    func order() { #expect(KernelVersion(5, 9) < KernelVersion(5, 12)) }

    private static let mounts = MountTable([
        "1 0 254:0 / / rw - ext4 /dev/vda rw", "2 1 0:5 / /proc rw,relatime shared:1 - proc proc rw",
        "3 1 0:6 / /run rw - tmpfs tmpfs rw", "4 1 0:7 / /run rw - ext4 /dev/vdb rw",
        "5 2 0:8 / /proc/sys/fs/binfmt_misc rw - autofs x rw",
        "short line",
    ])

    @Test("the mount that holds a path is the longest one above it, the last of equals")
    func holding() {
        #expect(Self.mounts.entries.count == 5)
        #expect(Self.mounts.holding("/run/x")?.type == "ext4")
        #expect(Self.mounts.holding("/run")?.type == "ext4")
        #expect(Self.mounts.holding("/runner")?.point == "/")
    }

    @Test("a covered part of /proc is found; a place that is empty by design is not one")
    func covered() {
        #expect(Self.mounts.coveringProc == [])
        let container = MountTable(["1 0 0:1 / /proc rw - proc proc rw", "2 1 0:2 /null /proc/kcore rw - tmpfs t rw"])
        #expect(container.coveringProc == ["/proc/kcore"])
    }
}
