// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxSystem
import Testing

@testable import Changes

/// Whether this host lets a user namespace mount an overlay with userxattr; absent although it is listed in
/// SALLYPORT_TESTS_REQUIRE, it fails instead of being skipped.
private enum OverlayNeed {
    struct Missing: Error {}

    static func probe() throws -> Bool {
        let s = try Scratch()
        if run("true", s) == 0 { return true }
        let required = getenv("SALLYPORT_TESTS_REQUIRE").map { String(cString: $0) } ?? ""
        if required.split(separator: ",").contains("overlay") { throw Missing() }
        return false
    }

    /// Runs a script in a real overlay over the scratch layers, in namespaces of its own.
    static func run(_ script: String, _ s: Scratch) -> Int32 {
        system(
            """
            mkdir -p '\(s.path)/t/w' '\(s.path)/merged' && cat >'\(s.path)/script' <<'END' && \
            unshare -U -r -m sh '\(s.path)/script' >'\(s.path)/output' 2>&1
            set -e
            layers='lowerdir=\(s.lower),upperdir=\(s.upper),workdir=\(s.path)/t/w'
            mount -t overlay o -o "$layers,userxattr" '\(s.path)/merged'
            cd '\(s.path)/merged'
            \(script)
            END
            """)
    }
}

@Suite("changes of a real overlay", .enabled("requires overlay in a user namespace") { try OverlayNeed.probe() })
struct OverlayTests {
    @Test("what the kernel writes into the upper layer is read as what was done")
    func operations() throws {
        let s = try Scratch()
        for path in ["a/1", "a/2", "b/x/y", "b/z", "tofile/in", "f", "g"] { try s.file("\(s.lower)/\(path)", path) }
        try s.link("\(s.lower)/link", "f")
        let script = """
            rm -r b; mkdir b; echo new > b/z
            rm -r tofile; echo file > tofile
            rm f; mkdir f; echo in > f/in
            rm g
            chmod 700 a; touch a/1; echo more >> a/2
            ln -sfn g link
            mkdir made; mv made moved; echo 1 > moved/one
            ln moved/one moved/two
            """
        #expect(OverlayNeed.run(script, s) == 0, "\(s.text("\(s.path)/output") ?? "")")
        let set = try s.collect()
        #expect(
            try letters(set) == [
                "m a", "M a/2", "D b/x", "D b/x/y", "M b/z", "T f", "A f/in", "D g", "M link", "A moved",
                "A moved/one", "A moved/two", "T tofile", "D tofile/in",
            ])
        // The collected set, applied, makes the tree what the session saw.
        #expect(try s.apply(set).conflicts == [])
        #expect(
            try s.tree(s.lower) == [
                "a/ 700", "a/1 644 a/1", "a/2 644 a/2more\n", "b/ 755", "b/z 644 new\n", "f/ 755", "f/in 644 in\n",
                "link -> g", "moved/ 755", "moved/one 644 1\n", "moved/two 644 1\n", "tofile 644 file\n",
            ])
    }

    @Test("what the caller removed while the session changed it is a conflict, not a new file")
    func removedMeanwhile() throws {
        let s = try Scratch()
        for path in ["a/kept", "a/changed", "a/other", "gone/in", "f", "g"] { try s.file("\(s.lower)/\(path)", path) }
        let started = milliseconds()
        let script = """
            echo more >> a/changed; echo more >> gone/in; echo new > gone/new; echo 1 > a/new
            mv a/kept a/moved
            echo more >> f; mv g a/g
            """
        #expect(OverlayNeed.run(script, s) == 0, "\(s.text("\(s.path)/output") ?? "")")
        // Control: without the removals nothing stands in the way.
        #expect(
            try letters(s.collect(started: started)) == [
                "M a/changed", "A a/g", "D a/kept", "A a/moved", "A a/new", "M f", "D g", "M gone/in", "A gone/new",
            ])
        #expect(system("rm -r '\(s.lower)/f' '\(s.lower)/gone'") == 0)
        let set = try s.collect(started: started)
        let before = try s.tree(s.lower)
        #expect(
            try letters(set) == [
                "M a/changed", "A a/g", "D a/kept", "A a/moved", "A a/new", "M f", "D g", "M gone/in", "A gone/new",
            ])
        #expect(
            try s.apply(set).conflicts.map(\.shown) == [
                "f: it was file and is now absent", "gone/in: its directory is no longer there",
                "gone/new: its directory is no longer there",
            ])
        #expect(try s.tree(s.lower) == before)
    }

    private func milliseconds() -> UInt64 {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return UInt64(now.tv_sec) * 1000 + UInt64(now.tv_nsec) / 1_000_000
    }

    @Test("attributes and whiteouts that the task makes itself do not hide anything")
    func forgeries() throws {
        let s = try Scratch()
        try s.file("\(s.lower)/d/kept", "1")
        try s.file("\(s.lower)/gone/x", "1")
        // Each forgery may succeed (escaped) or be refused; neither may reach the upper layer under its own name.
        let script = """
            touch d/new
            setfattr -n user.overlay.opaque -v y d || true
            setfattr -n user.overlay.redirect -v /etc d || true
            setfattr -n user.overlay.metacopy d/new || true
            setfattr -n user.overlay.whiteout -v y d/new || true
            setfattr -n user.mine -v 1 d/new
            if mknod d/whiteout c 0 0; then exit 9; fi
            rm -r gone
            """
        #expect(OverlayNeed.run(script, s) == 0, "\(s.text("\(s.path)/output") ?? "")")
        let set = try s.collect()
        #expect(try letters(set) == ["A d/new", "D gone", "D gone/x"])
        #expect(try s.apply(set).conflicts == [])
        #expect(try s.tree(s.lower) == ["d/ 755", "d/kept 644 1", "d/new 644 "])
    }
}
