// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

/// Copies of upstreams when what fills them is refused, killed, doubled, or has been taken over.
@Suite("mirrors that are disturbed", .serialized, .requires(.git), .requires(.root), .timeLimit(.minutes(3)))
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
            reading.release()
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
        lease.release()
        let done = try running.finish()
        #expect(done.code == 125 && done.errorText.contains("pack"), "\(done.text)\(done.errorText)")
        #expect(try filled.current() == before)
        #expect(try filled.fill().code == 0)
        #expect(try filled.current() == filled.newest)
    }
}
