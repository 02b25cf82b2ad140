// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

/// Copies of upstreams when what fills them is refused, killed, doubled, or has been taken over.
@Suite(
    "mirrors that are disturbed", .serialized, .requires(.git), .requires(.python), .requires(.root),
    .timeLimit(.minutes(25)))
struct MirrorCrashTests {
    /// An upstream with a copy, and a commit that the copy has not.
    private struct Filled {
        let scene: MirrorTests.Scene
        let mirror: String
        let newest: String
        /// The directory that holds the copy and what belongs to it.
        var place: String { mirror.replacing("/copy/mirror.git", with: "") }

        init() throws {
            scene = try MirrorTests.Scene()
            mirror = try #require(try scene.json(["mirror", scene.upstream])["mirror"]?.stringValue)
            newest = try scene.commit(String(repeating: "what is new\n", count: 1000))
            // One file, so that it can be held.
            try scene.git("gc", "--quiet")
        }

        func fill() throws -> Finished { try scene.run(["mirror", scene.upstream]) }

        func current() throws -> String { try scene.git("rev-parse", "trunk", at: mirror) }

        /// Starts to fill it, and holds the step that takes the new objects as it begins.
        func held() throws -> (filling: Running, lease: Lease) {
            let pack = try #require(names(scene.upstream + "/.git/objects/pack").first { $0.hasSuffix(".idx") })
            let reading = try Lease(scene.upstream + "/.git/objects/pack/" + pack)
            var command = scene.sallyport.command(["task", "mirror", scene.upstream])
            command.deadline = .seconds(60)
            let running = try command.start()
            running.closeInput()
            try reading.isWanted()
            let taking = try Lease(mirror + "/config")
            try reading.release()
            try taking.isWanted()
            return (running, taking)
        }
    }

    @Test("objects that are not taken are a failure, and no session begins with what was there before")
    func refused() throws {
        let filled = try Filled()
        let before = try filled.current()
        let (running, lease) = try filled.held()
        // What the step that reads the upstream would write if somebody had taken it over.
        let pack = open(filled.place + "/incoming", O_RDWR)
        try #require(pack >= 0)
        defer { close(pack) }
        let size = lseek(pack, 0, SEEK_END)
        let flaw: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF]
        try #require(size > 64 && pwrite(pack, flaw, 4, size - 24) == 4)
        try lease.release()
        let done = try running.finish()
        #expect(done.code == 125 && done.errorText.contains("pack"), "\(done.text)\(done.errorText)")
        #expect(try filled.current() == before)
        // And nothing of it is in the way.
        #expect(try filled.fill().code == 0)
        #expect(try filled.current() == filled.newest)
    }

    @Test("who is killed takes along what it has started, and the next one goes on")
    func killed() throws {
        let filled = try Filled()
        let (running, lease) = try filled.held()
        let steps = Processes.below(running.pid)
        try #require(!steps.isEmpty)
        let watches = try steps.map { try ProcessWatch($0) }
        try running.signal(SIGKILL)
        _ = try running.finish()
        // The file is still held: only its own end ends the step.
        for watch in watches { try watch.waitForEnd(.seconds(30)) }
        try lease.release()
        #expect(try filled.fill().code == 0)
        #expect(try filled.current() == filled.newest)
    }

    @Test("what killed processes leave behind is cleared away")
    func leftovers() throws {
        let filled = try Filled()
        let owner = try #require(status(filled.mirror)?.uid)
        for name in [
            "HEAD.lock", "packed-refs.lock", "config.lock", "refs/heads/trunk.lock", "objects/pack/tmp_pack_x",
            "incoming/pack_git2_x",
        ] {
            let path = "\(filled.mirror)/\(name)"
            try #require(
                try Command("/bin/sh", ["-c", "mkdir -p \"$(dirname \"$0\")\" && : > \"$0\"", path]).run().code == 0)
        }
        try #require(try Command("/bin/chown", ["-R", "\(owner):\(owner)", filled.mirror]).run().code == 0)
        let done = try filled.fill()
        #expect(done.code == 0, "\(done.errorText)")
        #expect(try filled.current() == filled.newest)
        let left = try Command(
            "/usr/bin/find", [filled.mirror, "-name", "*.lock", "-o", "-name", "tmp_*", "-o", "-name", "incoming"]
        ).run()
        #expect(left.lines == [])
    }

    /// The lock on the copy, held by the test.
    private final class Held {
        private var number: Int32
        private let inode: UInt64

        init(_ filled: Filled) throws {
            var found = stat()
            let number = open(filled.place + "/lock", O_RDONLY)
            try #require(number >= 0 && flock(number, LOCK_EX) == 0 && fstat(number, &found) == 0)
            self.number = number
            inode = UInt64(found.st_ino)
        }

        /// Waits until somebody waits for it. proc_locks(5)
        func isWanted() throws {
            let deadline = ContinuousClock.now + .seconds(20)
            while !(text("/proc/locks") ?? "").split(separator: "\n").contains(where: {
                $0.contains("-> FLOCK") && $0.contains(":\(inode) ")
            }) {
                try #require(ContinuousClock.now < deadline)
                sched_yield()
            }
        }

        func release() {
            if number >= 0 { close(number) }
            number = -1
        }

        deinit { release() }
    }

    @Test("who waits for another fill can be stopped", arguments: [SIGINT, SIGTERM])
    func stopped(_ signal: Int32) throws {
        let filled = try Filled()
        let held = try Held(filled)
        let running = try filled.scene.sallyport.command(["task", "mirror", filled.scene.upstream]).start()
        running.closeInput()
        try held.isWanted()
        try running.signal(signal)
        let done = try running.finish()
        #expect(done.code != 0)
        #expect(try filled.current() != filled.newest)
        held.release()
    }

    @Test("who waits for another fill waits no longer than it was told to")
    func patience() throws {
        let filled = try Filled()
        let held = try Held(filled)
        let done = try filled.scene.run(["mirror", filled.scene.upstream, "--timeout", "1"])
        #expect(done.code == 125 && done.errorText.contains("another one fills it"), "\(done.errorText)")
        held.release()
        #expect(try filled.scene.run(["mirror", filled.scene.upstream, "--timeout", "60"]).code == 0)
        #expect(try filled.current() == filled.newest)
    }

    @Test("two at once take turns, and each has a whole copy")
    func together() throws {
        let filled = try Filled()
        let runs = try (0..<3).map { index in
            var command = filled.scene.sallyport.command(
                ["task", "repository", filled.scene.upstream, "--out", filled.scene.sallyport.home.at("s\(index)")])
            command.deadline = .seconds(60)
            let running = try command.start()
            running.closeInput()
            return running
        }
        for running in runs {
            let done = try running.finish()
            #expect(done.code == 0, "\(done.errorText)")
        }
        for index in 0..<3 {
            let references = text(filled.scene.sallyport.home.at("s\(index)/quarantine/session.git/packed-refs"))
            #expect(references == "\(filled.newest) refs/heads/trunk\n")
        }
        #expect(try filled.scene.git("fsck", "--full", at: filled.mirror) == "")
    }

    @Test(
        "a copy that was made to point elsewhere leads nobody there",
        arguments: ["objects/pack", "objects", "refs", ""])
    func elsewhere(_ name: String) throws {
        let filled = try Filled()
        let home = filled.scene.sallyport.home
        for directory in ["victim", "victim/pack", "victim/heads"] {
            try home.directory(directory)
            for file in ["tmp_precious", "precious.lock"] { try home.file("\(directory)/\(file)", "x") }
        }
        let place = name.isEmpty ? filled.mirror : "\(filled.mirror)/\(name)"
        try #require(rename(place, home.at("moved")) == 0 && symlink(home.at("victim"), place) == 0)
        let done = try filled.fill()
        #expect(done.code == 125, "\(done.text)")
        for directory in ["victim", "victim/pack", "victim/heads"] {
            #expect(names(home.at(directory)).filter { $0.contains("precious") }.count == 2)
        }
    }
}
