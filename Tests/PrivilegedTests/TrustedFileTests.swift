// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxSystem
import TestSupport
import Testing

/// Profiles, package clients' configuration, the host file, our own programs: one rule for what counts.
@Suite("trusted files")
struct TrustedFileTests {
    private func refusal(
        _ scratch: Scratch, owner: TrustedFile.Owner = .rootOrCaller, followsLinks: Bool = false
    ) -> String? {
        do throws(SystemError) {
            _ = try TrustedFile.open(scratch.at("file"), what: "thing ", owner: owner, followsLinks: followsLinks)
            return nil
        } catch { return error.description }
    }

    @Test("one of the caller's that nobody else can write is opened")
    func good() throws {
        let scratch = try Scratch()
        try scratch.file("file", "text")
        #expect(refusal(scratch) == nil)
        #expect(try TrustedFile.open(scratch.at("file")).readAll(limit: 10, subject: "it") == Array("text".utf8))
    }

    @Test("one that somebody else could have changed is not, and the error says why", .requires(.root))
    func changeable() throws {
        let scratch = try Scratch()
        let path = try scratch.file("file")
        for mode: mode_t in [0o664, 0o646, 0o622] {
            #expect(chmod(path, mode) == 0)
            #expect(refusal(scratch)?.hasSuffix("Others can write it; run chmod go-w on it.") == true)
        }
        #expect(chmod(path, 0o644) == 0)
        #expect(chown(path, 4242, 0) == 0)
        #expect(refusal(scratch)?.contains("It belongs to uid 4242; it must belong to root or to you.") == true)
        #expect(refusal(scratch, owner: .root)?.contains("it must belong to root.") == true)
        #expect(refusal(scratch)?.hasPrefix("cannot trust thing \"\(path)\": ") == true)
    }

    @Test("root's alone is not an ordinary caller's", .requires(.root))
    func callers() async {
        await #expect(processExitsWith: .success) {
            let scratch = try Scratch()
            let path = try scratch.file("file")
            #expect(chown(path, 4242, 4242) == 0)
            #expect(seteuid(4242) == 0)
            defer { #expect(seteuid(0) == 0) }
            _ = try TrustedFile.open(path)
            #expect(throws: SystemError.self) { _ = try TrustedFile.open(path, owner: .root) }
        }
    }

    @Test("a link is refused where another could have made it, and followed where only its end counts")
    func links() throws {
        let scratch = try Scratch()
        try scratch.file("real")
        try scratch.symlink("file", to: "real")
        #expect(refusal(scratch)?.contains("It is a symlink; give the file itself.") == true)
        #expect(refusal(scratch, followsLinks: true) == nil)
        #expect(chmod(scratch.at("real"), 0o666) == 0)
        #expect(refusal(scratch, followsLinks: true) != nil)
    }

    @Test("what is no regular file is refused and not waited for")
    func kinds() throws {
        let scratch = try Scratch()
        #expect(mkfifo(scratch.at("file"), 0o600) == 0)
        #expect(refusal(scratch)?.contains("It must be a regular file.") == true)
        #expect(unlink(scratch.at("file")) == 0)
        #expect(refusal(scratch)?.contains("ENOENT") == true)
        try scratch.directory("file")
        #expect(refusal(scratch)?.contains("It must be a regular file.") == true)
    }
}
