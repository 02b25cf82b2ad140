// SPDX-License-Identifier: Apache-2.0
import CLinux
import Documents
import Glibc
import TestSupport
import Testing

/// The process that reads a left directory, looked at while it works, and what happens to what steps write.
@Suite("collecting steps", .timeLimit(.minutes(25)))
struct CollectStepTests {
    /// An id that no session and no person has.
    private static let identity: UInt32 = 2_134_000_001

    @Test(
        "the reader holds no privilege, and sees the directory it was given and nothing else", .requires(.root),
        .requires(.git))
    func status() throws {
        let scene = try CollectScene()
        let owned = try Command("/bin/chown", ["-R", "\(Self.identity):\(Self.identity)", scene.left]).run()
        try #require(owned.code == 0)
        // It waits for the receiver's references on its standard input, which is open, in the middle of its work.
        let tree = open(scene.left, O_RDONLY | O_DIRECTORY)
        let sink = open("/dev/null", O_WRONLY)
        defer {
            close(tree)
            close(sink)
        }
        var command = Command(
            Executables.path("sallyport-task"),
            ["step-collect", "--become", "\(Self.identity):\(Self.identity)", "--time", "1", "--base", "-"])
        command.descriptors = [3: sink, 4: sink, 5: tree]
        let end = try runConfined(command, as: Self.identity, root: scene.left)
        // It was at work: what it got is no list of references, and it reports what it read.
        #expect(end.code == 0 && end.text.hasPrefix("layout working_tree\nname main\n"), "\(end.text)\(end.errorText)")
        #expect(end.text.hasSuffix("\nend\n"))
    }

    @Test("a step that only reads has no call that changes a file, whoever owns it", .requires(.git))
    func filter() async throws {
        let scene = try CollectScene()
        let file = scene.left + "/file"
        // The same calls, with the filter of a step that writes and with that of one that reads.
        await #expect(processExitsWith: .exitCode(0)) { [file = file as String] in
            guard sp_task_no_new_privileges() == 0, sp_task_filter(0) == 0 else { exit(1) }
            exit(chmod(file, 0o600) == 0 && link(file, file + "2") == 0 && unlink(file + "2") == 0 ? 0 : 2)
        }
        await #expect(processExitsWith: .exitCode(0)) { [file = file as String] in
            guard sp_task_no_new_privileges() == 0, sp_task_filter(1) == 0 else { exit(1) }
            let opened = open(file, O_RDONLY)
            guard opened >= 0, fchmod(opened, 0o644) == -1, errno == EPERM else { exit(2) }
            for call in [
                { chmod(file, 0o644) }, { unlink(file) }, { link(file, file + "3") }, { rename(file, file + "4") },
                { mkdir(file + "5", 0o755) }, { utimensat(AT_FDCWD, file, nil, 0) }, { symlink("x", file + "6") },
                { truncate(file, 0) }, { chown(file, 1, 1) },
            ] where call() != -1 || errno != EPERM { exit(3) }
            exit(0)
        }
    }

    @Test(
        "what a step left beside objects and branches does not reach anybody's git", .requires(.root), .requires(.git),
        .requires(.runner))
    func shape() throws {
        let scene = try CollectScene()
        let done = try scene.collect(["--base", scene.base])
        let found = try Command("/usr/bin/find", [done.repository, "-type", "f", "-printf", "%P\n"]).run().lines
            .sorted()
        let wanted = ["HEAD", "config", "refs/heads/base", "refs/heads/sallyport/collected/main"]
        #expect(found.filter { !$0.hasPrefix("objects/pack/pack-") } == wanted)
        #expect(
            text(done.repository + "/config")
                == "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n")
    }

    @Test(
        "a directory on a file system that takes no id map is read as its owner, and read-only all the same",
        .requires(.root), .requires(.git))
    func overlay() throws {
        let scene = try CollectScene()
        for name in ["upper", "work", "merged"] { try scene.home.directory(name) }
        try scene.shell("chown -R 4242:4242 .; chmod 600 file")
        let script = """
            mount -t overlay overlay -o lowerdir=left,upperdir=upper,workdir=work merged &&
            exec "$1" collect merged --out out --base "$2"
            """
        var command = Command(
            "/usr/bin/unshare", ["--mount", "/bin/sh", "-c", script, "sh", Executables.sallyport, scene.base])
        command.directory = scene.home.path
        let finished = try command.run()
        #expect(finished.code == 0, "\(finished.errorText)")
        let done = try Collected(finished, directory: scene.home.at("out"))
        #expect(done.record?["source"]?["read_as"]?.stringValue == "owner")
        #expect(try done.git("show", "\(done.commit ?? ""):file") == "two")
        // Nothing was copied up: nothing was written.
        #expect(names(scene.home.at("upper")) == [])
    }
}
