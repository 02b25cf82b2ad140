// SPDX-License-Identifier: Apache-2.0
import LinuxSystem
import Testing

/// Where the groups of this host are, from the lines of mountinfo and cgroup.
@Suite("cgroup layout")
struct CgroupLayoutTests {
    private func version1(root: String, point: String) -> [UInt8] {
        ["memory", "pids", "cpu,cpuacct", "freezer"].enumerated().map { number, name in
            "\(30 + number) 25 0:\(30 + number) \(root) \(point)/\(name) rw,nosuid - cgroup cgroup rw,\(name)\n"
        }.joined().utf8.map { $0 }
    }

    private func own(_ path: String) -> [Substring] {
        ["4:memory:\(path)", "3:pids:\(path)", "2:cpu,cpuacct:\(path)", "1:freezer:\(path)"].map { $0[...] }
    }

    @Test("a group is found beneath the mount, also where that begins at a container's own group")
    func container() throws {
        for (root, path, found) in [
            ("/", "/", "/sys/fs/cgroup/memory"), ("/", "/a", "/sys/fs/cgroup/memory/a"),
            ("/box/1", "/box/1", "/sys/fs/cgroup/memory"), ("/box/1", "/box/1/a", "/sys/fs/cgroup/memory/a"),
        ] {
            let layout = try CgroupLayout.detect(
                mountinfo: version1(root: root, point: "/sys/fs/cgroup"), own: own(path))
            #expect(layout.ownDirectories.first?.directory == found, "\(root) \(path)")
        }
    }

    @Test("a mount that does not reach the caller's group offers no controller")
    func elsewhere() throws {
        let error = #expect(throws: SystemError.self) {
            try CgroupLayout.detect(mountinfo: version1(root: "/box/1", point: "/sys/fs/cgroup"), own: own("/box/12"))
        }
        #expect(error?.errno == .noDevice)
        #expect(error?.description.hasPrefix("cannot find cgroup controller \"memory\": ") == true)
    }

    @Test("a blank in a path is one, not the four characters it is written as")
    func blanks() throws {
        let layout = try CgroupLayout.detect(
            mountinfo: version1(root: "/", point: #"/my\040groups\134x"#), own: own("/"))
        #expect(layout.ownDirectories.first?.directory == #"/my groups\x/memory"#)
    }
}
