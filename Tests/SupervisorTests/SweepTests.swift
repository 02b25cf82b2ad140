// SPDX-License-Identifier: Apache-2.0
import Glibc
import Isolation
import LinuxSystem
import Supervisor
import Testing

/// What nobody's session directory speaks of any more.
@Suite("sweep without a session")
struct SweepTests {
    private func make(_ path: String) throws {
        var partial = ""
        for part in path.split(separator: "/") {
            partial += "/" + part
            try #require(mkdir(partial, 0o700) == 0 || errno == EEXIST)
        }
    }

    private func isThere(_ path: String) -> Bool { access(path, F_OK) == 0 }

    @Test("changes on disk go when no supervisor holds them, and what a cut-short removal left goes with them")
    func pools() throws {
        let paths = try temporaryPaths()
        let pool = paths.state + "/pool"
        try make(pool + "/s-aaaaaaaaaaaa/top/u/deep/deeper")
        try make(pool + "/.removed-3-s-bbbbbbbbbbbb/deep/deeper")
        // A mount point of its own has this, and people put things where they like.
        try make(pool + "/lost+found")
        // Closed by the task to everybody, its owner included.
        #expect(chmod(pool + "/s-aaaaaaaaaaaa/top/u/deep", 0) == 0)
        let living = try PoolDirectory.make(
            "s-cccccccccccc", paths: paths, metered: false, block: nil, permissions: 0o755, bytes: 0, inodes: 0)
        var sweep = Sweep(paths, mode: .rootless)
        let report = try sweep.run()
        #expect(report.failures == [])
        #expect(report.files == ["pool/.removed-3-s-bbbbbbbbbbbb", "pool/s-aaaaaaaaaaaa"])
        #expect(isThere(pool + "/s-cccccccccccc/top/u") && isThere(pool + "/lost+found"))
        #expect(living.directory.path == pool + "/s-cccccccccccc/top")
    }

    @Test("a directory of more names than are read at once goes, and so do the directories in it")
    func crowded() throws {
        let paths = try temporaryPaths()
        let crowd = paths.state + "/pool/s-aaaaaaaaaaaa/top/u"
        try make(crowd)
        for number in 0..<4500 {
            #expect(mkdir("\(crowd)/d\(number)", 0o700) == 0)
            #expect(symlink("x", "\(crowd)/d\(number)/in") == 0)
            #expect(symlink("x", "\(crowd)/l\(number)") == 0)
        }
        var sweep = Sweep(paths, mode: .rootless)
        let report = try sweep.run()
        #expect(report.failures == [])
        #expect(try Directory.open(paths.state + "/pool").names() == [])
    }

    @Test("a session directory that was half removed goes")
    func sessions() throws {
        let paths = try temporaryPaths()
        try make(paths.sessions + "/.removed-0-s-aaaaaaaaaaaa/deep")
        var sweep = Sweep(paths, mode: .rootless)
        let report = try sweep.run()
        #expect(report.failures == [])
        #expect(report.files == [".removed-0-s-aaaaaaaaaaaa"])
        #expect(!isThere(paths.sessions + "/.removed-0-s-aaaaaaaaaaaa"))
    }
}
